// The service worker's part for songs: those that were kept offline are played from this device.

const SONGS = "songs";
const ADDRESS = /^\/api\/v1\/tracks\/([^/]+)(?:\/(events|chunks|peaks|cover|lyrics|stems\/multitrack\.wav))?$/;

/** Where many songs are followed in one stream. */
const FOLLOW = "/api/v1/events";

/** The ids of kept songs; null until they are known. */
let keptSongs = null;
let reading = readSongs();

async function readSongs() {
  const cache = await caches.open(SONGS);
  const paths = (await cache.keys()).map(({ url }) => new URL(url).pathname);
  keptSongs = new Set(paths.map((path) => /^\/kept\/([^/]+)$/.exec(path)?.[1]).filter(Boolean));
}

addEventListener("message", (event) => {
  if (event.data === "songs") event.waitUntil((reading = readSongs()));
});

/** Takes the request on only if its song may be kept: a stream of events is better off without a go-between. */
function answerForSong(event, path, search) {
  const [, id, what = "track"] = ADDRESS.exec(path) ?? [];
  const { method } = event.request;
  if (path === FOLLOW && method === "POST" && keptSongs?.size !== 0) return event.respondWith(follow(event.request));
  if (!id || (keptSongs && !keptSongs.has(id))) return;
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
    await readSongs();
  }
  return response;
}

async function songAnswer(request, id, what, query) {
  await reading;
  if (!keptSongs.has(id)) return fetch(request);
  const about = await fromShelf(id);
  if (!about) return fetch(request);
  // What never changes is taken from here, the rest from the server as long as there is one that knows the song.
  if (what === "stems/multitrack.wav") return query.size ? fetch(request) : sound(request, id, about);
  if (what === "peaks") return peaks(query, about) ?? fetch(request);
  if (what === "cover") return (await fromShelf(`${id}/cover`, (response) => response)) ?? fetch(request);
  const answer = await fetch(request).catch(() => null);
  if (answer && answer.status !== 404) return answer;
  return fromMemory(what, about) ?? answer ?? Response.error();
}

/** Kept songs are told of at once, and there the stream ends: whoever follows others asks again, for those alone. */
async function follow(request) {
  await reading;
  const followed = await request.clone().json().catch(() => []);
  const told = await Promise.all(followed.filter(({ id }) => keptSongs.has(id)).map(snapshotOf));
  if (!told.some(Boolean)) return fetch(request);
  return new Response(told.join(""), { headers: STREAM });
}

async function snapshotOf({ id, passcode }) {
  const about = await fromShelf(id);
  if (!about) return "";
  const headers = { Accept: "application/json", "X-Track-Passcode": passcode };
  const newest = await fetch(`/api/v1/tracks/${id}`, { headers, cache: "no-store" }).catch(() => null);
  const track = newest?.ok ? await newest.json() : about.track;
  const of = (event, data) => sse("of", { id, event_id: "", event, data });
  return of("snapshot", { track, chunks: about.chunks }) + of("end", {});
}

async function fromShelf(key, read = (response) => response.json()) {
  const response = await caches.match(`/kept/${key}`, { cacheName: SONGS });
  return response ? read(response) : null;
}

function fromMemory(what, { track, chunks, lyrics }) {
  if (what === "track") return Response.json(track);
  if (what === "chunks") return Response.json({ chunks });
  if (what === "lyrics") return lyrics === undefined ? null : Response.json(lyrics);
  return new Response(sse("snapshot", { track, chunks }) + sse("end", {}), { headers: STREAM });
}

const STREAM = { "Content-Type": "text/event-stream" };
const sse = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** The places asked for, of an outline of the whole song. */
function peaks(query, { outline }) {
  const places = Number(query.get("places"));
  if (places !== outline.places) return null;
  const [from, to] = [Number(query.get("from") ?? 0), Number(query.get("to") ?? places)];
  return Response.json({ places, from, stems: outline.stems.map(({ name, peaks: all }) => ({ name, peaks: all.slice(from, to) })) });
}

/** Bytes of the multitrack WAV, which is kept in parts of one size. */
async function sound(request, id, { bytes, part }) {
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const from = asked ? Number(asked[1]) : 0;
  const to = asked?.[2] ? Math.min(Number(asked[2]) + 1, bytes) : bytes;
  if (from >= to) return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${bytes}` } });
  const pieces = [];
  for (let n = Math.floor(from / part); n * part < to; n += 1) {
    const piece = await fromShelf(`${id}/part/${n}`, (response) => response.blob());
    if (!piece) return fetch(request);
    pieces.push(piece.slice(Math.max(0, from - n * part), Math.min(part, to - n * part)));
  }
  const headers = { "Content-Type": "audio/wav", "Accept-Ranges": "bytes", "Content-Length": to - from };
  if (asked) headers["Content-Range"] = `bytes ${from}-${to - 1}/${bytes}`;
  return new Response(new Blob(pieces), { status: asked ? 206 : 200, headers });
}
