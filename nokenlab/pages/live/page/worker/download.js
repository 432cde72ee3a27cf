// The files of the model: downloaded with progress, checked against files.json, stored for the next visit.

/** @typedef {import("../engine.js").Progress} Progress */

const INTERVAL = 100; // milliseconds between two reports of progress

/** Downloads files of the folder `base`, which files.json lists. */
export class Downloads {
  done = 0;
  total = 0;
  #reportedAt = 0;

  /** @param {URL} base @param {(progress: Progress) => void} onProgress */
  constructor(base, onProgress) {
    Object.assign(this, { base, onProgress });
  }

  /** Read the list of files. */
  async open() {
    const response = await this.#fetch("files.json", "no-cache");
    this.files = (await response.json()).files;
    this.cache = await openCache(`nokenlab model ${this.base.pathname}`);
  }

  /** The bytes of each of some files. @param {string[]} paths @returns {Promise<Record<string, Uint8Array>>} */
  async all(paths) {
    const missing = paths.find((path) => !this.files[path]);
    if (missing) throw new Error(`${missing} is not in the list of this page's files: the site is incomplete.`);
    for (const path of paths) this.total += this.files[path].bytes;
    const files = await Promise.all(paths.map((path) => this.#get(path)));
    return Object.fromEntries(paths.map((path, i) => [path, files[i]]));
  }

  /** Delete the stored files of an older version. */
  async tidy() {
    const current = new Set(Object.keys(this.files).map((path) => this.#name(path)));
    for (const { url } of await this.cache?.keys() ?? []) if (!current.has(url)) await this.cache.delete(url);
  }

  /** The name under which a file is stored, with its hash: an older version has another. */
  #name(path) { return new URL(`${path}?${this.files[path].sha256}`, this.base).href; }

  /** One file: stored, or downloaded; once more if it arrived damaged. */
  async #get(path) {
    for (const again of [false, true]) {
      const begin = this.done;
      const stored = again ? undefined : await this.cache?.match(this.#name(path));
      const bytes = await this.#read(path, stored ?? await this.#fetch(path, again ? "reload" : "default"));
      if (bytes && await isValid(bytes, this.files[path])) {
        if (!stored) await this.#store(path, bytes);
        return bytes;
      }
      this.done = begin;
      this.#report(path, `${path} arrived damaged, downloading it again`, true);
    }
    throw new Error(`${path} arrived damaged twice: it differs from the site's list of files. Reload the page later.`);
  }

  /** The bytes of a response; null if there are more or fewer than listed. @returns {Promise<?Uint8Array>} */
  async #read(path, response) {
    const bytes = new Uint8Array(this.files[path].bytes), reader = response.body.getReader();
    let at = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return at === bytes.length ? bytes : null;
        if (at + value.length > bytes.length) return reader.cancel().then(() => null);
        bytes.set(value, at);
        at += value.length;
        this.done += value.length;
        this.#report(path, "loading the model");
      }
    } catch {
      return null; // the connection was lost
    }
  }

  async #store(path, bytes) {
    try {
      await this.cache?.put(this.#name(path), new Response(bytes));
    } catch {
      // no space on the disk: it is downloaded again the next time
    }
  }

  async #fetch(path, cache) {
    const response = await fetch(new URL(path, this.base), { cache }).catch(() => {
      throw new Error(`${path} could not be downloaded: there is no connection, and it is not stored here.`);
    });
    if (response.ok) return response;
    throw new Error(`${path} could not be downloaded: the server says ${response.status} ${response.statusText}.`);
  }

  #report(file, what, atOnce = this.done === this.total) {
    if (!atOnce && performance.now() - this.#reportedAt < INTERVAL) return;
    this.#reportedAt = performance.now();
    this.onProgress({ file, done: this.done, total: this.total, what });
  }
}

/** Whether bytes have their SHA-256. A page without https cannot compute it: there their number must do. */
async function isValid(bytes, { sha256 }) {
  if (!globalThis.crypto?.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return sha256 === Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The browser's storage, or null where it has none for this page. */
async function openCache(name) {
  try {
    return await caches.open(name);
  } catch {
    return null;
  }
}
