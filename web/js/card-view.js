// Builds a card's elements from the page's template and fills in what is there to see; it decides nothing.

import { coverUrl, downloadUrl } from "./api.js";
import { paintCover } from "./cover.js";
import { clock, stemName, text } from "./strings.js";

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
  parts.scrubber.setAttribute("aria-label", text.position);
  parts.retry.textContent = text.retry;
  return { root, parts, id };
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

/** One strip a stem: the key that chooses it, and its downloads. Built again only when the stems change. */
export function showStrips(parts, { cardId, stems, chosen, onChoose }) {
  const names = stems.map((stem) => stem.name + stem.formats.join()).join("|");
  if (parts.strips.dataset.stems === names) return;
  parts.strips.dataset.stems = names;
  const strips = stems.map((stem) => {
    const strip = document.getElementById("strip-template").content.firstElementChild.cloneNode(true);
    const radio = strip.querySelector("input");
    radio.name = `${cardId}-stem`;
    radio.value = stem.name;
    radio.checked = stem.name === chosen;
    radio.addEventListener("change", () => onChoose(stem.name));
    strip.querySelector("[data-part=name]").textContent = stemName(stem.name);
    strip.querySelector("[data-part=formats]").append(...stem.formats.map((format) => downloadLink(stem.name, format)));
    return strip;
  });
  parts.stripList.replaceChildren(...strips);
}

function downloadLink(stem, format) {
  const link = document.createElement("a");
  link.textContent = format.toUpperCase();
  link.dataset.stem = stem;
  link.dataset.format = format;
  link.setAttribute("role", "link");
  link.setAttribute("aria-label", text.download(stemName(stem), format.toUpperCase()));
  return link;
}

/** Downloads have an address only when they are there. */
export function showDownloads(parts, trackId, ready) {
  for (const link of parts.strips.querySelectorAll("a")) {
    if (ready) {
      link.href = downloadUrl(trackId, link.dataset.stem, link.dataset.format);
      link.download = "";
      link.removeAttribute("aria-disabled");
    } else {
      link.removeAttribute("href");
      link.setAttribute("aria-disabled", "true");
    }
  }
  for (const radio of parts.strips.querySelectorAll("input")) radio.disabled = trackId === null;
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
  parts.desk.hidden = Boolean(problem);
  if (!problem) return;
  parts.troubleTitle.textContent = problem.title;
  parts.troubleDetail.textContent = problem.detail ?? "";
  parts.troubleAdvice.textContent = problem.advice;
  parts.retry.hidden = !problem.retry;
}
