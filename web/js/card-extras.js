// What other features add to a card: each is attached once, when the song's stems are known.

/** `{ name, attach(card) }` each. */
export const extras = [];
