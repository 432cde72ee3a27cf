// The files of the model: fetched with progress, checked against files.json, kept for the next time.

/** @typedef {import("../engine.js").Progress} Progress */

const OFTEN = 100; // milliseconds between two words of progress

/** Fetches files of the folder `base`, whose list is files.json. */
export class Downloads {
  done = 0;
  total = 0;
  #said = 0;

  /** @param {URL} base @param {(progress: Progress) => void} say */
  constructor(base, say) {
    Object.assign(this, { base, say });
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
    if (missing) throw new Error(`${missing} is not in the list of this page's files: it was not put up whole.`);
    for (const path of paths) this.total += this.files[path].bytes;
    const found = await Promise.all(paths.map((path) => this.#get(path)));
    return Object.fromEntries(paths.map((path, i) => [path, found[i]]));
  }

  /** Throw away what is kept of an older version. */
  async tidy() {
    const now = new Set(Object.keys(this.files).map((path) => this.#name(path)));
    for (const { url } of await this.cache?.keys() ?? []) if (!now.has(url)) await this.cache.delete(url);
  }

  /** What a file is kept as: with its hash, so that no older one is taken for it. */
  #name(path) { return new URL(`${path}?${this.files[path].sha256}`, this.base).href; }

  /** One file: as it was kept, or fetched; a second time where it came damaged. */
  async #get(path) {
    for (const again of [false, true]) {
      const begin = this.done;
      const kept = again ? undefined : await this.cache?.match(this.#name(path));
      const bytes = await this.#read(path, kept ?? await this.#fetch(path, again ? "reload" : "default"));
      if (bytes && await isWhole(bytes, this.files[path])) {
        if (!kept) await this.#keep(path, bytes);
        return bytes;
      }
      this.done = begin;
      this.#tell(path, `${path} came damaged, fetching it anew`, true);
    }
    throw new Error(`${path} came damaged twice: what arrives is not what was put up. Reload the page later.`);
  }

  /** What is sent, in memory; null for more or less than there should be. @returns {Promise<?Uint8Array>} */
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
        this.#tell(path, "loading the model");
      }
    } catch {
      return null; // the connection broke off
    }
  }

  async #keep(path, bytes) {
    try {
      await this.cache?.put(this.#name(path), new Response(bytes));
    } catch {
      // no room on the disk: it is fetched again the next time
    }
  }

  async #fetch(path, cache) {
    const response = await fetch(new URL(path, this.base), { cache }).catch(() => {
      throw new Error(`${path} could not be fetched: there is no connection, and it was not kept here before.`);
    });
    if (response.ok) return response;
    throw new Error(`${path} could not be fetched: the server says ${response.status} ${response.statusText}.`);
  }

  #tell(file, what, now = this.done === this.total) {
    if (!now && performance.now() - this.#said < OFTEN) return;
    this.#said = performance.now();
    this.say({ file, done: this.done, total: this.total, what });
  }
}

/** Whether bytes are what was put up. A page without https has no SHA-256: there their number must do. */
async function isWhole(bytes, { sha256 }) {
  if (!globalThis.crypto?.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return sha256 === Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The browser's own storage, or null where it has none for this page. */
async function openCache(name) {
  try {
    return await caches.open(name);
  } catch {
    return null;
  }
}
