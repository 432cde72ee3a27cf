// The engine as the page sees it: a worker that has the model. Whatever takes time is done there.

import { isolate } from "./isolation.js";

/**
 * What stands at one position of a prompt: a token; the random noken of a seed (0 to 99); a blend of tokens, the sum
 * of weight times embedding; or any vector. With `norm` it is rescaled to that length.
 * @typedef {{id: number} | {seed: number, norm?: number} | {mix: [number, number][], norm?: number}
 *   | {vector: Float32Array}} Slot
 */
/** @typedef {{id: number, shown: string}} Token  shown: on one line, as nokenlab spells it, with ␣ for a space */
/** @typedef {Token & {text: string}} PromptToken  text: its part of the prompt */
/** @typedef {Token & {probability: number}} Likely */
/**
 * A step of an answer: the token, all text so far (never half a character of many bytes), the likeliest tokens at
 * this step, and the entropy of all of them in bits.
 * @typedef {Token & {text: string, leading: Likely[], entropy: number}} Step
 */
/**
 * ended: the model ended its text, with a token that is a step and not among `ids`. full: it did not, but the text
 * has as many tokens as the model can read.
 * @typedef {{text: string, ids: number[], ended: boolean, full: boolean, steps: number, seconds: number}} Answer
 */
/**
 * leading, entropy: of its first token, in bits.
 * @typedef {{text: string, ids: number[], leading: Likely[], entropy: number}} Row
 */
/**
 * The plane through three words, with (x, y) in distances of the embedding space. ids: of the words' last tokens.
 * points: the cells of a square map that extends `reach` to each side, from the lower left, x first. near: the tokens
 * above that map which are nearest to the plane. nearest: the token with the highest cosine at each point.
 * @typedef {{ids: number[], corners: {label: string, x: number, y: number, note: string}[], reach: number,
 *   points: [number, number][], near: (Token & {x: number, y: number, distance: number})[], nearest: Token[]}} Plane
 */
/** @typedef {{file: string, done: number, total: number, what: string}} Progress  in bytes; what: for a person */
/**
 * note: what could be better, for a person, or "".
 * @typedef {{backend: "WebGPU" | "WASM", threads: number, isolated: boolean, note: string, positions: number,
 *   width: number, vocabulary: number, medianNorm: number, medianDistance: number}} Loaded
 */

/** A run was cancelled by a newer one on its lane, or by `stop`. */
export class Cancelled extends Error {
  name = "Cancelled";
}

/** A model that answers nokens. Methods return promises, which fail with an Error for people to read. */
export class Engine {
  /** How many runs were cancelled. */
  cancelled = 0;
  #calls = new Map();
  #fault = "";
  #last = 0;
  #options;
  #worker;

  /** @param {{threads?: number, backend?: "WebGPU" | "WASM"}} options  by default the best that works here */
  constructor(options = {}) {
    this.#options = options;
    this.#worker = new Worker(new URL("./worker/worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => this.#failAll(event.message);
  }

  /**
   * Load the model; where that brings threads, the page first reloads itself, once. After a failure a new engine may
   * try again.
   * @param {(progress: Progress) => void} [onProgress] @returns {Promise<Loaded>}
   */
  async load(onProgress) {
    await isolate();
    try {
      return await this.#call("load", this.#options, onProgress);
    } catch (error) {
      this.#worker.terminate(); // with its memory
      this.#failAll(error.message);
      throw error;
    }
  }

  /** The tokens of a text. @param {string} text @returns {Promise<PromptToken[]>} */
  tokens(text) { return this.#call("tokens", text); }

  /** The text of tokens. @param {number[]} ids @returns {Promise<string>} */
  text(ids) { return this.#call("text", ids); }

  /** The id of the last token of a word with a space before it. @param {string} word @returns {Promise<number>} */
  word(word) { return this.#call("word", word); }

  /**
   * Continue a prompt, token by token, with the likeliest: at most `tokens` of them, the first of them `forced`, if
   * any, each with the `top` likeliest. A later call on the same lane cancels this one at its next token: it fails
   * with `Cancelled`.
   * @param {Slot[]} prompt
   * @param {{tokens?: number, forced?: number[], top?: number, lane?: string}} [options]
   * @param {(step: Step) => void} [onStep] @returns {Promise<Answer>}
   */
  answer(prompt, options = {}, onStep) { return this.#call("answer", { prompt, ...options }, onStep); }

  /**
   * The same for many prompts of one length, several at a time. onStep hears how many are done, and the new ones:
   * [number, row].
   * @param {Slot[][]} prompts @param {{tokens?: number, top?: number, lane?: string}} [options]
   * @param {(step: {done: number, of: number, rows: [number, Row][]}) => void} [onStep] @returns {Promise<Row[]>}
   */
  answers(prompts, options = {}, onStep) { return this.#call("answers", { prompts, ...options }, onStep); }

  /**
   * The k tokens with the highest cosine, highest first.
   * @param {Slot} slot @returns {Promise<(Token & {cosine: number, distance: number})[]>}
   */
  nearest(slot, k = 10) { return this.#call("nearest", { slot, k }); }

  /**
   * A vector for each p between a and b.
   * @param {Slot} a @param {Slot} b @param {number[]} p @param {"lerp" | "slerp" | "slerp about c"} interpolation
   * @returns {Promise<Float32Array[]>}
   */
  between(a, b, p, interpolation = "lerp") { return this.#call("between", { a, b, p, interpolation }); }

  /**
   * The plane through three words, with a map of side × side cells, which extends beyond the corners by the share
   * `margin`, and `count` tokens near it.
   * @param {string[]} words @param {{margin: number, side: number, count: number}} options @returns {Promise<Plane>}
   */
  plane(words, options) { return this.#call("plane", { words, ...options }); }

  /** Cancel what runs on a lane. */
  stop(lane = "answer") { return this.#call("stop", lane); }

  #call(name, args, onStep) {
    const call = ++this.#last;
    return new Promise((resolve, reject) => {
      if (this.#fault) return reject(new Error(this.#fault));
      this.#calls.set(call, { resolve, reject, onStep });
      this.#worker.postMessage({ call, name, args });
    });
  }

  /** A message of the worker: a step, a value or an error. */
  #receive({ call, step, value, error, cancelled }) {
    const { resolve, reject, onStep } = this.#calls.get(call);
    if (step !== undefined) return onStep?.(step);
    this.#calls.delete(call);
    this.cancelled += Boolean(cancelled);
    if (error === undefined) resolve(value);
    else reject(cancelled ? new Cancelled(error) : new Error(error));
  }

  /** The worker did not start, or died: no call is answered any more. */
  #failAll(message) {
    this.#fault = message || "The worker that runs the model did not start: its files could not be loaded.";
    for (const { reject } of this.#calls.values()) reject(new Error(this.#fault));
    this.#calls.clear();
  }
}
