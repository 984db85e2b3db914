// What a song's card has beside its player; each part is loaded when there is a song to be heard.

import { share } from "./share.js";

/** `attach(card)` is called once for each card that has stems. */
export const extras = [
  share,
  { name: "lyrics", attach: async (card) => (await import("./lyrics/panel.js")).attach(card) },
  { name: "record", attach: async (card) => (await import("./record/offer.js")).attach(card) },
  { name: "keep", attach: async (card) => (await import("./keep/offer.js")).attach(card) },
];
