// What stands above the songs when there are many: a search, and the way to download several at once.

import { announce } from "./announcer.js";
import { text } from "./strings.js";

const SEARCHED_FROM = 6;
const SPOKEN_AFTER_MS = 600;

/** `cards()` gives all cards; `update()` is called whenever one of them has changed. */
export function libraryBar(cards) {
  const head = document.getElementById("setlist-head");
  head.append(document.getElementById("library-template").content.cloneNode(true));
  const { searching, search, several } = Object.fromEntries(
    [...head.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]),
  );
  const nothing = document.createElement("p");
  nothing.className = "library-nothing";
  nothing.hidden = true;
  head.after(nothing);
  search.setAttribute("aria-label", text.library.search);
  search.placeholder = matchMedia("(pointer: coarse)").matches ? text.library.searchWord : text.library.searchHint;
  several.textContent = text.library.several;

  let speaking = 0;
  const speak = (words) => {
    clearTimeout(speaking);
    speaking = setTimeout(() => announce(words), SPOKEN_AFTER_MS);
  };
  const filter = () => {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    const all = cards();
    for (const card of all) card.root.hidden = !words.every((word) => wordsOf(card).includes(word));
    const found = all.filter((card) => !card.root.hidden).length;
    nothing.hidden = found > 0 || !all.length;
    nothing.textContent = nothing.hidden ? "" : text.library.nothing(search.value.trim());
    return { found, all: all.length };
  };
  search.addEventListener("input", () => {
    const { found, all } = filter();
    speak(found ? text.library.found(found, all) : nothing.textContent);
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
  several.addEventListener("click", async () => {
    const { openBatch } = await import("./batch.js");
    openBatch(finished(cards()), several);
  });

  const update = () => {
    searching.hidden = cards().length < SEARCHED_FROM;
    if (searching.hidden) search.value = "";
    several.hidden = finished(cards()).length < 2;
    filter();
  };
  update();
  return { update };
}

const finished = (cards) => cards.filter((card) => card.state === "done" && card.key);

function wordsOf(card) {
  const { title, artist, album, file_name } = card.track ?? {};
  return plain([card.title, title, artist, album, file_name].filter(Boolean).join(" "));
}

/** As people type: without case and accents. */
const plain = (words) => words.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
