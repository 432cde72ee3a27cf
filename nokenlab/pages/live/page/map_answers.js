// Answers a map: the cells of a coarse one first, then those of finer ones between them.

import { around } from "./answer.js";
import { LEADING, fewest, mapOf } from "./map_view.js";
import { cells, planeThrough, reach, vectorAt } from "./plane_geometry.js";
import { visible } from "./words.js";

const SIDES = [5, 9, 17]; // cells a side of each pass; every second one is of the pass before
export const FINEST = SIDES.at(-1);
const TOKENS = 8; // of a cell's answer
const MARGIN = 0.5; // how far the map goes beyond the corners, as a share
const NEAR = 1000; // tokens near the plane that are dots on it

/**
 * @typedef {import("./engine.js").Row} Row @typedef {import("./engine.js").Slot} Slot
 * @typedef {[number, number]} Place
 */

/** A plane, the prompt that its points stand in, and what is known of the answers there. */
export class MapAnswers {
  /** Of cells, by their numbers in the finest map, what is known. @type {Map<number, Row>} */
  known = new Map();
  #begins = new Map();

  /** @param {import("./engine.js").Engine} engine */
  constructor(engine, { plane, sides, prompt, at }) {
    Object.assign(this, { engine, plane, sides, prompt, at, reach: reach(plane, MARGIN) });
  }

  /** @param {import("./slots.js").Slots} slots @param {import("./state.js").State} state */
  static async of(slots, state) {
    const names = state.corners.map((word) => word.trim()),
      tokens = await slots.tokens(state.prompt);
    const at = Math.min(state.at, tokens.length - 1),
      ids = await Promise.all(names.map((name) => slots.word(name)));
    const vectors = await Promise.all(ids.map((id) => slots.engine.vector({ id })));
    const plane = planeThrough(names, vectors, await Promise.all(names.map((name) => noteOf(slots, name))));
    return new MapAnswers(slots.engine, {
      plane,
      sides: around(state.prompt, tokens, at),
      prompt: tokens.map(({ id }) => ({ id })),
      at,
    });
  }

  /** The prompt with a place of the plane in it. @param {Place} place @returns {Slot[]} */
  promptAt(place) {
    return this.prompt.with(this.at, { vector: vectorAt(this.plane, place) });
  }

  /** The map after each pass. @param {(done: number, of: number) => void} onStep  cells */
  async *passes(onStep) {
    const points = cells(this.reach, FINEST);
    this.seen ??= await this.engine.plane(this.plane, { reach: this.reach, count: NEAR, points });
    if (!this.own) await this.tellApart();
    for (const side of SIDES) {
      const numbers = inFinest(side),
        missing = numbers.filter((number) => !this.known.has(number));
      const keep = ([i, row]) => this.known.set(missing[i], row);
      if (missing.length)
        await this.answered(
          missing.map((number) => points[number]),
          TOKENS,
          ({ rows }) => {
            rows.forEach(keep); // stays known when a newer run ends this one
            onStep(this.known.size, points.length);
          },
        );
      yield this.map(numbers);
    }
  }

  /** What is said at some places. @param {Place[]} places @returns {Promise<Row[]>} */
  answered(places, tokens, onStep) {
    return this.engine.answers(
      places.map((place) => this.promptAt(place)),
      { tokens, top: LEADING, lane: "map" },
      onStep,
    );
  }

  /** Territories are told by the fewest first tokens by which the corners' own answers are. */
  async tellApart() {
    const rows = await this.answered(
      this.plane.corners.map(({ x, y }) => [x, y]),
      TOKENS,
    );
    this.toldBy = fewest(rows.map(({ ids }) => ids));
    this.own = await Promise.all(rows.map(({ ids }) => this.beginOf(ids)));
  }

  /** How an answer begins, as far as territories are told by it. @param {number[]} ids */
  async beginOf(ids) {
    const first = ids.slice(0, this.toldBy),
      key = first.join();
    if (!this.#begins.has(key)) this.#begins.set(key, await this.engine.text(first));
    return this.#begins.get(key);
  }

  /** The map of some cells. @param {number[]} numbers */
  async map(numbers) {
    const rows = numbers.map((number) => this.known.get(number)),
      begins = [],
      { near } = this.seen;
    for (const { ids } of rows) begins.push(await this.beginOf(ids));
    return mapOf({
      ...this,
      rows,
      begins,
      nearest: numbers.map((number) => this.seen.nearest[number].text),
      near: { token: near.map(({ text }) => text), x: near.map(({ x }) => x), y: near.map(({ y }) => y) },
    });
  }
}

/** The numbers that the cells of a map have in the finest one. @param {number} side */
function inFinest(side) {
  const step = (FINEST - 1) / (side - 1);
  return Array.from(
    { length: side ** 2 },
    (_, cell) => Math.floor(cell / side) * step * FINEST + (cell % side) * step,
  );
}

/** What a reader should know of a corner. */
async function noteOf(slots, name) {
  const tokens = await slots.tokens(` ${name}`);
  return tokens.length > 1
    ? `“${name}” is ${tokens.length} tokens; its last, “${visible(tokens.at(-1).text)}”, stands for it`
    : "";
}
