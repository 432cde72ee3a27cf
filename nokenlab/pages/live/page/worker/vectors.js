// The vectors of slots: what stands at the positions of a prompt, checked.

import { dot } from "./weights.js";

/** @typedef {import("../engine.js").Slot} Slot */

export class Vectors {
  /** @param {import("./weights.js").Vocabulary} vocabulary @param {Float32Array} nokens  one row per seed */
  constructor(vocabulary, nokens, width, positions) {
    Object.assign(this, { vocabulary, nokens, width, positions, seeds: nokens.length / width });
  }

  /** The vectors of a prompt, one behind the other. @param {Slot[]} prompt @returns {Float32Array} */
  ofPrompt(prompt) {
    if (!Array.isArray(prompt) || !prompt.length) throw new Error("The prompt is empty: write at least one letter.");
    if (prompt.length > this.positions) {
      const [length, limit] = [prompt.length, this.positions].map((number) => number.toLocaleString("en"));
      throw new Error(`The prompt has ${length} tokens; the model reads at most ${limit}: shorten it.`);
    }
    const vectors = new Float32Array(prompt.length * this.width);
    prompt.forEach((slot, i) => vectors.set(this.of(slot), i * this.width));
    return vectors;
  }

  /** @param {Slot} slot @returns {Float32Array} */
  of(slot) {
    const vector = this.#unscaled(slot ?? {}), { width } = this;
    if (vector.length !== width) throw new Error(`A vector of this model has ${width} numbers, not ${vector.length}.`);
    if (!vector.every(Number.isFinite)) throw new Error("A vector contains NaN or infinity; all its numbers must be finite.");
    return slot.norm === undefined ? vector : rescale(vector, slot.norm);
  }

  /** The id, checked. */
  id(id) {
    const last = this.vocabulary.size - 1;
    if (Number.isInteger(id) && id >= 0 && id <= last) return id;
    throw new Error(`The id of a token is a whole number from 0 to ${last}, not ${id}.`);
  }

  #unscaled({ id, seed, mix, vector }) {
    if (vector !== undefined) return Float32Array.from(vector);
    if (mix !== undefined) return this.#mix(mix);
    if (seed === undefined) return this.vocabulary.row(this.id(id));
    const { nokens, width, seeds } = this;
    if (Number.isInteger(seed) && seed >= 0 && seed < seeds) return nokens.slice(seed * width, (seed + 1) * width);
    throw new Error(`A seed is a whole number from 0 to ${seeds - 1} here, not ${seed}.`);
  }

  #mix(mix) {
    if (!Array.isArray(mix) || !mix.length) throw new Error("A blend needs at least one token and its weight.");
    const sum = new Float64Array(this.width);
    for (const [id, weight] of mix) {
      this.vocabulary.row(this.id(id)).forEach((value, i) => { sum[i] += weight * value; });
    }
    return Float32Array.from(sum);
  }
}

function rescale(vector, norm) {
  if (!Number.isFinite(norm)) throw new Error(`A norm is a finite number, not ${norm}.`);
  const length = Math.sqrt(dot(vector, vector));
  if (length === 0) throw new Error("A vector of length 0 has no direction and cannot be rescaled.");
  return vector.map((value) => value * (norm / length));
}
