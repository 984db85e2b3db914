// The colour of each worker, the same wherever it appears.

const GELS = 6;
const gels = new Map();

/** Workers get their colour in the order in which they first appear. */
export function gelOf(worker) {
  if (!gels.has(worker)) gels.set(worker, gels.size % GELS);
  return gels.get(worker);
}
