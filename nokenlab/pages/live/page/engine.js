// The engine as the page sees it: a worker that has the model. Whatever takes time is done there.

import { isolate } from "./isolation.js";

/**
 * One token's place in a prompt: a token; the random noken of a seed (0 to 99); a blend of tokens, the sum of
 * weight times embedding; or any vector. With `norm` it is brought to that length.
 * @typedef {{id: number} | {seed: number, norm?: number} | {mix: [number, number][], norm?: number}
 *   | {vector: Float32Array}} Slot
 */
/** @typedef {{id: number, text: string}} Token  text: as nokenlab shows a token */
/** @typedef {Token & {probability: number}} Likely */
/**
 * What a step said: the token, all text so far (never half a letter of many bytes), the likeliest tokens it was taken
 * from, and the entropy of all of them in bits.
 * @typedef {Token & {whole: string, leading: Likely[], entropy: number}} Step
 */
/**
 * ended: the model ended its text, with a token that is a step and not among `ids`. full: it did not, but takes
 * no more tokens.
 * @typedef {{text: string, ids: number[], ended: boolean, full: boolean, steps: number, seconds: number}} Answer
 */
/**
 * leading, entropy: of its first token, in bits.
 * @typedef {{text: string, ids: number[], leading: Likely[], entropy: number}} Row
 */
/** @typedef {{file: string, done: number, total: number, what: string}} Progress  in bytes; what: for a person */
/**
 * note: what is not as it could be, for a person, or "".
 * @typedef {{backend: "WebGPU" | "WASM", threads: number, isolated: boolean, note: string, positions: number,
 *   width: number, vocabulary: number, medianNorm: number, medianDistance: number}} Loaded
 */

/** A run that a newer one on its lane, or `stop`, has ended. */
export class Ended extends Error {
  name = "Ended";
}

/** A model that answers nokens. Methods return promises, which fail with an Error for people to read. */
export class Engine {
  /** How many runs were ended before they were through. */
  ended = 0;
  #calls = new Map();
  #fault = "";
  #last = 0;
  #options;
  #worker;

  /** @param {{threads?: number, backend?: "WebGPU" | "WASM"}} options  without them the best there is here */
  constructor(options = {}) {
    this.#options = options;
    this.#worker = new Worker(new URL("./worker/worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#heard(data);
    this.#worker.onerror = (event) => this.#broken(event.message);
  }

  /**
   * Load the model; where that brings threads, the page first reloads itself, once. If it fails, a new engine
   * may try again.
   * @param {(progress: Progress) => void} [onProgress] @returns {Promise<Loaded>}
   */
  async load(onProgress) {
    await isolate();
    try {
      return await this.#ask("load", this.#options, onProgress);
    } catch (error) {
      this.#worker.terminate(); // with the memory it took
      this.#broken(error.message);
      throw error;
    }
  }

  /** The tokens of a text. @param {string} text @returns {Promise<Token[]>} */
  tokens(text) { return this.#ask("tokens", text); }

  /** The text of tokens. @param {number[]} ids @returns {Promise<string>} */
  text(ids) { return this.#ask("text", ids); }

  /** The id of the last token of a word with a space before it. @param {string} word @returns {Promise<number>} */
  word(word) { return this.#ask("word", word); }

  /**
   * Say, token by token, what is likeliest after a prompt: at most `tokens` of them, the first of them `forced`,
   * if any, each with the `top` likeliest. A later call on the same lane ends an older one at its next token,
   * which then fails with `Ended`.
   * @param {Slot[]} prompt
   * @param {{tokens?: number, forced?: number[], top?: number, lane?: string}} [options]
   * @param {(step: Step) => void} [onStep] @returns {Promise<Answer>}
   */
  answer(prompt, options = {}, onStep) { return this.#ask("answer", { prompt, ...options }, onStep); }

  /**
   * The same for many prompts of one length, some at a time. onStep hears how many are through, and which of them
   * were it just now: [number, row].
   * @param {Slot[][]} prompts @param {{tokens?: number, top?: number, lane?: string}} [options]
   * @param {(step: {done: number, of: number, rows: [number, Row][]}) => void} [onStep] @returns {Promise<Row[]>}
   */
  answers(prompts, options = {}, onStep) { return this.#ask("answers", { prompts, ...options }, onStep); }

  /**
   * The k tokens that point most nearly the same way, nearest first.
   * @param {Slot} slot @returns {Promise<(Token & {cosine: number, distance: number})[]>}
   */
  nearest(slot, k = 10) { return this.#ask("nearest", { slot, k }); }

  /** The vector of a slot. @param {Slot} slot @returns {Promise<Float32Array>} */
  vector(slot) { return this.#ask("vector", slot); }

  /**
   * A vector for each p on a way from a to b.
   * @param {Slot} a @param {Slot} b @param {number[]} p @param {"lerp" | "slerp" | "slerp about c"} way
   * @returns {Promise<Float32Array[]>}
   */
  between(a, b, p, way = "lerp") { return this.#ask("between", { a, b, p, way }); }

  /**
   * The `count` tokens nearest to a plane, of those above a map that goes `reach` out to either side, and for each
   * of some points of it the token that points most nearly the same way.
   * @param {import("./worker/plane.js").Plane} plane
   * @param {{reach: number, count: number, points: [number, number][]}} wish
   * @returns {Promise<{near: (Token & {x: number, y: number, off: number})[], nearest: Token[]}>}
   */
  plane(plane, wish) { return this.#ask("plane", { plane, ...wish }); }

  /** End what runs on a lane. */
  stop(lane = "answer") { return this.#ask("stop", lane); }

  #ask(name, args, onStep) {
    const call = ++this.#last;
    return new Promise((done, failed) => {
      if (this.#fault) return failed(new Error(this.#fault));
      this.#calls.set(call, { done, failed, onStep });
      this.#worker.postMessage({ call, name, args });
    });
  }

  /** What the worker says of a call: a step, a value, an error. */
  #heard({ call, step, value, error, ended }) {
    const { done, failed, onStep } = this.#calls.get(call);
    if (step !== undefined) return onStep?.(step);
    this.#calls.delete(call);
    this.ended += Boolean(ended);
    if (error === undefined) done(value);
    else failed(ended ? new Ended(error) : new Error(error));
  }

  /** The worker could not begin, or died: nothing is answered any more. */
  #broken(message) {
    this.#fault = message || "The worker that has the model did not begin: its files could not be loaded.";
    for (const { failed } of this.#calls.values()) failed(new Error(this.#fault));
    this.#calls.clear();
  }
}
