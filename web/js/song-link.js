// The link to a shared song: id and passcode are in the fragment, which is never sent to a server.

const SHAPE = /^#song=([a-z0-9]{1,40})\.([A-Za-z0-9-]{8,64})$/;

export const linkTo = ({ id, passcode }) => `${location.origin}/#song=${id}.${passcode}`;

export const receiptOf = ({ id, passcode }) => `/receipt.html#song=${id}.${passcode}`;

/** `{ id, passcode }`, or null for a malformed fragment. */
export function keyIn(hash) {
  const [, id, passcode] = hash.match(SHAPE) ?? [];
  return id ? { id, passcode } : null;
}
