// The colour of each worker, the same in the panel and on the songs' chunk maps.

/** Colours in the style sheet: `--worker-colour-0` to `-5`. */
const COLOURS = 6;
const colours = new Map();

/** The number of a worker's colour. Workers get their colours in the order in which they first appear. */
export function colourOf(worker) {
  if (!colours.has(worker)) colours.set(worker, colours.size % COLOURS);
  return colours.get(worker);
}
