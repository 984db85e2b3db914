// Builds a card's elements from the page's template and fills in what is there to see; it decides nothing.

import { coverUrl } from "./api.js";
import { paintCover } from "./cover.js";
import { clock, text } from "./strings.js";

let cards = 0;

/** Clones the template; returns the element and its parts by their `data-part` names. */
export function buildCard() {
  const root = document.getElementById("card-template").content.firstElementChild.cloneNode(true);
  const parts = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
  const id = `song-${(cards += 1)}`;
  parts.title.id = `${id}-title`;
  parts.state.id = `${id}-state`;
  parts.article.setAttribute("aria-labelledby", parts.title.id);
  parts.article.setAttribute("aria-describedby", parts.state.id);
  parts.listen.textContent = text.listen;
  parts.tools.setAttribute("aria-label", text.tools);
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text[node.dataset.text];
  parts.scrubber.setAttribute("aria-label", text.position);
  parts.retry.textContent = text.retry;
  return { root, parts };
}

export function showNames(parts, { title, byline }) {
  if (parts.title.textContent !== title) {
    parts.title.textContent = title;
    parts.title.title = title;
    parts.cover.querySelector("svg")?.remove();
    parts.cover.prepend(paintCover(title));
    parts.progress.setAttribute("aria-label", text.progress(title));
  }
  parts.byline.textContent = byline;
}

/** Lays the song's own cover over the painted one once it has arrived. */
export function showCover(parts, trackId) {
  if (parts.cover.querySelector("img")) return;
  const image = new Image(112, 112);
  image.alt = "";
  image.decoding = "async";
  image.onload = () => image.toggleAttribute("data-loaded", true);
  image.onerror = () => image.remove();
  image.src = coverUrl(trackId);
  parts.cover.append(image);
}

/** `fraction` null means: under way, nobody knows how far. */
export function showProgress(parts, { active, fraction, words }) {
  const bar = parts.progress;
  bar.toggleAttribute("data-idle", !active);
  bar.toggleAttribute("data-unknown", active && fraction === null);
  bar.setAttribute("aria-valuetext", words);
  if (fraction === null) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", Math.floor(fraction * 100));
  bar.style.setProperty("--done", fraction ?? 0);
}

export function showTime(parts, { now, length, ready }) {
  const share = (seconds) => (length ? Math.min(1, seconds / length) : 0);
  parts.rail.style.setProperty("--at", share(now));
  parts.rail.style.setProperty("--ready", share(ready));
  parts.now.textContent = clock(now);
  parts.length.textContent = clock(length ?? NaN);
}

export function showTrouble(parts, problem) {
  parts.trouble.hidden = !problem;
  parts.mixer.hidden = Boolean(problem);
  if (!problem) return;
  parts.troubleTitle.textContent = problem.title;
  parts.troubleDetail.textContent = problem.detail ?? "";
  parts.troubleAdvice.textContent = problem.advice;
  parts.retry.hidden = !problem.retry;
}
