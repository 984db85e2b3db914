// The colour of each worker, the same wherever it appears.

const COLOURS = 6;
const colours = new Map();

/** Workers get their colour in the order in which they first appear. */
export function colourOf(worker) {
  if (!colours.has(worker)) colours.set(worker, colours.size % COLOURS);
  return colours.get(worker);
}
