// Shows a song's parts as a row of lamps that light up as workers finish them; choosing a lamp seeks there.

import { colourOf } from "./worker-colours.js";
import { text } from "./strings.js";

// Beyond this many, neighbours share a lamp, so that a ten-hour file stays quick.
const MAX_LAMPS = 120;
const ORDER = ["failed", "working", "queued", "pending", "done"];

const failed = (chunk) => chunk.failures > 0;
const retried = (chunk) => chunk.attempt > 1 || failed(chunk);

export class ChunkMap {
  #list;
  #tip;
  #onSeek;
  #chunks = [];
  #lamps = [];
  #perLamp = 1;
  #current = 0;

  constructor({ list, tip, onSeek }) {
    this.#list = list;
    this.#tip = tip;
    this.#onSeek = onSeek;
    list.setAttribute("aria-label", text.map);
    list.addEventListener("click", (event) => this.#choose(event));
    list.addEventListener("keydown", (event) => this.#move(event));
    list.addEventListener("pointerover", (event) => this.#show(event.target));
    list.addEventListener("pointerleave", () => this.#hide());
    list.addEventListener("focusin", (event) => this.#show(event.target));
    list.addEventListener("focusout", () => this.#hide());
  }

  /** Replaces all chunks. */
  set(chunks) {
    this.#chunks = [...chunks].sort((a, b) => a.index - b.index);
    this.#perLamp = Math.max(1, Math.ceil(this.#chunks.length / MAX_LAMPS));
    const count = Math.ceil(this.#chunks.length / this.#perLamp);
    if (count !== this.#lamps.length) this.#build(count);
    for (let lamp = 0; lamp < count; lamp += 1) this.#place(lamp);
    for (let lamp = 0; lamp < count; lamp += 1) this.#paint(lamp);
  }

  /** Takes in one changed chunk. */
  update(chunk) {
    const at = this.#chunks.findIndex((c) => c.index === chunk.index);
    if (at < 0) return; // Not in the plan as told so far; the next snapshot has it.
    this.#chunks[at] = chunk;
    this.#paint(Math.floor(at / this.#perLamp));
  }

  get size() {
    return this.#chunks.length;
  }

  isReady(seconds) {
    const chunk = this.#chunks.find((c) => seconds >= c.start_s && seconds < c.end_s);
    return !chunk || chunk.state === "done";
  }

  #build(count) {
    this.#lamps = Array.from({ length: count }, (_, index) => {
      const item = document.createElement("li");
      const button = item.appendChild(document.createElement("button"));
      button.type = "button";
      button.tabIndex = index === 0 ? 0 : -1;
      button.dataset.lamp = index;
      return item;
    });
    this.#current = 0;
    this.#list.replaceChildren(...this.#lamps);
  }

  #group(lamp) {
    return this.#chunks.slice(lamp * this.#perLamp, (lamp + 1) * this.#perLamp);
  }

  #place(lamp) {
    const group = this.#group(lamp);
    const whole = this.#chunks.at(-1).end_s || 1;
    const style = this.#lamps[lamp].style;
    style.setProperty("--from", group[0].start_s / whole);
    style.setProperty("--to", Math.min(whole, this.#chunks[(lamp + 1) * this.#perLamp]?.start_s ?? whole) / whole);
  }

  #paint(lamp) {
    const group = this.#group(lamp);
    const state = ORDER.find((s) => group.some((c) => c.state === s)) ?? "pending";
    const by = group.findLast((c) => c.worker)?.worker;
    const item = this.#lamps[lamp];
    item.dataset.state = state;
    item.toggleAttribute("data-retried", group.some(retried));
    item.toggleAttribute("data-failed-once", group.some(failed));
    if (by) item.dataset.colour = colourOf(by);
    else delete item.dataset.colour;
    item.firstChild.setAttribute("aria-label", this.#describe(group, state));
    if (this.#tip.dataset.lamp === String(lamp) && !this.#tip.hidden) this.#tip.textContent = this.#describe(group, state);
  }

  #describe(group, state) {
    const [first, last] = [group[0], group.at(-1)];
    const what = { first: first.index + 1, last: last.index + 1, total: this.#chunks.length, start: first.start_s, end: last.end_s };
    let sentence = `${text.part(what)}: `;
    if (group.length > 1) {
      const again = group.filter(retried).length;
      sentence += text.partCount(group.filter((c) => c.state === "done").length, group.length);
      return again ? sentence + text.partsRetried(again) : sentence;
    }
    sentence += text.partState[state] ?? state;
    if (first.worker && (state === "working" || state === "done")) sentence += text.partWorker(first.worker);
    if (state === "done" && first.seconds != null) sentence += text.partSeconds(first.seconds);
    if (first.attempt > 1) sentence += text.partAttempt(first.attempt);
    if (failed(first)) sentence += text.partFailures(first.failures);
    return sentence;
  }

  #choose(event) {
    const lamp = event.target.dataset.lamp;
    if (lamp === undefined) return;
    this.#rove(Number(lamp));
    this.#onSeek(this.#group(Number(lamp))[0].start_s);
  }

  #move(event) {
    const last = this.#lamps.length - 1;
    const to = {
      ArrowRight: Math.min(last, this.#current + 1),
      ArrowLeft: Math.max(0, this.#current - 1),
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Escape") this.#hide();
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#rove(to);
    this.#lamps[to].firstChild.focus();
  }

  #rove(to) {
    this.#lamps[this.#current].firstChild.tabIndex = -1;
    this.#current = to;
    this.#lamps[to].firstChild.tabIndex = 0;
  }

  #show(button) {
    const lamp = button.dataset.lamp;
    if (lamp === undefined) return;
    this.#tip.textContent = button.getAttribute("aria-label");
    this.#tip.dataset.lamp = lamp;
    const { style } = this.#lamps[lamp];
    const middle = (Number(style.getPropertyValue("--from")) + Number(style.getPropertyValue("--to"))) / 2;
    this.#tip.style.setProperty("--at", middle);
    this.#tip.hidden = false;
  }

  #hide() {
    this.#tip.hidden = true;
  }
}
