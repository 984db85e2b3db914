// Follows tracks by server-sent events, and shares the browser's few connections among them.

import * as api from "./api.js";

// HTTP/1.1 browsers open six connections a host, for all tabs together; uploads and listening need some.
const STREAMS_WHEN_SEEN = 3;
const STREAMS_WHEN_HIDDEN = 1;
const LOOK_IN_MS = 4000;
const MAX_BACKOFF_MS = 20000;

const watches = new Set();
const listeners = new Set();
let lent = 0;

/**
 * Calls `handlers.snapshot|track|chunk|gone|lost|back` until the track has ended or `stop()` is called.
 * `refresh()` asks for a new snapshot.
 * A track beyond the number of streams is looked in on now and then until a stream is free.
 */
export function watch(key, handlers) {
  const watcher = { key, handlers, source: null, timer: 0, failures: 0, retrying: false };
  watches.add(watcher);
  share();
  return { stop: () => finish(watcher), refresh: () => watcher.source && open(watcher) };
}

/** How many songs are followed, because they are still in work. */
export const songsInWork = () => watches.size;

/** Calls `listener` whenever that may have changed. */
export const onSongsInWork = (listener) => listeners.add(listener);

/** Gives one of the streams to somebody else until the returned function is called. */
export function lendStream() {
  lent += 1;
  share();
  return () => {
    lent -= 1;
    share();
  };
}

function finish(watcher) {
  if (!watches.delete(watcher)) return;
  release(watcher);
  share();
}

function release(watcher) {
  watcher.source?.close();
  watcher.source = null;
  clearTimeout(watcher.timer);
  watcher.timer = 0;
}

function share() {
  let free = (document.hidden ? STREAMS_WHEN_HIDDEN : STREAMS_WHEN_SEEN) - lent;
  for (const watcher of watches) {
    if (free-- > 0) {
      if (!watcher.source && !watcher.retrying) open(watcher);
    } else {
      if (watcher.source) release(watcher);
      if (!watcher.timer) lookInLater(watcher);
    }
  }
  for (const listener of listeners) listener();
}

function open(watcher) {
  release(watcher);
  const { handlers } = watcher;
  const source = new EventSource(api.eventsUrl(watcher.key.id));
  watcher.source = source;
  const on = (name, act) => source.addEventListener(name, (event) => act(event.data && JSON.parse(event.data)));

  source.onopen = () => {
    watcher.failures = 0;
    handlers.back();
  };
  source.onerror = () => {
    handlers.lost();
    if (source.readyState === EventSource.CLOSED) retryLater(watcher);
  };
  on("snapshot", ({ track, chunks }) => handlers.snapshot(track, chunks));
  on("track", (track) => handlers.track(track));
  on("chunk", (chunk) => handlers.chunk(chunk));
  source.addEventListener("end", () => finish(watcher));
  source.addEventListener("gone", () => {
    finish(watcher);
    handlers.gone();
  });
}

/** The browser gave the stream up: ask for the track itself, which also renews the cookie, then open again. */
function retryLater(watcher) {
  release(watcher);
  watcher.failures += 1;
  watcher.retrying = true;
  const wait = Math.min(MAX_BACKOFF_MS, 500 * 2 ** watcher.failures) * (0.75 + Math.random() / 2);
  watcher.timer = setTimeout(async () => {
    watcher.timer = 0;
    if (!(await lookIn(watcher))) return;
    watcher.retrying = false;
    share();
  }, wait);
}

function lookInLater(watcher) {
  watcher.timer = setTimeout(async () => {
    watcher.timer = 0;
    await lookIn(watcher);
    share();
  }, LOOK_IN_MS);
}

async function lookIn(watcher) {
  try {
    const track = await api.track(watcher.key);
    if (!watches.has(watcher)) return false;
    watcher.handlers.back();
    watcher.handlers.track(track);
    return true;
  } catch (problem) {
    if (!watches.has(watcher)) return false;
    if (problem.status === 404) {
      finish(watcher);
      watcher.handlers.gone();
    } else {
      watcher.handlers.lost();
      retryLater(watcher);
    }
    return false;
  }
}

document.addEventListener("visibilitychange", share);
