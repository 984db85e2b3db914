// What other features add to a card: each is attached once, when the song's stems are known.

/** `{ name, attach(card) }` each. */
export const extras = [
  { name: "record", attach: async (card) => (await import("./record/offer.js")).attach(card) },
  { name: "keep", attach: async (card) => (await import("./keep/offer.js")).attach(card) },
];
