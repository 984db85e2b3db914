// Brings what is known of workers and queue: every change, by one stream, as long as the page can be seen.

import * as api from "./api.js";

const MAX_BACKOFF_MS = 20000;
/** The operator keeps it to himself, or the server knows of no workers panel. */
const FORBIDDEN = [401, 403, 404];

export class WorkersFeed {
  #handlers;
  #source = null;
  #timer = 0;
  #failures = 0;
  #over = false;

  /** `handlers`: `snapshot`, `worker`, `queue`, `happening`; `lost` and `back`; `forbidden`. */
  constructor(handlers) {
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", () => this.#follow());
    this.#follow();
  }

  #follow() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#over) this.#stop();
    else if (!this.#source) this.#knock();
  }

  /** A stream does not say why it is refused; a question does. */
  async #knock() {
    try {
      await api.queue();
    } catch (problem) {
      this.#over = FORBIDDEN.includes(problem.status);
      if (this.#over) return this.#handlers.forbidden();
      return this.#later();
    }
    if (!document.hidden && !this.#source) this.#listen();
  }

  #listen() {
    const source = new EventSource(api.workersUrl);
    this.#source = source;
    for (const name of ["snapshot", "worker", "queue", "happening"]) {
      source.addEventListener(name, (event) => this.#handlers[name](JSON.parse(event.data)));
    }
    source.onopen = () => {
      this.#failures = 0;
      this.#handlers.back();
    };
    source.onerror = () => {
      this.#handlers.lost();
      if (source.readyState !== EventSource.CLOSED) return;
      this.#stop();
      this.#later();
    };
  }

  #later() {
    this.#failures += 1;
    this.#handlers.lost();
    const backoff = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#follow(), backoff);
  }

  #stop() {
    this.#source?.close();
    this.#source = null;
  }
}
