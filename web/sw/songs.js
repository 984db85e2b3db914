// The part of the service worker for songs that are stored offline. Cache and key names stay the same across versions.

const SONGS = "songs";
const ADDRESS = /^\/api\/v1\/tracks\/([^/]+)(?:\/(events|chunks|peaks|cover|lyrics|stems\/multitrack\.wav))?$/;

/** The event stream for several songs. */
const EVENTS = "/api/v1/events";

/** The ids of stored songs; null until they have been read. */
let storedIds = null;
let idsRead = readIds();

async function readIds() {
  const cache = await caches.open(SONGS);
  const paths = (await cache.keys()).map(({ url }) => new URL(url).pathname);
  storedIds = new Set(paths.map((path) => /^\/kept\/([^/]+)$/.exec(path)?.[1]).filter(Boolean));
}

addEventListener("message", (event) => {
  if (event.data === "songs") event.waitUntil((idsRead = readIds()));
});

/** Handles the request only if its song may be stored: an event stream should not pass through the service worker. */
function answerForSong(event, path, search) {
  const [, id, what = "track"] = ADDRESS.exec(path) ?? [];
  const { method } = event.request;
  if (path === EVENTS && method === "POST" && storedIds?.size !== 0) return event.respondWith(answerEvents(event.request));
  if (!id || (storedIds && !storedIds.has(id))) return;
  if (method === "DELETE" && what === "track") event.respondWith(remove(event, id));
  else if (method === "GET") event.respondWith(songAnswer(event.request, id, what, new URLSearchParams(search)));
}

async function remove({ request }, id) {
  const response = await fetch(request);
  if (response.ok || response.status === 404) {
    const cache = await caches.open(SONGS);
    for (const { url } of await cache.keys()) {
      if (`${new URL(url).pathname}/`.startsWith(`/kept/${id}/`)) await cache.delete(url);
    }
    await readIds();
  }
  return response;
}

async function songAnswer(request, id, what, query) {
  await idsRead;
  if (!storedIds.has(id)) return fetch(request);
  const stored = await fromCache(id);
  if (!stored) return fetch(request);
  // What never changes comes from the cache, the rest from the server as long as it is reachable and knows the song.
  if (what === "stems/multitrack.wav") return query.size ? fetch(request) : audio(request, id, stored);
  if (what === "peaks") return peaks(query, stored) ?? fetch(request);
  if (what === "cover") return (await fromCache(`${id}/cover`, (response) => response)) ?? fetch(request);
  const answer = await fetch(request).catch(() => null);
  if (answer && answer.status !== 404) return answer;
  return storedAnswer(what, stored) ?? answer ?? Response.error();
}

/** Sends a snapshot of each stored song and ends the stream; the page then requests the remaining songs alone. */
async function answerEvents(request) {
  await idsRead;
  const followed = await request.clone().json().catch(() => []);
  const snapshots = await Promise.all(followed.filter(({ id }) => storedIds.has(id)).map(snapshotOf));
  if (!snapshots.some(Boolean)) return fetch(request);
  return new Response(snapshots.join(""), { headers: STREAM });
}

async function snapshotOf({ id, passcode }) {
  const stored = await fromCache(id);
  if (!stored) return "";
  const headers = { Accept: "application/json", "X-Track-Passcode": passcode };
  const latest = await fetch(`/api/v1/tracks/${id}`, { headers, cache: "no-store" }).catch(() => null);
  const track = latest?.ok ? await latest.json() : stored.track;
  const sseFor = (event, data) => sse("of", { id, event_id: "", event, data });
  return sseFor("snapshot", { track, chunks: stored.chunks }) + sseFor("end", {});
}

async function fromCache(key, read = (response) => response.json()) {
  const response = await caches.match(`/kept/${key}`, { cacheName: SONGS });
  return response ? read(response) : null;
}

function storedAnswer(what, { track, chunks, lyrics }) {
  if (what === "track") return Response.json(track);
  if (what === "chunks") return Response.json({ chunks });
  if (what === "lyrics") return lyrics === undefined ? null : Response.json(lyrics);
  return new Response(sse("snapshot", { track, chunks }) + sse("end", {}), { headers: STREAM });
}

const STREAM = { "Content-Type": "text/event-stream" };
const sse = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** The requested range of the stored peaks; null for another resolution. */
function peaks(query, { outline }) {
  const places = Number(query.get("places"));
  if (places !== outline.places) return null;
  const [from, to] = [Number(query.get("from") ?? 0), Number(query.get("to") ?? places)];
  return Response.json({ places, from, stems: outline.stems.map(({ name, peaks: all }) => ({ name, peaks: all.slice(from, to) })) });
}

/** A byte range of the multitrack WAV, which is stored in parts of equal size. */
async function audio(request, id, { bytes, part }) {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const from = range ? Number(range[1]) : 0;
  const to = range?.[2] ? Math.min(Number(range[2]) + 1, bytes) : bytes;
  if (from >= to) return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${bytes}` } });
  const blobs = [];
  for (let n = Math.floor(from / part); n * part < to; n += 1) {
    const blob = await fromCache(`${id}/part/${n}`, (response) => response.blob());
    if (!blob) return fetch(request);
    blobs.push(blob.slice(Math.max(0, from - n * part), Math.min(part, to - n * part)));
  }
  const headers = { "Content-Type": "audio/wav", "Accept-Ranges": "bytes", "Content-Length": to - from };
  if (range) headers["Content-Range"] = `bytes ${from}-${to - 1}/${bytes}`;
  return new Response(new Blob(blobs), { status: range ? 206 : 200, headers });
}
