// Stores the page for use without a network, and isolates it (COOP, COEP) where its host does not.
// The network comes first: what is stored is used only without one. worker/download.js stores the large files.

const CACHE = `nokenlab page ${registration.scope}`;
const LIST = "files.json";

self.oninstall = (event) => event.waitUntil(storeAll().catch(() => {}).then(() => skipWaiting()));
self.onactivate = (event) => event.waitUntil(clients.claim());

self.onfetch = (event) => {
  const { request } = event, path = pathOf(request.url);
  if (request.method !== "GET" || path === null || isLarge(path)) return;
  event.respondWith(answer(event, path).then(isolated));
};

/** A file's path in this folder, or null. */
function pathOf(url) {
  const { scope } = registration, { origin, pathname } = new URL(url);
  return (origin + pathname).startsWith(scope) ? (origin + pathname).slice(scope.length) || "index.html" : null;
}

/** Whether download.js checks and stores a file. */
const isLarge = (path) => path.startsWith("model/") || path.endsWith(".wasm");

/** From the network, else from the cache. */
async function answer(event, path) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(event.request, { cache: "no-cache" }); // asks the server whether it has changed
    if (response.ok) event.waitUntil(store(cache, path, response.clone()));
    return response;
  } catch (error) {
    const stored = await cache.match(path);
    if (stored) return stored;
    throw error;
  }
}

/** Store a file. When the list of files has changed, all are fetched: some are requested late. */
async function store(cache, path, response) {
  if (path !== LIST) return cache.put(path, response);
  const old = await (await cache.match(LIST))?.text();
  if (old !== await response.text()) await storeAll();
}

/** Store every file of the page as it is now, and no other. */
async function storeAll() {
  const list = await fetch(LIST, { cache: "no-cache" }), cache = await caches.open(CACHE);
  const paths = Object.keys((await list.clone().json()).files).filter((path) => !isLarge(path));
  await cache.addAll(paths.map((path) => new Request(path, { cache: "no-cache" })));
  await cache.put(LIST, list);
  for (const { url } of await cache.keys()) if (![...paths, LIST].includes(pathOf(url))) await cache.delete(url);
}

/** A response with the headers that isolate, unless the host has its own; each page requests it again. */
function isolated(response) {
  if (!response.ok || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers), { status, statusText } = response;
  const ours = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  for (const [name, value] of Object.entries(ours)) if (!headers.has(name)) headers.set(name, value);
  headers.set("Cache-Control", "no-cache"); // otherwise the tab's memory answers in place of this file
  return new Response(response.body, { status, statusText, headers });
}
