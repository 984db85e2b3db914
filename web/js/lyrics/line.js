// Renders a line of lyrics and how far it has been sung.

import { wordProgress } from "./timeline.js";

/** Renders the line's text into `into`, each timed word as its own element. */
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

/** Renders the progress of each word at `time` (seconds); unchanged words are not touched. */
export function showProgress(node, line, time, end) {
  if (!line.words?.length) return;
  for (const [i, share] of wordProgress(line, time, end).entries()) {
    const span = node.children[i];
    const shown = share.toFixed(2);
    if (!span || span.dataset.share === shown) continue;
    span.dataset.share = shown;
    // By the rounded value, so that a word shown as complete counts as complete.
    span.dataset.sung = { "0.00": "no", "1.00": "yes" }[shown] ?? "now";
    span.style.setProperty("--sung", shown);
  }
}

/** Renders a count-in of `all` dots, `lit` of them lit. */
export function showDots(into, lit, all) {
  if (into.dataset.lit === String(lit)) return;
  into.dataset.lit = lit;
  while (into.children.length < all) into.append(document.createElement("i"));
  [...into.children].forEach((dot, i) => dot.toggleAttribute("data-lit", i < lit));
}
