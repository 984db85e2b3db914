// The service worker: caches the page's files, so that it opens without the server, and answers for songs stored offline.
//
// The server prepends a line that defines SHELL, the version and the files of this build. Each version has its own
// cache, and the version of each open page is recorded: a new version is active at once, while an open page keeps
// getting the files of its own version. Names of caches stay the same across versions.

importScripts("/sw/songs.js");

const PREFIX = "shell-";
const OPEN_PAGES = "open-pages";
/** A server that does not answer within this time counts as unreachable. */
const NETWORK_TIMEOUT_MS = 4000;
const files = new Set(SHELL.files);

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("notificationclick", (event) => event.waitUntil(showPage(event.notification)));
addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, search } = new URL(request.url);
  if (origin !== location.origin) return;
  const isFile = request.method === "GET" && files.has(pathname);
  if (isFile && request.mode === "navigate") event.respondWith(openPage(event, pathname));
  else if (isFile) event.respondWith(file(event, pathname));
  else answerForSong(event, pathname, search);
});

/** The open page, or a new one. */
async function showPage(notification) {
  notification.close();
  const [page] = await clients.matchAll({ type: "window" });
  await (page ? page.focus() : clients.openWindow("/"));
}

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

async function activate() {
  await removeOldVersions();
  await clients.claim();
}

/** Records pages that were opened without a service worker, and deletes the caches of versions that no page uses. */
async function removeOldVersions() {
  const openPages = await caches.open(OPEN_PAGES);
  const open = new Set((await clients.matchAll({ includeUncontrolled: true })).map(({ id }) => id));
  for (const id of open) if (!(await openPages.match(pageKey(id)))) await recordVersion(id, SHELL.version);
  const used = new Set([SHELL.version]);
  for (const request of await openPages.keys()) {
    const id = new URL(request.url).pathname.split("/").pop();
    if (open.has(id)) used.add(await versionOfPage(id));
    else await openPages.delete(request);
  }
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && !used.has(name.slice(PREFIX.length))) await caches.delete(name);
  }
}

/** The page from the server, or, if it is unreachable, the cached one. */
async function openPage(event, path) {
  const timeout = new Promise((resolve) => setTimeout(resolve, NETWORK_TIMEOUT_MS));
  const answer = await Promise.race([fetch(event.request).catch(() => null), timeout]);
  const [response, version] = answer && answer.status < 500 ? [answer, versionOf(answer)] : [await cached(path, SHELL.version), SHELL.version];
  await recordVersion(event.resultingClientId, version ?? SHELL.version);
  return response ?? Response.error();
}

/** A file in the version of the page that requests it. */
async function file(event, path) {
  const version = (await versionOfPage(event.clientId)) ?? SHELL.version;
  const inCache = await cached(path, version);
  if (inCache) return inCache;
  try {
    return await fetch(event.request);
  } catch (error) {
    const other = await cached(path, SHELL.version);
    if (other) return other;
    throw error;
  }
}

const versionOf = (response) => response.headers.get("x-page-version");
const cached = (path, version) => caches.match(path, { cacheName: PREFIX + version });
const pageKey = (id) => `/open-pages/${id}`;

async function versionOfPage(id) {
  const recorded = id && (await caches.match(pageKey(id), { cacheName: OPEN_PAGES }));
  return recorded ? recorded.text() : null;
}

async function recordVersion(id, version) {
  if (id) await (await caches.open(OPEN_PAGES)).put(pageKey(id), new Response(version));
}
