// The list of lines on a card: highlights the current line and scrolls to it, until the user scrolls.

import { fillLine, showProgress, showDots } from "./line.js";
import { COUNT_IN, Timeline } from "./timeline.js";

/** Position of the current line, as a fraction of the list's height. */
const LINE_POSITION = 0.36;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Event: `following`, when `following` changes: false while the user scrolls. */
export class LineList extends EventTarget {
  following = true;
  #box;
  #list;
  #onSeek;
  #timeline = null;
  #lines = [];
  #buttons = [];
  #group = -2;
  #dots = document.createElement("p");

  constructor({ box, list, onSeek }) {
    super();
    [this.#box, this.#list, this.#onSeek] = [box, list, onSeek];
    this.#dots.className = "dots";
    this.#dots.setAttribute("aria-hidden", "true");
    for (const name of ["wheel", "touchmove"]) box.addEventListener(name, () => this.follow(false), { passive: true });
    // A press on the box itself is a press on its scroll bar.
    box.addEventListener("pointerdown", (event) => event.target === box && this.follow(false));
    list.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.following && this.#scrollToLine("instant")).observe(box);
  }

  set(lyrics) {
    const { lines = [], synced = false } = lyrics ?? {};
    this.#timeline = synced ? new Timeline(lines) : null;
    this.#lines = lines;
    this.#group = -2;
    this.#buttons = [];
    this.#list.replaceChildren(...lines.map((line, i) => this.#item(line, i, synced)));
    if (synced) this.#list.prepend(this.#dotsItem());
    this.follow(true);
  }

  /** Starts or stops following the current line. */
  follow(following) {
    if (following) this.#scrollToLine();
    if (following === this.following) return;
    this.following = following;
    this.dispatchEvent(new Event("following"));
  }

  /** Highlights what is sung at a time in seconds. */
  show(time) {
    if (!this.#timeline) return;
    const { group, singing, dots } = this.#timeline.at(time);
    showDots(this.#dots, dots, COUNT_IN);
    if (group !== this.#group) this.#enter(group);
    this.#list.toggleAttribute("data-pausing", !singing);
    const { from, to, end } = this.#timeline.groups[group] ?? {};
    for (let i = from; i < to; i += 1) showProgress(this.#button(i), this.#lines[i], time, end);
  }

  #enter(group) {
    const { from = -1, to = 0 } = this.#timeline.groups[group] ?? {};
    this.#group = group;
    this.#lines.forEach((line, i) => {
      const button = this.#button(i);
      const now = i >= from && i < to;
      button.dataset.when = now ? "now" : i < to ? "past" : "later";
      if (now) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      if (!button.contains(document.activeElement)) button.tabIndex = i === Math.max(0, from) ? 0 : -1;
      if (!now) showProgress(button, line, i < to ? Infinity : -1, 0);
    });
    this.#placeDots(to);
    if (this.following) this.#scrollToLine();
  }

  /** Moves the count-in dots before the line that they announce. */
  #placeDots(next) {
    const item = this.#dots.parentElement;
    const before = this.#lines[next] && this.#button(next).parentElement;
    if (before && item.nextElementSibling !== before) before.before(item);
  }

  #scrollToLine(behavior = reducedMotion.matches ? "instant" : "smooth") {
    const from = this.#timeline?.groups[this.#group]?.from;
    if (this.#box.offsetParent === null) return;
    const top = from === undefined ? 0 : this.#button(from).parentElement.offsetTop - this.#box.clientHeight * LINE_POSITION;
    this.#box.scrollTo({ top, behavior });
  }

  #button(index) {
    return this.#buttons[index];
  }

  #item(line, index, synced) {
    const item = document.createElement("li");
    const node = document.createElement(synced ? "button" : "p");
    node.className = "lyric";
    fillLine(node, line);
    if (synced) {
      node.type = "button";
      node.tabIndex = index ? -1 : 0;
      node.dataset.when = "later";
      node.addEventListener("click", () => {
        this.#onSeek(line.start_s);
        this.follow(true);
      });
    }
    this.#buttons.push(node);
    item.append(node);
    return item;
  }

  #dotsItem() {
    const item = document.createElement("li");
    item.setAttribute("aria-hidden", "true");
    item.append(this.#dots);
    return item;
  }

  /** Roving tabindex: one tab stop for all lines, arrow keys move between them. */
  #onKey(event) {
    const at = this.#buttons.indexOf(event.target);
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (at < 0 || step === undefined) return;
    const to = this.#buttons[Math.min(this.#buttons.length - 1, Math.max(0, at + step))];
    event.preventDefault();
    event.stopPropagation();
    this.follow(false);
    event.target.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }
}
