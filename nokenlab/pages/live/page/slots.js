// From the state of the page to slots of the engine: one for each token of the prompt.

const MOST = 100; // texts of which the tokens are remembered

/**
 * @typedef {import("./state.js").State} State @typedef {import("./engine.js").Slot} Slot
 * @typedef {import("./engine.js").PromptToken} PromptToken
 */

/** Makes slots. The tokens of a text are requested once. */
export class Slots {
  #tokens = new Map();
  #words = new Map();

  /** @param {import("./engine.js").Engine} engine @param {number} medianNorm */
  constructor(engine, medianNorm) {
    Object.assign(this, { engine, medianNorm });
  }

  /** @param {string} text @returns {Promise<PromptToken[]>} */
  tokens(text) {
    return remembered(this.#tokens, text, () => this.engine.tokens(text));
  }

  /** The id of a word's last token. @param {string} word @returns {Promise<number>} */
  word(word) {
    if (!word.trim()) return Promise.reject(new Error("A word is missing: write one into the empty box."));
    return remembered(this.#words, word, () => this.engine.word(word.trim()));
  }

  /** What replaces a token, or null. @param {State} state @returns {Promise<?Slot>} */
  async noken(state) {
    const { put, seed, size, word, blend, p } = state;
    if (put === "seed") return size === "own" ? { seed } : { seed, norm: size * this.medianNorm };
    if (put === "word") return { id: await this.word(word) };
    if (put === "blend") return this.#mix(blend, [1 - p, p]);
    return null;
  }

  /** The prompt with it. @param {State} state @param {PromptToken[]} tokens @returns {Promise<Slot[]>} */
  async prompt(state, tokens) {
    const slots = tokens.map(({ id }) => ({ id })),
      noken = await this.noken(state);
    if (noken) slots[Math.min(state.at, slots.length - 1)] = noken;
    return slots;
  }

  /** What a reader should know of the words that replace a token. @param {State} state */
  async notes({ put, word, blend }) {
    const words = { word: [word], blend }[put] ?? [],
      tokens = await Promise.all(words.map((word) => this.tokens(` ${word.trim()}`)));
    const note = (word, { length }, last) => `“${word}” is ${length} tokens; its last, “${last.shown}”, stands for it. `;
    return words.map((word, i) => (tokens[i].length > 1 ? note(word, tokens[i], tokens[i].at(-1)) : "")).join("");
  }

  async #mix(words, weights) {
    const ids = await Promise.all(words.map((word) => this.word(word)));
    return { mix: ids.map((id, i) => [id, weights[i]]) };
  }
}

/** The value of a key, made only if it is not in the map; the oldest entry is dropped. */
function remembered(map, key, make) {
  if (!map.has(key)) {
    if (map.size >= MOST) map.delete(map.keys().next().value);
    map.set(key, make());
    map.get(key).catch(() => map.delete(key));
  }
  return map.get(key);
}
