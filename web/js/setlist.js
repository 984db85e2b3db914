// The list of cards on the page: which there are, in what order, how files become cards, and which one the keys are for.

import { announce } from "./announcer.js";
import { listenToKeys } from "./keys.js";
import * as library from "./library.js";
import { listenToMediaKeys } from "./media-keys.js";
import { playerOnStage } from "./player.js";
import { percent, text } from "./strings.js";
import { TrackCard } from "./track-card.js";
import { upload } from "./upload.js";

const cards = [];
let tools = null;
const list = document.getElementById("setlist");

/** Brings back the songs of earlier visits. */
export async function open() {
  for (const { id, passcode, name } of library.saved()) {
    add(name || text.untitled, "last").restore({ id, passcode });
  }
  refresh();
  listenToKeys(currentCard);
  listenToMediaKeys((player) => cards.find((card) => card.player === player));
  // What stands above the songs must not push them down later.
  await tools;
}

/** Makes a card of each file, the first on top, and sends them. */
export function handIn(files, model) {
  const now = Date.now();
  const newest = files.map((file) => file.name).reverse().map((name) => add(name)).reverse();
  files.forEach((file, i) => send(file, model, newest[i], now - i));
}

/** Shows a song that somebody shared, at the top; one that is here already stays where it is. */
export function bring({ id, passcode, name }) {
  const card = cards.find((card) => card.id === id) ?? add(name);
  if (!card.id) card.restore({ id, passcode });
  card.root.scrollIntoView({ block: "nearest" });
}

/** The title of a song that is on this page. */
export const titleOf = (id) => cards.find((card) => card.id === id)?.title;

function send(file, model, card, added) {
  card.uploading("waiting");
  let lost = false;
  const withdraw = upload(file, model, {
    begun: () => card.uploading("uploading", { fraction: 0 }),
    progress: ({ fraction, speed, secondsLeft }) => {
      if (lost) announce(text.uploads.saidBack(card.title));
      lost = false;
      if (fraction === 1) return card.uploading("arrived");
      card.uploading("uploading", { fraction, words: text.uploads.progress(fraction, speed, secondsLeft) });
    },
    lost: ({ fraction, seconds, elsewhere }) => {
      if (!lost) announce(text.uploads.saidLost(card.title));
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
      const worthRetrying = problem.status === 0 || problem.status === 429 || problem.status >= 500;
      card.fail(problem, worthRetrying ? () => send(file, model, card, added) : null);
    },
  });
  card.withdrawWith(withdraw);
}

/** A new card, at the top. */
function add(name, where = "first") {
  const card = new TrackCard(name);
  card.onForgotten = forget;
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
  return cards.find((card) => card.player === playerOnStage()) ?? cards.find((card) => card.playable);
}

function forget(card, id) {
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
  if (cards.length > 1) tools ??= import("./library-bar.js").then((module) => module.libraryBar(() => cards));
  changed();
}

function changed() {
  tools?.then((bar) => bar.update());
  showInTab();
}

/** The browser's tab tells what is playing, or else how far the first unfinished song is. */
function showInTab() {
  const playing = cards.find((card) => card.player.playing);
  const running = cards.findLast((card) => card.state === "separating");
  document.documentElement.toggleAttribute("data-playing", Boolean(playing));
  if (playing) document.title = `▶ ${playing.title}`;
  else if (running) document.title = `${percent(running.track?.progress ?? 0)} · ${running.title}`;
  else document.title = text.brand;
}
