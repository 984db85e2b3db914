// The workers panel: shows what each worker does and what happened lately. It is one line high until it is opened.

import { announce } from "../announcer.js";
import { WorkerStream } from "./worker-stream.js";
import { PanelView } from "./panel-view.js";
import { EventLog } from "./event-log.js";
import { text } from "../strings.js";

/** Kept across versions of the page: renaming it would lose the setting. */
const STORAGE_KEY = "karaoke.room";
/** A worker that has left is shown for this long, as long as the server still lists it. */
const REMOVE_AFTER_MS = 600_000;
/** Announcements within this time are combined. */
const ANNOUNCE_DELAY_MS = 1000;
/** More events than this are announced as a number only. */
const MAX_ANNOUNCED = 3;
const page = document.documentElement;

export class WorkersPanel {
  #workers = new Map();
  #queue = null;
  #log = new EventLog();
  #view;
  #offline = false;
  #frame = 0;
  #unannounced = [];
  #announceTimer = 0;

  /** `titleOf(id)` gives the title of a song on this page. */
  constructor({ titleOf }) {
    this.#view = new PanelView({ titleOf, onToggle: () => this.#toggle() });
    new WorkerStream({
      snapshot: ({ workers, queue, story: events }) => {
        this.#log.replace(events);
        this.#setAll(workers, queue);
      },
      worker: (worker) => {
        this.#setWorker(worker);
        this.#render();
      },
      queue: (queue) => this.#setQueue(queue),
      event: (event) => this.#onEvent(event),
      lost: () => this.#setOffline(true),
      back: () => this.#setOffline(false),
      forbidden: () => this.#close(),
    });
    this.#render();
  }

  get #isOpen() {
    return page.dataset.workers === "open";
  }

  #toggle() {
    if (this.#isOpen) delete page.dataset.workers;
    else page.dataset.workers = "open";
    saveOpen(this.#isOpen);
    this.#render();
  }

  /** Hides the panel from a visitor who may not see it. */
  #close() {
    delete page.dataset.workers;
    saveOpen(false);
    this.#view.hide();
  }

  #setAll(workers, queue) {
    this.#workers.clear();
    for (const worker of workers) this.#setWorker(worker);
    this.#setQueue(queue);
  }

  #setWorker(worker) {
    this.#workers.set(worker.id, { worker, lastSeen: Date.now() - worker.heard_s_ago * 1000 });
  }

  #setQueue(queue) {
    if (this.#queue && this.#isOpen && queue.connected !== this.#queue.connected) {
      announce(queue.connected ? text.workersPanel.brokerBack : text.workersPanel.brokerLost);
    }
    this.#queue = queue;
    this.#render();
  }

  #onEvent(event) {
    const level = this.#log.add(event);
    const isRetried = level === "notable" && event.what === "began";
    if (isRetried || ["crashed", "gone", "returned", "refused", "lost"].includes(event.what)) this.#announceSoon(event);
    this.#render();
  }

  /** Announces problems to screen readers after a short delay; many at once are announced as a number. */
  #announceSoon(event) {
    this.#unannounced.push(event);
    this.#announceTimer ||= setTimeout(() => {
      const sentences = this.#unannounced.map((unannounced) => this.#view.sentence(unannounced));
      [this.#unannounced, this.#announceTimer] = [[], 0];
      if (sentences.length > MAX_ANNOUNCED) announce(text.workersPanel.many(sentences.length));
      else sentences.forEach(announce);
    }, ANNOUNCE_DELAY_MS);
  }

  #setOffline(offline) {
    this.#offline = offline;
    this.#render();
  }

  /** Renders at most once per animation frame. */
  #render() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#removeOld();
      if (!this.#queue) return;
      this.#view.show({
        open: this.#isOpen,
        offline: this.#offline,
        workers: this.#workers,
        queue: this.#queue,
        log: this.#log,
      });
    });
  }

  #removeOld() {
    const now = Date.now();
    for (const [id, { worker, lastSeen }] of this.#workers) {
      const isPresent = worker.health === "alive" || worker.health === "suspect";
      if (!isPresent && now - lastSeen > REMOVE_AFTER_MS) this.#workers.delete(id);
    }
  }
}

function saveOpen(open) {
  try {
    if (open) localStorage.setItem(STORAGE_KEY, "open");
    else localStorage.removeItem(STORAGE_KEY);
  } catch {
    // Storage is full or forbidden: the next visit begins with the panel closed.
  }
}
