// The latest events of workers and parts. Routine events take only a few rows, so that notable ones stay visible.

/** Events kept to decide whether a part is retried. */
const MAX_EVENTS = 200;
/** Rows shown, and how many of them may be routine. */
const MAX_ROWS = 30;
const MAX_ROUTINE_ROWS = 6;
const WORKER_PROBLEMS = ["crashed", "suspect", "gone"];
const CHUNK_PROBLEMS = ["returned", "refused", "lost", "resent", "spare"];

const sameChunk = (a, b) => a.chunk === b.chunk && a.track === b.track && a.chunk != null;

export class EventLog {
  #events = [];
  #rows = [];

  /** Replaces all events; `events` come oldest first. */
  replace(events) {
    this.#events = [];
    this.#rows = [];
    for (const event of events) this.add(event);
  }

  /** Adds an event and returns its level: `routine`, `notable` or `problem`. */
  add(event) {
    const level = this.#levelOf(event);
    this.#events.push(event);
    if (this.#events.length > MAX_EVENTS) this.#events.shift();
    this.#rows.unshift({ event, level });
    const routine = this.#rows.filter((row) => row.level === "routine");
    if (routine.length > MAX_ROUTINE_ROWS) this.#rows.splice(this.#rows.indexOf(routine.at(-1)), 1);
    this.#rows.length = Math.min(this.#rows.length, MAX_ROWS);
    return level;
  }

  /** `{ event, level }`, the newest first. */
  get rows() {
    return this.#rows;
  }

  /** Whether a part `{ track, chunk }` is retried: it was returned, or another worker began it before. */
  isRetried(part) {
    let by = null;
    for (const event of this.#events) {
      if (!sameChunk(event, part)) continue;
      if (CHUNK_PROBLEMS.includes(event.what)) return true;
      if (event.what !== "began") continue;
      if (by && by !== event.worker) return true;
      by = event.worker;
    }
    return false;
  }

  /** The part that a lost worker had begun, and the worker that took it over: `{ part, takenBy }`, or null. */
  unfinishedPartOf(worker) {
    const last = this.#events.findLastIndex((h) => h.worker === worker && h.chunk != null);
    const part = this.#events[last];
    if (!part || !["began", "lost"].includes(part.what)) return null;
    const next = this.#events.slice(last + 1).find((h) => sameChunk(h, part) && ["began", "done"].includes(h.what));
    return { part, takenBy: next?.worker ?? null };
  }

  #levelOf(event) {
    const { what } = event;
    if (WORKER_PROBLEMS.includes(what) || CHUNK_PROBLEMS.includes(what)) return "problem";
    if (what === "joined") return this.#events.some((h) => h.worker === event.worker && WORKER_PROBLEMS.includes(h.what)) ? "notable" : "routine";
    if (what === "began" || what === "done") {
      const retried = this.isRetried(event) || (what === "began" && this.#begunByOther(event));
      return retried ? "notable" : "routine";
    }
    return "notable";
  }

  #begunByOther(event) {
    return this.#events.some((h) => h.what === "began" && sameChunk(h, event) && h.worker !== event.worker);
  }
}
