// Follows tracks by server-sent events: one stream for all of them, resumed with the last event ids after a break.

import * as api from "./api.js";
import { openStream } from "./event-stream.js";

/** Songs added within this time share one request. */
const OPEN_DELAY_MS = 30;
const MIN_BACK_OFF_MS = 400;
const MAX_BACK_OFF_MS = 15000;

const watchers = new Map();
let stream = null;
let timer = 0;
let backOff = MIN_BACK_OFF_MS;

/**
 * Calls `handlers.snapshot|track|chunk|gone|lost|back` until the track has ended or `stop()` is called.
 * `refresh()` asks for a new snapshot.
 */
export function followTrack(key, handlers) {
  const watcher = { key, handlers, last: null, offline: false };
  watchers.set(key.id, watcher);
  reopen(OPEN_DELAY_MS);
  const refresh = () => {
    watcher.last = null;
    reopen(OPEN_DELAY_MS);
  };
  return { stop: () => finish(watcher), refresh };
}

function finish(watcher) {
  if (watchers.get(watcher.key.id) !== watcher) return;
  watchers.delete(watcher.key.id);
  // The open stream may still send its events; the next stream is opened without it.
  if (!watchers.size) close();
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
  if (!watchers.size) return;
  const followed = [...watchers.values()].map(({ key, last }) => ({ id: key.id, passcode: key.passcode, last_event_id: last }));
  const opened = openStream(api.eventsUrl, followed, {
    opened: () => (backOff = MIN_BACK_OFF_MS),
    event: (name, data) => name === "of" && dispatch(data),
    ended: () => opened === stream && reconnect(),
  });
  stream = opened;
}

/** The stream broke, or every song it followed has ended. */
function reconnect() {
  stream = null;
  if (!watchers.size) return;
  for (const watcher of watchers.values()) {
    watcher.offline = true;
    watcher.handlers.lost();
  }
  reopen(backOff * (0.75 + Math.random() / 2));
  backOff = Math.min(2 * backOff, MAX_BACK_OFF_MS);
}

function dispatch({ id, event_id: last, event, data }) {
  const watcher = watchers.get(id);
  if (!watcher) return;
  const { handlers } = watcher;
  watcher.last = last;
  if (watcher.offline) {
    watcher.offline = false;
    handlers.back();
  }
  if (event === "snapshot") handlers.snapshot(data.track, data.chunks);
  else if (event === "track" || event === "chunk") handlers[event](data);
  else {
    finish(watcher);
    if (event !== "end") handlers[event]();
  }
}

// A browser that was asleep or offline notices a dead stream late.
addEventListener("online", () => watchers.size && reopen(0));
