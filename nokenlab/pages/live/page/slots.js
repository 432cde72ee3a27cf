// From what the page shows to what the engine is asked: a slot for each token of the prompt.

/**
 * @typedef {import("./state.js").State} State @typedef {import("./engine.js").Slot} Slot
 * @typedef {import("./engine.js").Token} Token
 */

/** Makes slots. Tokens of texts are asked for once. */
export class Slots {
  #tokens = new Map();
  #words = new Map();

  /** @param {import("./engine.js").Engine} engine @param {number} medianNorm */
  constructor(engine, medianNorm) {
    Object.assign(this, { engine, medianNorm });
  }

  /** @param {string} text @returns {Promise<Token[]>} */
  tokens(text) {
    return kept(this.#tokens, text, () => this.engine.tokens(text));
  }

  /** @param {string} word @returns {Promise<number>} its id */
  word(word) {
    if (!word.trim()) return Promise.reject(new Error("A word is missing: write one into the empty box."));
    return kept(this.#words, word, () => this.engine.word(word.trim()));
  }

  /** What is put in, or null. @param {State} state @returns {Promise<?Slot>} */
  async noken({ put, seed, size, word, blend, p, corners, point }) {
    const mixed = async (words, weights) => {
      const ids = await Promise.all(words.map((word) => this.word(word)));
      return { mix: ids.map((id, i) => [id, weights[i]]) };
    };
    if (put === "seed") return size === "own" ? { seed } : { seed, norm: size * this.medianNorm };
    if (put === "word") return { id: await this.word(word) };
    if (put === "blend") return mixed(blend, [1 - p, p]);
    if (put === "point") return mixed(corners, [...point, 1 - point[0] - point[1]]);
    return null;
  }

  /** The prompt with it. @param {State} state @param {Token[]} tokens @returns {Promise<Slot[]>} */
  async prompt(state, tokens) {
    const slots = tokens.map(({ id }) => ({ id })),
      noken = await this.noken(state);
    if (noken) slots[Math.min(state.at, slots.length - 1)] = noken;
    return slots;
  }
}

const MOST = 100;

/** What a map has kept, or what is made now; the oldest goes. */
function kept(map, key, make) {
  if (!map.has(key)) {
    if (map.size >= MOST) map.delete(map.keys().next().value);
    map.set(key, make());
    map.get(key).catch(() => map.delete(key));
  }
  return map.get(key);
}
