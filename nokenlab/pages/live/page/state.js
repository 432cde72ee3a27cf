// All that the page shows follows from one object; a link holds what in it is not as it was at first.

/**
 * @typedef {Object} State
 * @property {"noken" | "between" | "map"} view
 * @property {string} prompt
 * @property {number} at  the token of the prompt that something else is put in place of, from 0
 * @property {"token" | "seed" | "word" | "blend" | "point"} put  what stands there; "token": itself
 * @property {number} seed  of a random noken, 0 to 99
 * @property {number | "own"} size  its length: so many times that of a median token, or its own
 * @property {string} word
 * @property {string[]} blend  two words
 * @property {number} p  how much of the second is in the blend
 * @property {string[]} corners  three words, of the map and of a point between them
 * @property {number[]} point  how much of the first two corners is in the point; the rest is the third
 * @property {number[]} forced  ids of the tokens that the answer has to begin with
 * @property {string} from  the prompt that a slider begins at
 * @property {string} to  and where it ends
 * @property {string} way  from one to the other
 * @property {number} along  where the slider is
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
  way: "lerp",
  along: 0.5,
});

/** Holds the state, and tells who listens what in it is new. */
export class Store {
  #heard = [];

  /** @param {State} state */
  constructor(state) {
    this.state = state;
  }

  /**
   * Call back now, and whenever one of some entries is another one.
   * @param {string[]} keys @param {(state: State) => void} callback
   */
  follow(keys, callback) {
    this.on(keys, callback);
    callback(this.state);
  }

  /** Call back whenever one of some entries is another one. */
  on(keys, callback) {
    this.#heard.push([keys, callback]);
  }

  /** @param {Partial<State>} patch */
  set(patch) {
    const old = this.state;
    const differs = (key) => JSON.stringify(old[key]) !== JSON.stringify(this.state[key]);
    this.state = { ...old, ...patch };
    const changed = new Set(Object.keys(patch).filter(differs));
    for (const [keys, callback] of this.#heard)
      if (keys.some((key) => changed.has(key))) callback(this.state);
  }
}
