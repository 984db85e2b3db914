// Says what is sung at a time: which lines, which words, and how long a pause still lasts. Pure.

/** A pause this long before a line is counted out. */
const LONG_PAUSE_S = 5;
/** How many seconds, and dots, are counted. */
export const COUNT_IN = 4;
/** Where nobody says when a line is over: so long for each letter, but within these bounds. */
const LETTER_S = 0.09;
const SHORTEST_S = 2;
const LONGEST_S = 8;

export class Timeline {
  /** Lines that begin together: `{ from, to, start, over }`, the last index excluded. */
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
      group.over = Math.min(next, Math.max(...lines.slice(group.from, group.to).map(overAt)));
    }
  }

  /** `{ group, singing, dots }` at a time: the last group that has begun (-1: none), whether it lasts, the dots that are lit. */
  at(time) {
    const group = this.#begun(time);
    const next = this.groups[group + 1];
    const over = this.groups[group]?.over ?? 0;
    const left = next ? next.start - time : Infinity;
    const counted = next && next.start - over >= LONG_PAUSE_S && left <= COUNT_IN;
    return { group, singing: group >= 0 && time < over, dots: counted ? Math.ceil(left) : 0 };
  }

  #begun(time) {
    let [low, high] = [0, this.groups.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.groups[middle].start <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function overAt(line) {
  if (line.end_s !== undefined) return line.end_s;
  const last = line.words?.at(-1);
  const length = Math.min(LONGEST_S, Math.max(SHORTEST_S, (last ?? line).text.length * LETTER_S));
  return (last ?? line).start_s + (last ? Math.min(length, SHORTEST_S) : length);
}

/** How much of each word of a line has been sung, 0 to 1. */
export function sung(line, time, over) {
  return line.words.map((word, i) => {
    const until = line.words[i + 1]?.start_s ?? Math.min(over, word.start_s + LONGEST_S);
    if (time <= word.start_s) return 0;
    return until <= word.start_s ? 1 : Math.min(1, (time - word.start_s) / (until - word.start_s));
  });
}
