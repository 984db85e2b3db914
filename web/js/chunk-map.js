// The chunk map: a row of cells that shows the state of each chunk of a song; choosing a cell seeks there.

import { colourOf } from "./worker-colours.js";
import { text } from "./strings.js";

// With more chunks than this, neighbours share a cell, so that a ten-hour file stays fast.
const MAX_CELLS = 120;
/** A cell shows the first of these states that any of its chunks has. */
const ORDER = ["failed", "working", "queued", "pending", "done"];

const failed = (chunk) => chunk.failures > 0;
const retried = (chunk) => chunk.attempt > 1 || failed(chunk);

export class ChunkMap {
  #list;
  #tooltip;
  #onSeek;
  #chunks = [];
  #cells = [];
  #perCell = 1;
  #current = 0;

  constructor({ list, tooltip, onSeek }) {
    this.#list = list;
    this.#tooltip = tooltip;
    this.#onSeek = onSeek;
    list.setAttribute("aria-label", text.map);
    list.addEventListener("click", (event) => this.#onClick(event));
    list.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("pointerover", (event) => this.#show(event.target));
    list.addEventListener("pointerleave", () => this.#hide());
    list.addEventListener("focusin", (event) => this.#show(event.target));
    list.addEventListener("focusout", () => this.#hide());
  }

  /** Replaces all chunks. */
  set(chunks) {
    this.#chunks = [...chunks].sort((a, b) => a.index - b.index);
    this.#perCell = Math.max(1, Math.ceil(this.#chunks.length / MAX_CELLS));
    const count = Math.ceil(this.#chunks.length / this.#perCell);
    if (count !== this.#cells.length) this.#build(count);
    for (let cell = 0; cell < count; cell += 1) this.#place(cell);
    for (let cell = 0; cell < count; cell += 1) this.#render(cell);
  }

  /** Updates one chunk. */
  update(chunk) {
    const at = this.#chunks.findIndex((c) => c.index === chunk.index);
    if (at < 0) return; // Not in the last snapshot; the next one has it.
    this.#chunks[at] = chunk;
    this.#render(Math.floor(at / this.#perCell));
  }

  get size() {
    return this.#chunks.length;
  }

  /** Whether the chunk at a position in seconds is done. */
  isReady(seconds) {
    const chunk = this.#chunks.find((c) => seconds >= c.start_s && seconds < c.end_s);
    return !chunk || chunk.state === "done";
  }

  #build(count) {
    this.#cells = Array.from({ length: count }, (_, index) => {
      const item = document.createElement("li");
      const button = item.appendChild(document.createElement("button"));
      button.type = "button";
      button.tabIndex = index === 0 ? 0 : -1;
      button.dataset.cell = index;
      return item;
    });
    this.#current = 0;
    this.#list.replaceChildren(...this.#cells);
  }

  #group(cell) {
    return this.#chunks.slice(cell * this.#perCell, (cell + 1) * this.#perCell);
  }

  #place(cell) {
    const group = this.#group(cell);
    const whole = this.#chunks.at(-1).end_s || 1;
    const style = this.#cells[cell].style;
    style.setProperty("--from", group[0].start_s / whole);
    style.setProperty("--to", Math.min(whole, this.#chunks[(cell + 1) * this.#perCell]?.start_s ?? whole) / whole);
  }

  #render(cell) {
    const group = this.#group(cell);
    const state = ORDER.find((s) => group.some((c) => c.state === s)) ?? "pending";
    const by = group.findLast((c) => c.worker)?.worker;
    const item = this.#cells[cell];
    item.dataset.state = state;
    item.toggleAttribute("data-retried", group.some(retried));
    item.toggleAttribute("data-failed-once", group.some(failed));
    if (by) item.dataset.colour = colourOf(by);
    else delete item.dataset.colour;
    item.firstChild.setAttribute("aria-label", this.#describe(group, state));
    if (this.#tooltip.dataset.cell === String(cell) && !this.#tooltip.hidden) this.#tooltip.textContent = this.#describe(group, state);
  }

  #describe(group, state) {
    const [first, last] = [group[0], group.at(-1)];
    const what = { first: first.index + 1, last: last.index + 1, total: this.#chunks.length, start: first.start_s, end: last.end_s };
    let sentence = `${text.part(what)}: `;
    if (group.length > 1) {
      const retries = group.filter(retried).length;
      sentence += text.partCount(group.filter((c) => c.state === "done").length, group.length);
      return retries ? sentence + text.partsRetried(retries) : sentence;
    }
    sentence += text.partState[state] ?? state;
    if (first.worker && (state === "working" || state === "done")) sentence += text.partWorker(first.worker);
    if (state === "done" && first.seconds != null) sentence += text.partSeconds(first.seconds);
    if (first.attempt > 1) sentence += text.partAttempt(first.attempt);
    if (failed(first)) sentence += text.partFailures(first.failures);
    return sentence;
  }

  #onClick(event) {
    const cell = event.target.dataset.cell;
    if (cell === undefined) return;
    this.#moveFocus(Number(cell));
    this.#onSeek(this.#group(Number(cell))[0].start_s);
  }

  #onKey(event) {
    const last = this.#cells.length - 1;
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
    this.#moveFocus(to);
    this.#cells[to].firstChild.focus();
  }

  #moveFocus(to) {
    this.#cells[this.#current].firstChild.tabIndex = -1;
    this.#current = to;
    this.#cells[to].firstChild.tabIndex = 0;
  }

  #show(button) {
    const cell = button.dataset.cell;
    if (cell === undefined) return;
    this.#tooltip.textContent = button.getAttribute("aria-label");
    this.#tooltip.dataset.cell = cell;
    const { style } = this.#cells[cell];
    const middle = (Number(style.getPropertyValue("--from")) + Number(style.getPropertyValue("--to"))) / 2;
    this.#tooltip.style.setProperty("--at", middle);
    this.#tooltip.hidden = false;
  }

  #hide() {
    this.#tooltip.hidden = true;
  }
}
