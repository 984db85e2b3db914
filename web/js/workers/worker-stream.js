// Follows workers and queue by server-sent events while the page is visible.

import * as api from "../api.js";

/** Upper bound of the pause between attempts to connect. */
const MAX_BACKOFF_MS = 20000;
/** Answers after which the stream is not asked for again: the operator has made it private, or the server has none. */
const FORBIDDEN = [401, 403, 404];

/** Names of the server's events, and the handlers that get them. */
const HANDLERS = { snapshot: "snapshot", worker: "worker", queue: "queue", happening: "event" };

export class WorkerStream {
  #handlers;
  #source = null;
  #timer = 0;
  #failures = 0;
  #forbidden = false;

  /** `handlers`: `snapshot`, `worker`, `queue` and `event` get the event's data; `lost`, `back` and `forbidden` get nothing. */
  constructor(handlers) {
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", () => this.#follow());
    this.#follow();
  }

  #follow() {
    clearTimeout(this.#timer);
    if (document.hidden || this.#forbidden) this.#stop();
    else if (!this.#source) this.#connect();
  }

  /** Asks for the queue first: an `EventSource` does not tell the status of a refusal. */
  async #connect() {
    try {
      await api.queue();
    } catch (problem) {
      this.#forbidden = FORBIDDEN.includes(problem.status);
      if (this.#forbidden) return this.#handlers.forbidden();
      return this.#retryLater();
    }
    if (!document.hidden && !this.#source) this.#listen();
  }

  #listen() {
    const source = new EventSource(api.workersUrl);
    this.#source = source;
    for (const [name, handler] of Object.entries(HANDLERS)) {
      source.addEventListener(name, (event) => this.#handlers[handler](JSON.parse(event.data)));
    }
    source.onopen = () => {
      this.#failures = 0;
      this.#handlers.back();
    };
    source.onerror = () => {
      this.#handlers.lost();
      if (source.readyState !== EventSource.CLOSED) return;
      this.#stop();
      this.#retryLater();
    };
  }

  #retryLater() {
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
