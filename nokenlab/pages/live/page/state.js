// All that the page shows follows from one object; a link holds the entries that differ from the first state.

/**
 * @typedef {Object} State
 * @property {"noken" | "between" | "map"} view
 * @property {string} prompt
 * @property {number} at  the position of the token that is replaced, from 0
 * @property {"token" | "seed" | "word" | "blend"} put  what replaces it; "token": nothing
 * @property {number} seed  of a random noken, 0 to 99
 * @property {number | "own"} size  its length, in lengths of a median token; "own": as it was drawn
 * @property {string} word
 * @property {string[]} blend  two words
 * @property {number} p  the share of the second word in the blend
 * @property {string[]} corners  three words, of the map
 * @property {number[]} point  of the map: the weights of its first two corners; the third has the rest
 * @property {number[]} forced  ids of the tokens that the answer must begin with
 * @property {string} from  the prompt at the left end of the slider
 * @property {string} to  and at the right end
 * @property {string} interpolation  between them
 * @property {number} along  the position of the slider, 0 to 1
 */

/** @type {State} */
export const FIRST = Object.freeze({
  view: "noken",
  prompt: "People say that red is a color that is often associated with",
  at: 3,
  put: "seed",
  seed: 4,
  size: 1,
  word: "music",
  blend: ["dog", "king"],
  p: 0.5,
  corners: ["dog", "king", "music"],
  point: [0.34, 0.33],
  forced: [],
  from: "White whippets are",
  to: "Black whippets are",
  interpolation: "lerp",
  along: 0.5,
});

/** The weights of the three corners in a point. @param {State} state */
export const cornerWeights = ({ point: [a, b] }) => [a, b, 1 - a - b];

/** Holds the state, and calls back when entries of it change. */
export class Store {
  #callbacks = [];

  /** @param {State} state */
  constructor(state) {
    this.state = state;
  }

  /**
   * Call back now, and whenever one of these entries changes.
   * @param {string[]} keys @param {(state: State) => void} callback
   */
  follow(keys, callback) {
    this.on(keys, callback);
    callback(this.state);
  }

  /** Call back whenever one of these entries changes. */
  on(keys, callback) {
    this.#callbacks.push([keys, callback]);
  }

  /** @param {Partial<State>} patch */
  set(patch) {
    const old = this.state,
      differs = (key) => JSON.stringify(old[key]) !== JSON.stringify(this.state[key]);
    this.state = { ...old, ...patch };
    const changed = new Set(Object.keys(patch).filter(differs));
    for (const [keys, callback] of this.#callbacks) if (keys.some((key) => changed.has(key))) callback(this.state);
  }
}
