// The link on a song's card to its receipt.

import { receiptOf } from "./song-link.js";
import { text } from "./strings.js";

/** Adds the link to the card of a song; it is there once the song has ended. */
export function attach(card) {
  const link = document.createElement("a");
  Object.assign(link, { className: "receipt-link", target: "_blank", rel: "noopener", textContent: text.receipt.link });
  const show = () => {
    link.hidden = !["done", "failed", "cancelled"].includes(card.state) || !card.key;
    if (link.hidden) return;
    link.href = receiptOf(card.key);
    link.setAttribute("aria-label", text.receipt.linkOf(card.title));
  };
  card.addEventListener("changed", show);
  show();
  card.parts.extras.append(link);
}
