// The lines of the editor and their times: stamp, step back, nudge, undo. Pure.

/** Most undo steps. */
const MAX_UNDO = 200;
const round = (seconds) => Math.max(0, Math.round(seconds * 1000) / 1000);

export class TimedLines {
  lines = [];
  /** Index of the line that is stamped next; after the last line, its end is stamped. */
  cursor = 0;
  #undoSteps = [];

  /** The lines of a text; lines that were in `before` keep their times. */
  static from(text, before = []) {
    const timed = new TimedLines();
    let at = 0;
    for (const words of text.split("\n").map((line) => line.trim()).filter(Boolean)) {
      const found = before.findIndex((line, i) => i >= at && line.text === words);
      if (found >= 0) at = found + 1;
      timed.lines.push(found >= 0 ? { ...before[found] } : { text: words });
    }
    timed.cursor = Math.max(0, timed.lines.findIndex((line) => line.start_s === undefined));
    return timed;
  }

  /** Sets the start of the line at the cursor to `time`, or after the last line its end. Returns `{ line, ended }`. */
  stamp(time) {
    this.#saveUndo();
    const line = this.lines[this.cursor];
    if (line) {
      this.#move(line, round(time));
      this.cursor += 1;
      return { line, ended: null };
    }
    const last = this.lines.at(-1);
    if (last?.start_s !== undefined && time > last.start_s) last.end_s = round(time);
    return { line: last, ended: last?.end_s ?? null };
  }

  /** Removes the last stamp; returns the time to play from, or null. */
  stepBack() {
    if (this.cursor === 0) return null;
    this.#saveUndo();
    this.cursor -= 1;
    const line = this.lines[this.cursor];
    const from = this.lines[this.cursor - 1]?.start_s ?? line.start_s ?? 0;
    for (const time of ["start_s", "end_s", "words"]) delete line[time];
    return from;
  }

  /** Moves the start of the line at the cursor by seconds; returns it, or null if the line has none. */
  nudge(by) {
    const line = this.lines[this.cursor];
    if (line?.start_s === undefined) return null;
    this.#saveUndo();
    this.#move(line, round(line.start_s + by));
    return line.start_s;
  }

  undo() {
    const step = this.#undoSteps.pop();
    if (!step) return false;
    ({ lines: this.lines, cursor: this.cursor } = JSON.parse(step));
    return true;
  }

  select(index) {
    this.cursor = Math.min(this.lines.length - 1, Math.max(0, index));
  }

  /** Number of lines without a time. */
  get missing() {
    return this.lines.filter((line) => line.start_s === undefined).length;
  }

  get text() {
    return this.lines.map((line) => line.text).join("\n");
  }

  /** Moves the start of a line together with its words and its end. */
  #move(line, to) {
    const by = line.start_s === undefined ? 0 : to - line.start_s;
    line.start_s = to;
    if (line.end_s !== undefined) line.end_s = round(line.end_s + by);
    line.words = line.words?.map((word) => ({ ...word, start_s: round(word.start_s + by) }));
    if (!line.words?.length) delete line.words;
  }

  #saveUndo() {
    this.#undoSteps.push(JSON.stringify({ lines: this.lines, cursor: this.cursor }));
    if (this.#undoSteps.length > MAX_UNDO) this.#undoSteps.shift();
  }
}
