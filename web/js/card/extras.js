// The parts of a card beside its player, each loaded when the song has stems.

import { share } from "../share.js";

/** `attach(card)` is called once for each card that has stems. */
export const extras = [
  share,
  { name: "lyrics", attach: async (card) => (await import("../lyrics/panel.js")).attach(card) },
  { name: "record", attach: async (card) => (await import("../record/button.js")).attach(card) },
  { name: "keep", attach: async (card) => (await import("../keep.js")).attach(card) },
  { name: "receipt", attach: async (card) => (await import("../receipt-link.js")).attach(card) },
  { name: "offline", attach: async (card) => (await import("../offline/button.js")).attach(card) },
];
