// One worker in the workers panel: its lamp in its colour, and beside it in words how it is and what it does.

import { colourOf } from "./worker-colours.js";
import { capital, text } from "./strings.js";

/** How a worker is, in one word: its health comes before what it says of itself. */
export function lookOf({ health, state, current }) {
  if (health !== "alive") return health;
  return current ? "working" : state;
}

export class WorkerTile {
  root;
  #parts;

  constructor(id) {
    this.root = document.getElementById("tile-template").content.firstElementChild.cloneNode(true);
    this.#parts = Object.fromEntries([...this.root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
    this.#parts.name.textContent = id;
    this.root.dataset.colour = colourOf(id);
  }

  /** `doing` is a sentence about its part, `again` whether somebody had that part before. */
  paint(worker, { doing, again, ownProcess }) {
    const look = lookOf(worker);
    const before = this.root.dataset.look;
    if (before !== look) {
      this.root.dataset.look = look;
      // Its lamp goes out before one's eyes, but not again on every later visit.
      this.root.toggleAttribute("data-struck", before !== undefined && look === "crashed");
    }
    this.root.toggleAttribute("data-again", again);
    const about = text.workersPanelTexts.about(worker);
    if (this.root.title !== about) this.root.title = about;
    write(this.#parts.look, text.workersPanelTexts.look[look] ?? capital(look));
    write(this.#parts.doing, capital(doing));
    write(this.#parts.counts, counts(worker));
    write(this.#parts.cpu, ownProcess && worker.health === "alive" ? ` · ${text.workersPanelTexts.cpu(worker.cpu_load)}` : "");
  }
}

/** How many parts are done, of what went wrong only what did, and on what it computes. */
function counts(worker) {
  const told = Object.entries(text.workersPanelTexts.counts).map(([key, word]) =>
    key === "served" ? `${worker.served} ${word}` : text.workersPanelTexts.count(worker[key], word),
  );
  return [...told, worker.provider].filter(Boolean).join(" · ");
}

/** Writes only what is new, so that nothing is laid out again without need. */
export function write(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
