// Follows tracks by server-sent events: one stream for all of them, which goes on where it was after every break.

import * as api from "./api.js";
import { openStream } from "./stream.js";

/** Songs that come together are followed together. */
const GATHER_MS = 30;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 15000;

const watches = new Map();
const listeners = new Set();
let stream = null;
let timer = 0;
let pause = FIRST_PAUSE_MS;

/**
 * Calls `handlers.snapshot|track|chunk|gone|refused|lost|back` until the track has ended or `stop()` is called.
 * `refresh()` asks for a new snapshot.
 */
export function watch(key, handlers) {
  const watcher = { key, handlers, last: null, away: false };
  watches.set(key.id, watcher);
  reopen(GATHER_MS);
  tellListeners();
  const refresh = () => {
    watcher.last = null;
    reopen(GATHER_MS);
  };
  return { stop: () => finish(watcher), refresh };
}

/** How many songs are followed, because they are still in work. */
export const songsInWork = () => watches.size;

/** Calls `listener` whenever that may have changed. */
export const onSongsInWork = (listener) => listeners.add(listener);

function tellListeners() {
  for (const listener of listeners) listener();
}

function finish(watcher) {
  if (watches.get(watcher.key.id) !== watcher) return;
  watches.delete(watcher.key.id);
  // The stream may tell of it a little longer; it is opened without it when another song comes.
  if (!watches.size) close();
  tellListeners();
}

function close() {
  stream?.close();
  stream = null;
  clearTimeout(timer);
  timer = 0;
}

function reopen(wait) {
  clearTimeout(timer);
  timer = setTimeout(open, wait);
}

function open() {
  close();
  if (!watches.size) return;
  const followed = [...watches.values()].map(({ key, last }) => ({ id: key.id, passcode: key.passcode, last_event_id: last }));
  const mine = openStream(api.eventsUrl, followed, {
    opened: () => (pause = FIRST_PAUSE_MS),
    event: (name, data) => name === "of" && hear(data),
    ended: () => mine === stream && again(),
  });
  stream = mine;
}

/** The stream broke, or every song it followed has ended. */
function again() {
  stream = null;
  if (!watches.size) return;
  for (const watcher of watches.values()) {
    watcher.away = true;
    watcher.handlers.lost();
  }
  reopen(pause * (0.75 + Math.random() / 2));
  pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
}

function hear({ id, event_id: last, event, data }) {
  const watcher = watches.get(id);
  if (!watcher) return;
  const { handlers } = watcher;
  watcher.last = last;
  if (watcher.away) {
    watcher.away = false;
    handlers.back();
  }
  if (event === "snapshot") handlers.snapshot(data.track, data.chunks);
  else if (event === "track" || event === "chunk") handlers[event](data);
  else {
    finish(watcher);
    if (event !== "end") handlers[event]();
  }
}

// A browser that was asleep or offline finds out late that a stream has died.
addEventListener("online", () => watches.size && reopen(0));
