// One worker in the panel: a status light in the worker's colour, its status, its activity and its counts.

import { colourOf } from "../worker-colours.js";
import { capital, text } from "../strings.js";

/** The status shown for a worker: its health as the server sees it comes before the state that it reports. */
export function statusOf({ health, state, current }) {
  if (health !== "alive") return health;
  return current ? "working" : state;
}

export class WorkerCard {
  root;
  #parts;

  constructor(id) {
    this.root = document.getElementById("worker-card-template").content.firstElementChild.cloneNode(true);
    this.#parts = Object.fromEntries([...this.root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
    this.#parts.name.textContent = id;
    this.root.dataset.colour = colourOf(id);
  }

  /** `activity` says in words what it works on; `retried`: the part was begun before; `ownProcess`: no other worker shares its process. */
  show(worker, { activity, retried, ownProcess }) {
    const status = statusOf(worker);
    const before = this.root.dataset.status;
    if (before !== status) {
      this.root.dataset.status = status;
      // The animation runs only when the crash happens while the page is open.
      this.root.toggleAttribute("data-just-crashed", before !== undefined && status === "crashed");
    }
    this.root.toggleAttribute("data-retried", retried);
    const about = text.workersPanel.about(worker);
    if (this.root.title !== about) this.root.title = about;
    setText(this.#parts.status, text.workersPanel.status[status] ?? capital(status));
    setText(this.#parts.activity, capital(activity));
    setText(this.#parts.counts, counts(worker));
    setText(this.#parts.cpu, ownProcess && worker.health === "alive" ? ` · ${text.workersPanel.cpu(worker.cpu_load)}` : "");
  }
}

/** Parts done, failures that are not zero, and the execution provider. */
function counts(worker) {
  const shown = Object.entries(text.workersPanel.counts).map(([key, word]) =>
    key === "served" ? `${worker.served} ${word}` : text.workersPanel.count(worker[key], word),
  );
  return [...shown, worker.provider].filter(Boolean).join(" · ");
}

/** Sets the text only if it differs, to avoid a needless layout. */
export function setText(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
