// Builds a card's elements from the page's template, and renders values into them.

import { coverUrl } from "../api.js";
import { drawCover } from "../cover.js";
import { clock, text } from "../strings.js";

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
    parts.cover.prepend(drawCover(title));
    parts.progress.setAttribute("aria-label", text.progress(title));
  }
  parts.byline.textContent = byline;
}

/** Shows the song's own cover over the drawn one once it is loaded. */
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

/** `fraction` 0 to 1, or null while the progress is unknown. */
export function showProgress(parts, { active, fraction, words }) {
  const bar = parts.progress;
  bar.toggleAttribute("data-idle", !active);
  bar.toggleAttribute("data-unknown", active && fraction === null);
  bar.setAttribute("aria-valuetext", words);
  if (fraction === null) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", Math.floor(fraction * 100));
  bar.style.setProperty("--done", fraction ?? 0);
}

/** `now`, `length` and `ready` in seconds; `length` null while it is unknown. */
export function showTime(parts, { now, length, ready }) {
  const share = (seconds) => (length ? Math.min(1, seconds / length) : 0);
  parts.timeline.style.setProperty("--at", share(now));
  parts.timeline.style.setProperty("--ready", share(ready));
  parts.now.textContent = clock(now);
  parts.length.textContent = clock(length ?? NaN);
}

/** Shows the error box instead of the player; `problem` is null where there is none. */
export function showError(parts, problem) {
  parts.problem.hidden = !problem;
  parts.player.hidden = Boolean(problem);
  if (!problem) return;
  parts.problemTitle.textContent = problem.title;
  parts.problemDetail.textContent = problem.detail ?? "";
  parts.problemAdvice.textContent = problem.advice;
  parts.retry.hidden = !problem.retry;
}
