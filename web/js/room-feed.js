// Brings what is known of workers and queue: every change while the machine room is open, else as little as will do.
//
// Browsers open six connections a host, so that the room's stream is one of those that songs share. Folded, the room
// has none: it looks once when the page opens, and now and then while a song is in work. Hidden, it is still.

import * as api from "./api.js";
import { lendStream, onSongsInWork, songsInWork } from "./events.js";

const LOOK_EVERY_MS = 4000;
const MAX_BACKOFF_MS = 20000;
/** The operator keeps it to himself, or the server knows of no machine room. */
const FORBIDDEN = [401, 403, 404];

export class RoomFeed {
  #handlers;
  #open = false;
  #over = false;
  #source = null;
  #giveBack = null;
  #timer = 0;
  #looking = false;
  #failures = 0;
  #inWork = 0;

  /** `handlers`: `snapshot`, `workers`, `worker`, `queue`, `happening`; `lost` and `back`; `forbidden`. */
  constructor(handlers) {
    this.#handlers = handlers;
    document.addEventListener("visibilitychange", () => this.#follow());
    onSongsInWork(() => {
      const changed = songsInWork() !== this.#inWork;
      this.#inWork = songsInWork();
      if (changed) this.#follow();
    });
  }

  /** Whether every change is wanted, or a look now and then. */
  follow(open) {
    this.#open = open;
    this.#follow();
  }

  get #isWanted() {
    return !document.hidden && !this.#over;
  }

  #follow() {
    clearTimeout(this.#timer);
    if (!this.#isWanted || !this.#open) this.#stopListening();
    if (!this.#isWanted) return;
    if (this.#failures) this.#lookLater();
    else if (this.#open) this.#listen();
    else this.#look();
  }

  #lookLater() {
    clearTimeout(this.#timer);
    const backoff = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    if (this.#isWanted) this.#timer = setTimeout(() => this.#look(), this.#failures ? backoff : LOOK_EVERY_MS);
  }

  #listen() {
    if (this.#source) return;
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
      this.#stopListening();
      this.#failures += 1;
      // A stream does not say why it was refused; a look does.
      if (this.#failures === 1) this.#look();
      else this.#lookLater();
    };
    this.#giveBack = lendStream();
  }

  #stopListening() {
    this.#source?.close();
    this.#source = null;
    const giveBack = this.#giveBack;
    this.#giveBack = null;
    giveBack?.();
  }

  async #look() {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const [{ workers }, queue] = await Promise.all([api.workers(), api.queue()]);
      this.#handlers.back();
      if (!this.#source) this.#handlers.workers(workers, queue);
      this.#goOn();
    } catch (problem) {
      this.#failures += 1;
      this.#over = FORBIDDEN.includes(problem.status);
      if (this.#over) this.#handlers.forbidden();
      else this.#handlers.lost();
      this.#lookLater();
    } finally {
      this.#looking = false;
    }
  }

  /** The server answers: a stream that is wanted is tried again, and counts as well when it is open. */
  #goOn() {
    if (this.#open && this.#isWanted) return this.#listen();
    this.#failures = 0;
    if (songsInWork()) this.#lookLater();
  }
}
