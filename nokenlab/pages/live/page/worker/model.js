// A model that runs: vectors in, logits of the next token out, with the keys and values of what was read.

const CHUNK = 64; // tokens that one row reads at a time, so that a newer run need not wait long

/**
 * What has been read: the keys and values of `length` tokens in each of `rows` rows.
 * @typedef {{rows: number, length: number, tensors: object[]}} Cache
 */

export class Model {
  #turn = Promise.resolve();

  /** @param {object} ort  onnxruntime @param {boolean} onGpu  where its keys and values stay */
  constructor(ort, session, layout, onGpu) {
    Object.assign(this, { ort, session, layout, onGpu });
    this.names = Array.from({ length: 2 * layout.layers }, (_, i) => `${i >> 1}.${i % 2 ? "value" : "key"}`);
  }

  /** Nothing read yet. @returns {Cache} */
  empty(rows) {
    const { heads, head } = this.layout;
    const tensors = this.names.map(() => new this.ort.Tensor("float32", new Float32Array(0), [rows, heads, 0, head]));
    return { rows, length: 0, tensors };
  }

  /**
   * Read vectors (rows, tokens, width) and give the logits after the last of them, one a row. `cache` becomes what
   * has been read now. `check` is awaited before each part of a long prompt, and may throw.
   * @param {Float32Array} vectors @param {Cache} cache @returns {Promise<Float32Array[]>}
   */
  async read(vectors, cache, check = async () => {}) {
    const { width } = this.layout, tokens = vectors.length / width / cache.rows;
    const size = cache.rows === 1 ? CHUNK : tokens; // onnxruntime goes on with many tokens for one row only
    let logits;
    for (let at = 0; at < tokens; at += size) {
      await check();
      const some = size === tokens ? vectors : vectors.subarray(at * width, (at + size) * width);
      logits = await this.#inTurn(() => this.#step(some, cache));
    }
    return logits;
  }

  /** Keep only some rows of a cache. Returns false on a GPU, where all stay. @param {number[]} rows */
  keep(cache, rows) {
    if (this.onGpu) return false;
    const { heads, head } = this.layout, size = heads * cache.length * head;
    cache.tensors = cache.tensors.map(({ data }) => {
      const kept = new Float32Array(rows.length * size);
      rows.forEach((row, i) => kept.set(data.subarray(row * size, (row + 1) * size), i * size));
      return new this.ort.Tensor("float32", kept, [rows.length, heads, cache.length, head]);
    });
    cache.rows = rows.length;
    return true;
  }

  /** Give a GPU's memory back. */
  release(cache) {
    if (this.onGpu) cache.tensors.forEach((tensor) => tensor.dispose());
  }

  async #step(vectors, cache) {
    const { Tensor } = this.ort, { width, vocabulary } = this.layout, { rows } = cache;
    const tokens = vectors.length / width / rows, length = cache.length + tokens;
    const feeds = {
      inputs_embeds: new Tensor("float32", vectors, [rows, tokens, width]),
      seqlens_k: new Tensor("int32", new Int32Array(rows).fill(length - 1), [rows]),
      total: new Tensor("int32", [length], []),
    };
    this.names.forEach((name, i) => { feeds[`past.${name}`] = cache.tensors[i]; });
    const found = await this.session.run(feeds);
    this.release(cache);
    cache.tensors = this.names.map((name) => found[`present.${name}`]);
    cache.length = length;
    const { data } = found.logits;
    return Array.from({ length: rows }, (_, row) => data.subarray(row * vocabulary, (row + 1) * vocabulary));
  }

  /** Runs of several lanes take turns: a session has one at a time. */
  #inTurn(job) {
    const found = this.#turn.then(job);
    this.#turn = found.catch(() => {});
    return found;
  }
}
