// Songs stored for offline use in the Cache Storage: what the service worker needs to answer without the server.

import * as api from "../api.js";

/** Cache and key names stay the same across versions: the service worker reads them, and renaming would lose songs. */
const SONGS = "songs";
/** Bytes per part of the multitrack WAV: a seek reads one or two parts. */
const PART = 2 << 20;
/** The resolution that waveforms request. */
const PLACES = 600;

/** Whether this browser can store songs: it needs a secure context. */
export const isSupported = () => isSecureContext && "caches" in window && "serviceWorker" in navigator;

const trackUrl = (id) => api.coverUrl(id).replace(/\/cover$/, "");
const cacheKey = (id, more = "") => `/kept/${id}${more}`;

/** The size in bytes of a stored song, or null. */
export async function storedBytes(id) {
  const response = await caches.match(cacheKey(id), { cacheName: SONGS });
  return response ? (await response.json()).bytes : null;
}

/** Whether there is space for so many bytes more. */
export async function hasSpace(bytes) {
  const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
  return quota - usage > bytes * 1.05;
}

/** Stores a finished song; resumes after an interruption. `onProgress(fraction)` from 0 to 1. Resolves to its size in bytes. */
export async function storeSong(key, { onProgress, signal }) {
  const cache = await caches.open(SONGS);
  await navigator.storage?.persist?.().catch(() => false);
  const track = await api.track(key);
  const { chunks } = await json(`${trackUrl(key.id)}/chunks`, signal);
  const outline = await api.peaks(key, { places: PLACES, from: 0, to: PLACES });
  const bytes = await storeAudio(cache, key.id, { onProgress, signal });
  if (track.cover) await storeCover(cache, key.id, signal);
  const lyrics = track.lyrics ? await json(`${trackUrl(key.id)}/lyrics`, signal).catch(() => undefined) : undefined;
  // Last: with this entry the song counts as stored.
  await cache.put(cacheKey(key.id), Response.json({ track, chunks, outline, lyrics, bytes, part: PART }));
  notifyServiceWorker();
  return bytes;
}

async function storeAudio(cache, id, { onProgress, signal }) {
  const url = api.stemUrl(id, "multitrack", "wav");
  let total = Infinity;
  for (let n = 0; n * PART < total; n += 1) {
    const place = cacheKey(id, `/part/${n}`);
    const isStored = n > 0 && (await cache.match(place));
    if (!isStored) {
      const response = await fetch(url, { headers: { Range: `bytes=${n * PART}-${(n + 1) * PART - 1}` }, signal, cache: "no-store" });
      if (response.status !== 206) throw api.Problem.parse(response.status, await response.text());
      total = Number(response.headers.get("content-range").split("/")[1]);
      // Only complete bodies: a part that breaks off is not stored.
      await cache.put(place, new Response(await response.blob()));
    }
    onProgress(Math.min(1, ((n + 1) * PART) / total));
  }
  return total;
}

async function storeCover(cache, id, signal) {
  const response = await fetch(api.coverUrl(id), { signal }).catch(() => null);
  if (response?.ok) await cache.put(cacheKey(id, "/cover"), response);
}

async function json(url, signal) {
  const response = await fetch(url, { signal, cache: "no-store" });
  if (!response.ok) throw api.Problem.parse(response.status, await response.text());
  return response.json();
}

/** Removes a stored song. */
export async function removeSong(id) {
  const cache = await caches.open(SONGS);
  for (const { url } of await cache.keys()) if (songIdOf(url) === id) await cache.delete(url);
  notifyServiceWorker();
}

/** Removes everything that belongs to none of these songs. */
export async function removeAllBut(ids) {
  if (!(await caches.has(SONGS))) return;
  const cache = await caches.open(SONGS);
  for (const { url } of await cache.keys()) if (!ids.includes(songIdOf(url))) await cache.delete(url);
  notifyServiceWorker();
}

const songIdOf = (url) => new URL(url).pathname.split("/")[2];
const notifyServiceWorker = () => navigator.serviceWorker.ready.then(({ active }) => active.postMessage("songs"));
