// The lines that are being timed: stamping, stepping back, nudging, undoing. Pure.

/** Undos that are kept. */
const MEMORY = 200;
const round = (seconds) => Math.max(0, Math.round(seconds * 1000) / 1000);

export class Sheet {
  lines = [];
  /** The line that is stamped next; behind the last one, its end is. */
  cursor = 0;
  #past = [];

  /** Lines of a text; those whose words were there before keep their times. */
  static from(text, before = []) {
    const sheet = new Sheet();
    let at = 0;
    for (const words of text.split("\n").map((line) => line.trim()).filter(Boolean)) {
      const found = before.findIndex((line, i) => i >= at && line.text === words);
      if (found >= 0) at = found + 1;
      sheet.lines.push(found >= 0 ? { ...before[found] } : { text: words });
    }
    sheet.cursor = Math.max(0, sheet.lines.findIndex((line) => line.start_s === undefined));
    return sheet;
  }

  /** The line at the cursor begins at `time`; behind the last line, that one ends there. Gives what was done. */
  stamp(time) {
    this.#remember();
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

  /** Takes the last stamp back; gives the time to listen from, or null. */
  stepBack() {
    if (this.cursor === 0) return null;
    this.#remember();
    this.cursor -= 1;
    const line = this.lines[this.cursor];
    const from = this.lines[this.cursor - 1]?.start_s ?? line.start_s ?? 0;
    for (const time of ["start_s", "end_s", "words"]) delete line[time];
    return from;
  }

  /** Moves the time of the chosen line; gives it, or null where it has none. */
  nudge(by) {
    const line = this.lines[this.cursor];
    if (line?.start_s === undefined) return null;
    this.#remember();
    this.#move(line, round(line.start_s + by));
    return line.start_s;
  }

  undo() {
    const past = this.#past.pop();
    if (!past) return false;
    ({ lines: this.lines, cursor: this.cursor } = JSON.parse(past));
    return true;
  }

  choose(index) {
    this.cursor = Math.min(this.lines.length - 1, Math.max(0, index));
  }

  get missing() {
    return this.lines.filter((line) => line.start_s === undefined).length;
  }

  get text() {
    return this.lines.map((line) => line.text).join("\n");
  }

  /** A line takes its words and its end along. */
  #move(line, to) {
    const by = line.start_s === undefined ? 0 : to - line.start_s;
    line.start_s = to;
    if (line.end_s !== undefined) line.end_s = round(line.end_s + by);
    line.words = line.words?.map((word) => ({ ...word, start_s: round(word.start_s + by) }));
    if (!line.words?.length) delete line.words;
  }

  #remember() {
    this.#past.push(JSON.stringify({ lines: this.lines, cursor: this.cursor }));
    if (this.#past.length > MEMORY) this.#past.shift();
  }
}
