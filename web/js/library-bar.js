// The bar above the songs: a search, and the button for the batch download.

import { announce } from "./announcer.js";
import { text } from "./strings.js";

const SEARCH_FROM_SONGS = 6;
const ANNOUNCE_DELAY_MS = 600;

/** `cards()` gives all cards; `update()` is called whenever one of them has changed. */
export function libraryBar(cards) {
  const head = document.getElementById("setlist-head");
  head.append(document.getElementById("library-template").content.cloneNode(true));
  const { searching, search, batch } = Object.fromEntries(
    [...head.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
  );
  const noMatch = document.createElement("p");
  noMatch.className = "library-no-match";
  noMatch.hidden = true;
  head.after(noMatch);
  search.setAttribute("aria-label", text.library.search);
  search.placeholder = matchMedia("(pointer: coarse)").matches ? text.library.searchWord : text.library.searchHint;
  batch.textContent = text.library.batch;

  let announceTimer = 0;
  const announceSoon = (words) => {
    clearTimeout(announceTimer);
    announceTimer = setTimeout(() => announce(words), ANNOUNCE_DELAY_MS);
  };
  const filter = () => {
    const words = normalize(search.value).split(/\s+/).filter(Boolean);
    const all = cards();
    for (const card of all) card.root.hidden = !words.every((word) => searchTextOf(card).includes(word));
    const found = all.filter((card) => !card.root.hidden).length;
    noMatch.hidden = found > 0 || !all.length;
    noMatch.textContent = noMatch.hidden ? "" : text.library.nothing(search.value.trim());
    return { found, all: all.length };
  };
  search.addEventListener("input", () => {
    const { found, all } = filter();
    announceSoon(found ? text.library.found(found, all) : noMatch.textContent);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    search.value = "";
    filter();
    search.blur();
    event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || searching.hidden) return;
    if (event.target.closest?.("input:not([type=radio], [type=checkbox], [type=range]), select, textarea, dialog, [contenteditable]")) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  batch.addEventListener("click", async () => {
    const { openBatchDownload } = await import("./batch-download.js");
    openBatchDownload(finished(cards()), batch);
  });

  const update = () => {
    searching.hidden = cards().length < SEARCH_FROM_SONGS;
    if (searching.hidden) search.value = "";
    batch.hidden = finished(cards()).length < 2;
    filter();
  };
  update();
  return { update };
}

const finished = (cards) => cards.filter((card) => card.state === "done" && card.key);

function searchTextOf(card) {
  const { title, artist, album, file_name } = card.track ?? {};
  return normalize([card.title, title, artist, album, file_name].filter(Boolean).join(" "));
}

/** Without case and accents, so that a search finds more. */
const normalize = (words) => words.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
