// Songs that are kept on this device: what the service worker needs to play them without the server.

import * as api from "../api.js";

const SONGS = "songs";
/** Bytes in a part of the multitrack WAV: a jump reads one or two. */
const PART = 2 << 20;
/** As many places as waveforms ask for. */
const PLACES = 600;

/** Whether this browser can keep songs, here: it needs a safe address, and room. */
export const canKeep = () => isSecureContext && "caches" in window && "serviceWorker" in navigator;

const of = (id) => api.coverUrl(id).replace(/\/cover$/, "");
const at = (id, more = "") => `/kept/${id}${more}`;

/** Bytes of a song that is kept, or null. */
export async function keptBytes(id) {
  const response = await caches.match(at(id), { cacheName: SONGS });
  return response ? (await response.json()).bytes : null;
}

/** Whether there is room for so many bytes more. */
export async function hasRoom(bytes) {
  const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
  return quota - usage > bytes * 1.05;
}

/** Keeps a finished song; parts that are there already are not fetched again. `onProgress` is told how far it is. */
export async function keep(key, { onProgress, signal }) {
  const cache = await caches.open(SONGS);
  await navigator.storage?.persist?.().catch(() => false);
  const track = await api.track(key);
  const { chunks } = await json(`${of(key.id)}/chunks`, signal);
  const outline = await api.peaks(key, { places: PLACES, from: 0, to: PLACES });
  const bytes = await keepSound(cache, key.id, { onProgress, signal });
  if (track.cover) await keepCover(cache, key.id, signal);
  const lyrics = track.lyrics ? await json(`${of(key.id)}/lyrics`, signal).catch(() => undefined) : undefined;
  // The last of all: with this it is kept, and not before.
  await cache.put(at(key.id), Response.json({ track, chunks, outline, lyrics, bytes, part: PART }));
  tell();
  return bytes;
}

async function keepSound(cache, id, { onProgress, signal }) {
  const url = api.stemUrl(id, "multitrack", "wav");
  let total = Infinity;
  for (let n = 0; n * PART < total; n += 1) {
    const place = at(id, `/part/${n}`);
    const known = n > 0 && (await cache.match(place));
    if (!known) {
      const response = await fetch(url, { headers: { Range: `bytes=${n * PART}-${(n + 1) * PART - 1}` }, signal, cache: "no-store" });
      if (response.status !== 206) throw api.Problem.parse(response.status, await response.text());
      total = Number(response.headers.get("content-range").split("/")[1]);
      // A whole body or none: a part that breaks off is not kept.
      await cache.put(place, new Response(await response.blob()));
    }
    onProgress(Math.min(1, ((n + 1) * PART) / total));
  }
  return total;
}

async function keepCover(cache, id, signal) {
  const response = await fetch(api.coverUrl(id), { signal }).catch(() => null);
  if (response?.ok) await cache.put(at(id, "/cover"), response);
}

async function json(url, signal) {
  const response = await fetch(url, { signal, cache: "no-store" });
  if (!response.ok) throw api.Problem.parse(response.status, await response.text());
  return response.json();
}

/** Takes a song off this device. */
export async function drop(id) {
  const cache = await caches.open(SONGS);
  for (const { url } of await cache.keys()) if (songOf(url) === id) await cache.delete(url);
  tell();
}

/** Takes off what belongs to none of these songs. */
export async function dropAllBut(ids) {
  if (!(await caches.has(SONGS))) return;
  const cache = await caches.open(SONGS);
  for (const { url } of await cache.keys()) if (!ids.includes(songOf(url))) await cache.delete(url);
  tell();
}

const songOf = (url) => new URL(url).pathname.split("/")[2];
const tell = () => navigator.serviceWorker.ready.then(({ active }) => active.postMessage("songs"));
