// What a page puts into a prompt, checked and as vectors.

import { dot } from "./weights.js";

/** @typedef {import("../engine.js").Slot} Slot */

/** Makes vectors of slots. */
export class Slots {
  /** @param {import("./weights.js").Vocabulary} vocabulary @param {Float32Array} nokens  a row a seed */
  constructor(vocabulary, nokens, width, positions) {
    Object.assign(this, { vocabulary, nokens, width, positions, seeds: nokens.length / width });
  }

  /** The vectors of a prompt, one behind the other. @param {Slot[]} prompt @returns {Float32Array} */
  prompt(prompt) {
    if (!Array.isArray(prompt) || !prompt.length) throw new Error("the prompt is empty; write at least one letter");
    if (prompt.length > this.positions) {
      const [has, takes] = [prompt.length, this.positions].map((number) => number.toLocaleString("en"));
      throw new Error(`the prompt has ${has} tokens, and the model takes ${takes} here; shorten it`);
    }
    const found = new Float32Array(prompt.length * this.width);
    prompt.forEach((slot, i) => found.set(this.vector(slot), i * this.width));
    return found;
  }

  /** @param {Slot} slot @returns {Float32Array} */
  vector(slot) {
    const vector = this.#raw(slot ?? {});
    if (vector.length !== this.width) throw new Error(`a vector of this model has ${this.width} numbers, got ${vector.length}`);
    if (!vector.every(Number.isFinite)) throw new Error("a vector holds a number that is none: every one must be finite");
    return slot.norm === undefined ? vector : rescale(vector, slot.norm);
  }

  /** An id, if it is a token's. */
  id(id) {
    const most = this.vocabulary.size - 1;
    if (!Number.isInteger(id) || id < 0 || id > most) throw new Error(`a token's id is a whole number from 0 to ${most}, got ${id}`);
    return id;
  }

  #raw({ id, seed, mix, vector }) {
    if (vector !== undefined) return Float32Array.from(vector);
    if (mix !== undefined) return this.#mix(mix);
    if (seed === undefined) return this.vocabulary.row(this.id(id));
    if (Number.isInteger(seed) && seed >= 0 && seed < this.seeds) return this.nokens.slice(seed * this.width, (seed + 1) * this.width);
    throw new Error(`a seed is a whole number from 0 to ${this.seeds - 1} here, got ${seed}`);
  }

  #mix(mix) {
    if (!Array.isArray(mix) || !mix.length) throw new Error("a blend needs at least one token and its weight");
    const sum = new Float64Array(this.width);
    for (const [id, weight] of mix) this.vocabulary.row(this.id(id)).forEach((value, i) => { sum[i] += weight * value; });
    return Float32Array.from(sum);
  }
}

function rescale(vector, norm) {
  if (!Number.isFinite(norm)) throw new Error(`a norm must be a finite number, got ${norm}`);
  const length = Math.sqrt(dot(vector, vector));
  if (length === 0) throw new Error("a vector of length 0 has no direction and cannot be rescaled");
  return vector.map((value) => value * (norm / length));
}
