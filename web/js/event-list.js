// What happened to workers and parts lately, as it is worth telling: the routine makes room for everything else.

const KEPT = 200;
const ROWS = 30;
const ROUTINE_ROWS = 6;
const LOSSES = ["crashed", "suspect", "gone"];
const SETBACKS = ["returned", "refused", "lost", "resent", "spare"];

const sameChunk = (a, b) => a.chunk === b.chunk && a.track === b.track && a.chunk != null;

export class EventList {
  #kept = [];
  #rows = [];

  /** Begins again with these, the oldest first. */
  tell(happenings) {
    this.#kept = [];
    this.#rows = [];
    for (const happening of happenings) this.add(happening);
  }

  /** Takes in a happening and returns how it counts: `routine`, `news`, or `setback` for what went wrong. */
  add(happening) {
    const weight = this.#weigh(happening);
    this.#kept.push(happening);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#rows.unshift({ happening, weight });
    const routine = this.#rows.filter((row) => row.weight === "routine");
    if (routine.length > ROUTINE_ROWS) this.#rows.splice(this.#rows.indexOf(routine.at(-1)), 1);
    this.#rows.length = Math.min(this.#rows.length, ROWS);
    return weight;
  }

  /** `{ happening, weight }`, the newest first. */
  get rows() {
    return this.#rows;
  }

  /** Whether a part is tried again: it came back, or it was begun before by somebody else. */
  isAgain(part) {
    let by = null;
    for (const happening of this.#kept) {
      if (!sameChunk(happening, part)) continue;
      if (SETBACKS.includes(happening.what)) return true;
      if (happening.what !== "began") continue;
      if (by && by !== happening.worker) return true;
      by = happening.worker;
    }
    return false;
  }

  /** What a worker that is no more left undone, and who took that: `{ part, by }`, or null. */
  leftBy(worker) {
    const last = this.#kept.findLastIndex((h) => h.worker === worker && h.chunk != null);
    const part = this.#kept[last];
    if (!part || !["began", "lost"].includes(part.what)) return null;
    const next = this.#kept.slice(last + 1).find((h) => sameChunk(h, part) && ["began", "done"].includes(h.what));
    return { part, by: next?.worker ?? null };
  }

  #weigh(happening) {
    const { what } = happening;
    if (LOSSES.includes(what) || SETBACKS.includes(what)) return "setback";
    if (what === "joined") return this.#kept.some((h) => h.worker === happening.worker && LOSSES.includes(h.what)) ? "news" : "routine";
    if (what === "began" || what === "done") {
      const again = this.isAgain(happening) || (what === "began" && this.#begunByOther(happening));
      return again ? "news" : "routine";
    }
    return "news";
  }

  #begunByOther(happening) {
    return this.#kept.some((h) => h.what === "began" && sameChunk(h, happening) && h.worker !== happening.worker);
  }
}
