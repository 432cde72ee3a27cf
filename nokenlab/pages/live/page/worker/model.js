// A model that runs: vectors in, logits of the next token out, with a cache of keys and values.

const CHUNK = 64; // tokens that one row reads at a time, so that a newer run does not wait long

/**
 * The keys and values of the `length` tokens that each of `rows` rows has read.
 * @typedef {{rows: number, length: number, tensors: object[]}} Cache
 */

export class Model {
  #last = Promise.resolve();

  /** @param {object} ort  onnxruntime @param {boolean} onGpu  where keys and values stay */
  constructor(ort, session, layout, onGpu) {
    Object.assign(this, { ort, session, layout, onGpu });
    this.names = Array.from({ length: 2 * layout.layers }, (_, i) => `${i >> 1}.${i % 2 ? "value" : "key"}`);
  }

  /** A cache of nothing. @returns {Cache} */
  empty(rows) {
    const { heads, head } = this.layout;
    const tensors = this.names.map(() => new this.ort.Tensor("float32", new Float32Array(0), [rows, heads, 0, head]));
    return { rows, length: 0, tensors };
  }

  /**
   * Read vectors (rows, tokens, width); returns the logits after the last of them, one array per row. They are added
   * to `cache`. `check` is awaited before each part of a long prompt, and may throw.
   * @param {Float32Array} vectors @param {Cache} cache @returns {Promise<Float32Array[]>}
   */
  async read(vectors, cache, check = async () => {}) {
    const { width } = this.layout, tokens = vectors.length / width / cache.rows;
    const size = cache.rows === 1 ? CHUNK : tokens; // after a cache, onnxruntime takes many tokens for one row only
    let logits;
    for (let at = 0; at < tokens; at += size) {
      await check();
      const chunk = size === tokens ? vectors : vectors.subarray(at * width, (at + size) * width);
      logits = await this.#afterLast(() => this.#step(chunk, cache));
    }
    return logits;
  }

  /** Drop all but some rows of a cache. Returns false on a GPU, where all stay. @param {number[]} rows */
  keep(cache, rows) {
    if (this.onGpu) return false;
    const { heads, head } = this.layout, size = heads * cache.length * head;
    cache.tensors = cache.tensors.map(({ data }) => {
      const left = new Float32Array(rows.length * size);
      rows.forEach((row, i) => left.set(data.subarray(row * size, (row + 1) * size), i * size));
      return new this.ort.Tensor("float32", left, [rows.length, heads, cache.length, head]);
    });
    cache.rows = rows.length;
    return true;
  }

  /** Free the memory of a GPU. */
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
    const outputs = await this.session.run(feeds);
    this.release(cache);
    cache.tensors = this.names.map((name) => outputs[`present.${name}`]);
    cache.length = length;
    const { data } = outputs.logits;
    return Array.from({ length: rows }, (_, row) => data.subarray(row * vocabulary, (row + 1) * vocabulary));
  }

  /** Do a job after the last one, of whatever lane: a session runs one at a time. */
  #afterLast(job) {
    const result = this.#last.then(job);
    this.#last = result.catch(() => {});
    return result;
  }
}
