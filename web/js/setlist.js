// The list of song cards: adds, orders and removes them, uploads files, and routes shortcuts to the current card.

import { announce } from "./announcer.js";
import { listenToShortcuts } from "./shortcuts.js";
import * as library from "./library.js";
import { listenToMediaKeys } from "./media-keys.js";
import { activePlayer } from "./player.js";
import { percent, text } from "./strings.js";
import { TrackCard } from "./card/track-card.js";
import { upload } from "./upload.js";

const cards = [];
let libraryBar = null;
const list = document.getElementById("setlist");

/** Brings back the songs of earlier visits. */
export async function open() {
  for (const { id, passcode, name } of library.saved()) {
    add(name || text.untitled, "last").restore({ id, passcode });
  }
  refresh();
  listenToShortcuts(currentCard);
  listenToMediaKeys((player) => cards.find((card) => card.player === player));
  // The bar above the songs must be there before they are shown, so that they do not move.
  await libraryBar;
}

/** Adds a card for each file, the first on top, and uploads them. */
export function uploadFiles(files, model) {
  const now = Date.now();
  const newest = files.map((file) => file.name).reverse().map((name) => add(name)).reverse();
  files.forEach((file, i) => send(file, model, newest[i], now - i));
}

/** Shows a song at the top, or scrolls to it if it is in the list already. */
export function showSong({ id, passcode, name }) {
  const card = cards.find((card) => card.id === id) ?? add(name);
  if (!card.id) card.restore({ id, passcode });
  card.root.scrollIntoView({ block: "nearest" });
}

/** The title of a song that is on this page. */
export const titleOf = (id) => cards.find((card) => card.id === id)?.title;

function send(file, model, card, added) {
  card.uploading("waiting");
  let lost = false;
  const cancel = upload(file, model, {
    begun: () => card.uploading("uploading", { fraction: 0 }),
    progress: ({ fraction, speed, secondsLeft }) => {
      if (lost) announce(text.uploads.announceBack(card.title));
      lost = false;
      if (fraction === 1) return card.uploading("arrived");
      card.uploading("uploading", { fraction, words: text.uploads.progress(fraction, speed, secondsLeft) });
    },
    lost: ({ fraction, seconds, elsewhere }) => {
      if (!lost) announce(text.uploads.announceLost(card.title));
      lost = true;
      const words = elsewhere ? text.uploads.elsewhere(seconds) : text.uploads.lost(fraction, seconds);
      card.uploading("busy", { fraction, words });
    },
    busy: (seconds) => card.uploading("busy", { words: text.state.busy(seconds) }),
    accepted: ({ id, passcode, state }) => {
      library.remember({ id, passcode, name: file.name, added });
      card.follow({ id, passcode }, state);
    },
    failed: (problem) => {
      const isRetryable = problem.status === 0 || problem.status === 429 || problem.status >= 500;
      card.fail(problem, isRetryable ? () => send(file, model, card, added) : null);
    },
  });
  card.onCancelUpload(cancel);
}

/** A new card, at the top. */
function add(name, where = "first") {
  const card = new TrackCard(name);
  card.onRemoved = remove;
  card.onChanged = changed;
  if (where === "first") {
    cards.unshift(card);
    list.prepend(card.root);
    refresh();
  } else {
    cards.push(card);
    list.append(card.root);
  }
  return card;
}

/** The card that plays, or else the first one that could. */
function currentCard() {
  return cards.find((card) => card.player === activePlayer()) ?? cards.find((card) => card.playable);
}

function remove(card, id) {
  const hadFocus = card.root.contains(document.activeElement);
  if (id) library.forget(id);
  const at = cards.indexOf(card);
  cards.splice(at, 1);
  card.root.remove();
  refresh();
  if (!hadFocus) return;
  const next = cards[Math.min(at, cards.length - 1)];
  (next?.root.querySelector("button:not([hidden], :disabled)") ?? document.getElementById("choose")).focus();
}

function refresh() {
  document.documentElement.dataset.songs = cards.length ? "some" : "none";
  if (cards.length > 1) libraryBar ??= import("./library-bar.js").then((module) => module.libraryBar(() => cards));
  changed();
}

function changed() {
  libraryBar?.then((bar) => bar.update());
  updateTitle();
}

/** The tab's title shows what is playing, or else the progress of the first unfinished song. */
function updateTitle() {
  const playing = cards.find((card) => card.player.playing);
  const running = cards.findLast((card) => card.state === "separating");
  document.documentElement.toggleAttribute("data-playing", Boolean(playing));
  if (playing) document.title = `▶ ${playing.title}`;
  else if (running) document.title = `${percent(running.track?.progress ?? 0)} · ${running.title}`;
  else document.title = text.brand;
}
