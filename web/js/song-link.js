// The address that opens a shared song: id and passcode stand behind the #, which is never sent to any server.

const SHAPE = /^#song=([a-z0-9]{1,40})\.([A-Za-z0-9-]{8,64})$/;

export const linkTo = ({ id, passcode }) => `${location.origin}/#song=${id}.${passcode}`;

/** `{ id, passcode }`, or null where the link is broken. */
export function keyIn(hash) {
  const [, id, passcode] = hash.match(SHAPE) ?? [];
  return id ? { id, passcode } : null;
}
