// The service worker: keeps the page's files, so that it opens without the server, and answers for songs kept offline.
//
// Before this the server puts a line that names the build: SHELL, its version and its files. Each version has a cache
// of its own, and each open page is noted with its version: so a new version takes over at once, and a page that is
// open goes on with the files that it began with.

importScripts("/sw/songs.js");

const PREFIX = "shell-";
const OPEN_PAGES = "open-pages";
/** A server that does not answer for so long is taken for none. */
const PATIENCE_MS = 4000;
const files = new Set(SHELL.files);

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, search } = new URL(request.url);
  if (origin !== location.origin) return;
  const isFile = request.method === "GET" && files.has(pathname);
  if (isFile && request.mode === "navigate") event.respondWith(openPage(event, pathname));
  else if (isFile) event.respondWith(file(event, pathname));
  else answerForSong(event, pathname, search);
});

async function install() {
  const cache = await caches.open(PREFIX + SHELL.version);
  await Promise.all(
    SHELL.files.map(async (path) => {
      const response = await fetch(path, { cache: "no-cache" });
      if (!response.ok || versionOf(response) !== SHELL.version) throw new Error(`${path} is of another version`);
      await cache.put(path, response);
    }),
  );
  await skipWaiting();
}

async function takeOver() {
  await tidy();
  await clients.claim();
}

/** Notes pages that came before there was a service worker, and forgets versions that no page has. */
async function tidy() {
  const book = await caches.open(OPEN_PAGES);
  const open = new Set((await clients.matchAll({ includeUncontrolled: true })).map(({ id }) => id));
  for (const id of open) if (!(await book.match(pageKey(id)))) await note(id, SHELL.version);
  const used = new Set([SHELL.version]);
  for (const request of await book.keys()) {
    const id = new URL(request.url).pathname.split("/").pop();
    if (open.has(id)) used.add(await versionOfPage(id));
    else await book.delete(request);
  }
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && !used.has(name.slice(PREFIX.length))) await caches.delete(name);
  }
}

/** The newest page there is: the server's, or without it the one that is kept. */
async function openPage(event, path) {
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const answer = await Promise.race([fetch(event.request).catch(() => null), late]);
  const [response, version] = answer && answer.status < 500 ? [answer, versionOf(answer)] : [await kept(path, SHELL.version), SHELL.version];
  await note(event.resultingClientId, version ?? SHELL.version);
  return response ?? Response.error();
}

/** A file of the version that the page has. */
async function file(event, path) {
  const version = (await versionOfPage(event.clientId)) ?? SHELL.version;
  const known = await kept(path, version);
  if (known) return known;
  try {
    return await fetch(event.request);
  } catch (error) {
    const other = await kept(path, SHELL.version);
    if (other) return other;
    throw error;
  }
}

const versionOf = (response) => response.headers.get("x-page-version");
const kept = (path, version) => caches.match(path, { cacheName: PREFIX + version });
const pageKey = (id) => `/open-pages/${id}`;

async function versionOfPage(id) {
  const noted = id && (await caches.match(pageKey(id), { cacheName: OPEN_PAGES }));
  return noted ? noted.text() : null;
}

async function note(id, version) {
  if (id) await (await caches.open(OPEN_PAGES)).put(pageKey(id), new Response(version));
}
