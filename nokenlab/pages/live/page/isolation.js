// A page may use threads if response headers isolate it from other sites. service_worker.js adds them.

const RELOADED = `nokenlab reloaded ${new URL("./", import.meta.url).pathname}`;
const TIMEOUT = 5000; // milliseconds for the service worker to start

/**
 * Start the service worker, and reload the page, once, if it is not isolated yet. Where service workers or the
 * tab's storage are forbidden (http on a network, some private windows) the page continues as it is.
 */
export async function isolate() {
  try {
    const registered = navigator.serviceWorker?.register(new URL("./service_worker.js", import.meta.url));
    if (!registered) return;
    await Promise.race([registered.then(() => navigator.serviceWorker.ready), wait(TIMEOUT)]);
    if (crossOriginIsolated) return sessionStorage.removeItem(RELOADED);
    const ready = (await registered).active;
    if (!ready || sessionStorage.getItem(RELOADED)) return;
    sessionStorage.setItem(RELOADED, "yes");
  } catch {
    return;
  }
  location.reload();
  await new Promise(() => {}); // start nothing on a page that is being left
}

const wait = (time) => new Promise((resolve) => { setTimeout(resolve, time); });
