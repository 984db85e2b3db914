// The workers panel: who separates which part, and what happens to them; folded away to one line unless it is wanted.

import { announce } from "./announcer.js";
import { WorkersFeed } from "./workers-feed.js";
import { WorkersView } from "./workers-view.js";
import { EventList } from "./event-list.js";
import { text } from "./strings.js";

const REMEMBERED = "karaoke.room";
/** So long after they went are workers shown, as long as the server remembers them. */
const FORGET_AFTER_MS = 600_000;
const GATHER_MS = 1000;
const MOST_SAID = 3;
const page = document.documentElement;

export class WorkersPanel {
  #workers = new Map();
  #queue = null;
  #events = new EventList();
  #view;
  #offline = false;
  #frame = 0;
  #unsaid = [];
  #saying = 0;

  /** `titleOf(id)` gives the title of a song on this page. */
  constructor({ titleOf }) {
    this.#view = new WorkersView({ titleOf, onToggle: () => this.#toggle() });
    new WorkersFeed({
      snapshot: ({ workers, queue, story: events }) => {
        this.#events.tell(events);
        this.#know(workers, queue);
      },
      worker: (worker) => {
        this.#keepWorker(worker);
        this.#draw();
      },
      queue: (queue) => this.#takeQueue(queue),
      happening: (happening) => this.#happened(happening),
      lost: () => this.#setOffline(true),
      back: () => this.#setOffline(false),
      forbidden: () => this.#close(),
    });
    this.#draw();
  }

  get #isOpen() {
    return page.dataset.workers === "open";
  }

  #toggle() {
    if (this.#isOpen) delete page.dataset.workers;
    else page.dataset.workers = "open";
    remember(this.#isOpen);
    this.#draw();
  }

  /** Nothing of it is shown to who may not see it. */
  #close() {
    delete page.dataset.workers;
    remember(false);
    this.#view.hide();
  }

  #know(workers, queue) {
    this.#workers.clear();
    for (const worker of workers) this.#keepWorker(worker);
    this.#takeQueue(queue);
  }

  #keepWorker(worker) {
    this.#workers.set(worker.id, { worker, heard: Date.now() - worker.heard_s_ago * 1000 });
  }

  #takeQueue(queue) {
    if (this.#queue && this.#isOpen && queue.connected !== this.#queue.connected) {
      announce(queue.connected ? text.workersPanelTexts.brokerBack : text.workersPanelTexts.brokerLost);
    }
    this.#queue = queue;
    this.#draw();
  }

  #happened(happening) {
    const weight = this.#events.add(happening);
    const comesBack = weight === "news" && happening.what === "began";
    if (comesBack || ["crashed", "gone", "returned", "refused", "lost"].includes(happening.what)) this.#say(happening);
    this.#draw();
  }

  /** Says what went wrong, gathered for a moment: of many things at once only how many they are. */
  #say(happening) {
    this.#unsaid.push(happening);
    this.#saying ||= setTimeout(() => {
      const sentences = this.#unsaid.map((h) => this.#view.sentence(h));
      [this.#unsaid, this.#saying] = [[], 0];
      if (sentences.length > MOST_SAID) announce(text.workersPanelTexts.many(sentences.length));
      else sentences.forEach(announce);
    }, GATHER_MS);
  }

  #setOffline(offline) {
    this.#offline = offline;
    this.#draw();
  }

  /** At most once a frame, however much there is to tell. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#forget();
      if (!this.#queue) return;
      this.#view.show({
        open: this.#isOpen,
        offline: this.#offline,
        workers: this.#workers,
        queue: this.#queue,
        events: this.#events,
      });
    });
  }

  #forget() {
    const now = Date.now();
    for (const [id, { worker, heard }] of this.#workers) {
      const isHere = worker.health === "alive" || worker.health === "suspect";
      if (!isHere && now - heard > FORGET_AFTER_MS) this.#workers.delete(id);
    }
  }
}

function remember(open) {
  try {
    if (open) localStorage.setItem(REMEMBERED, "open");
    else localStorage.removeItem(REMEMBERED);
  } catch {
    // Storage is full or forbidden: the next visit begins with the panel folded.
  }
}
