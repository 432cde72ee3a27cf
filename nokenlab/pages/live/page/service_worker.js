// Keeps the page for the time without a network, and isolates it (COOP, COEP) where its host does not.
// The network comes first: what is kept is used only without one. The large files are kept by worker/download.js.

const CACHE = `nokenlab page ${registration.scope}`;
const LIST = "files.json";

self.oninstall = (event) => event.waitUntil(keepAll().catch(() => {}).then(() => skipWaiting()));
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

/** What download.js checks and keeps. */
const isLarge = (path) => path.startsWith("model/") || path.endsWith(".wasm");

/** From the network, else what was kept. */
async function answer(event, path) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(event.request, { cache: "no-cache" }); // asks whether it is still the same
    if (response.ok) event.waitUntil(keep(cache, path, response.clone()));
    return response;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}

/** Keep a file. With another list of files all of them are fetched, for some are asked for late. */
async function keep(cache, path, response) {
  if (path !== LIST) return cache.put(path, response);
  const old = await (await cache.match(LIST))?.text();
  if (old !== await response.text()) await keepAll();
}

/** Keep every file of the page as it is now, and no other. */
async function keepAll() {
  const list = await fetch(LIST, { cache: "no-cache" }), cache = await caches.open(CACHE);
  const paths = Object.keys((await list.clone().json()).files).filter((path) => !isLarge(path));
  await cache.addAll(paths.map((path) => new Request(path, { cache: "no-cache" })));
  await cache.put(LIST, list);
  for (const { url } of await cache.keys()) if (![...paths, LIST].includes(pathOf(url))) await cache.delete(url);
}

/** The same with the headers that isolate, unless the host has its own, and asked for anew by each page. */
function isolated(response) {
  if (!response.ok || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers), { status, statusText } = response;
  const ours = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  for (const [name, value] of Object.entries(ours)) if (!headers.has(name)) headers.set(name, value);
  headers.set("Cache-Control", "no-cache"); // or the tab's memory answers in place of this file
  return new Response(response.body, { status, statusText, headers });
}
