// The timeline of timed lyrics: which lines and words are sung at a time, and the count-in after a pause. Pure.

/** A pause of this length before a line gets a count-in. */
const COUNT_IN_PAUSE_S = 5;
/** Length of the count-in in seconds, one dot each. */
export const COUNT_IN = 4;
/** Estimated length of a line without an end: seconds per letter, within bounds. */
const SECONDS_PER_LETTER = 0.09;
const MIN_LINE_S = 2;
const MAX_LINE_S = 8;

export class Timeline {
  /** Lines that begin together: `{ from, to, start, end }`: line indices, `to` excluded, and seconds. */
  groups = [];

  constructor(lines) {
    this.lines = lines;
    for (const [index, line] of lines.entries()) {
      const last = this.groups.at(-1);
      if (last?.start === line.start_s) last.to = index + 1;
      else this.groups.push({ from: index, to: index + 1, start: line.start_s });
    }
    for (const [g, group] of this.groups.entries()) {
      const next = this.groups[g + 1]?.start ?? Infinity;
      group.end = Math.min(next, Math.max(...lines.slice(group.from, group.to).map(endOf)));
    }
  }

  /** `{ group, singing, dots }` at a time: the last group that has begun (-1: none), whether it is still sung, lit dots. */
  at(time) {
    const group = this.#groupAt(time);
    const next = this.groups[group + 1];
    const end = this.groups[group]?.end ?? 0;
    const left = next ? next.start - time : Infinity;
    const counted = next && next.start - end >= COUNT_IN_PAUSE_S && left <= COUNT_IN;
    return { group, singing: group >= 0 && time < end, dots: counted ? Math.ceil(left) : 0 };
  }

  #groupAt(time) {
    let [low, high] = [0, this.groups.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.groups[middle].start <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function endOf(line) {
  if (line.end_s !== undefined) return line.end_s;
  const last = line.words?.at(-1);
  const length = Math.min(MAX_LINE_S, Math.max(MIN_LINE_S, (last ?? line).text.length * SECONDS_PER_LETTER));
  return (last ?? line).start_s + (last ? Math.min(length, MIN_LINE_S) : length);
}

/** How much of each word of a line has been sung at `time`, 0 to 1; `end` is the end of the line. */
export function wordProgress(line, time, end) {
  return line.words.map((word, i) => {
    const until = line.words[i + 1]?.start_s ?? Math.min(end, word.start_s + MAX_LINE_S);
    if (time <= word.start_s) return 0;
    return until <= word.start_s ? 1 : Math.min(1, (time - word.start_s) / (until - word.start_s));
  });
}
