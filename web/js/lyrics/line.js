// A line of lyrics as elements, and how far it has been sung.

import { sung } from "./timeline.js";

/** Puts the line's text into `into`, each timed word in an element of its own. */
export function fillLine(into, line) {
  into.dir = "auto";
  into.replaceChildren(...(line.words?.length ? line.words.map(word) : [line.text]));
}

function word({ text }) {
  const span = document.createElement("span");
  span.className = "word";
  span.textContent = text;
  return span;
}

/** Lights the words up to `time`; words that have not changed are not touched. */
export function paintLine(node, line, time, over) {
  if (!line.words?.length) return;
  for (const [i, share] of sung(line, time, over).entries()) {
    const span = node.children[i];
    const shown = share.toFixed(2);
    if (!span || span.dataset.share === shown) continue;
    span.dataset.share = shown;
    // As shown: what is rounded to the end is at the end.
    span.dataset.sung = { "0.00": "no", "1.00": "yes" }[shown] ?? "now";
    span.style.setProperty("--sung", shown);
  }
}

/** Puts so many lit dots into `into`. */
export function showDots(into, lit, all) {
  if (into.dataset.lit === String(lit)) return;
  into.dataset.lit = lit;
  while (into.children.length < all) into.append(document.createElement("i"));
  [...into.children].forEach((dot, i) => dot.toggleAttribute("data-lit", i < lit));
}
