// The answers to nokens in a plane, first to a coarse map, then to finer ones, as the panel of territories shows them.

import { OKABE_ITO, letters } from "./faces/elements.js";
import { weightsAt } from "./faces/territories.js";
import { around } from "./words.js";

const SIDES = [5, 9, 17]; // cells per side after each pass; every second one is from the pass before
const FINEST = SIDES.at(-1);
const TOKENS = 8; // of a cell's answer
export const LEADING = 5; // next tokens of a cell
const MARGIN = 0.5; // how far the map extends beyond the corners, as a share
const NEAR = 1000; // tokens near the plane, which are dots on the map
const STRONG = 0.25, // the share of white in the colour of a territory with a corner's own answer,
  PALE = 0.68; // and of any other

/**
 * @typedef {import("./engine.js").Row} Row @typedef {import("./engine.js").Slot} Slot
 * @typedef {import("./engine.js").Plane} Plane
 * @typedef {[number, number]} Point  of the plane
 */

/** A plane, the prompt in which its points stand, and the answers there. */
export class MapAnswers {
  /** The answer of each cell, by its number in the finest map. @type {Map<number, Row>} */
  #rows = new Map();
  #begins = new Map(); // ids -> their text

  /**
   * @param {import("./engine.js").Engine} engine @param {Plane} plane @param {Slot[]} prompt
   * @param {[string, string]} sides  the prompt before and after the noken @param {number} at  its position
   */
  constructor(engine, plane, prompt, sides, at) {
    Object.assign(this, { engine, plane, corners: plane.corners, prompt, sides, at });
  }

  /** @param {import("./slots.js").Slots} slots @param {import("./state.js").State} state */
  static async of(slots, state) {
    const tokens = await slots.tokens(state.prompt),
      at = Math.min(state.at, tokens.length - 1),
      words = state.corners.map((word) => word.trim()),
      plane = await slots.engine.plane(words, { margin: MARGIN, side: FINEST, count: NEAR }),
      prompt = tokens.map(({ id }) => ({ id }));
    return new MapAnswers(slots.engine, plane, prompt, around(tokens, at), at);
  }

  /** The point with these weights of the corners. @param {number[]} weights @returns {Point} */
  pointOf(weights) {
    return ["x", "y"].map((axis) => weights.reduce((sum, weight, i) => sum + weight * this.corners[i][axis], 0));
  }

  /** The prompt with a point of the plane in it. @param {Point} point @returns {Slot[]} */
  promptAt(point) {
    const weights = weightsAt(this, point);
    return this.prompt.with(this.at, { mix: this.plane.ids.map((id, i) => [id, weights[i]]) });
  }

  /** The map after each pass. @param {(done: number, of: number) => void} onStep  hears how many cells */
  async *passes(onStep) {
    const { points } = this.plane;
    if (!this.own) await this.#answerCorners();
    for (const side of SIDES) {
      const cells = inFinest(side),
        missing = cells.filter((cell) => !this.#rows.has(cell));
      const keep = ({ rows }) => {
        for (const [i, row] of rows) this.#rows.set(missing[i], row); // also when a newer run cancels this one
        onStep(this.#rows.size, points.length);
      };
      if (missing.length) await this.answerAt(missing.map((cell) => points[cell]), TOKENS, keep);
      yield this.#map(cells);
    }
  }

  /** The answers at some points. @param {Point[]} points @returns {Promise<Row[]>} */
  answerAt(points, tokens, onStep) {
    const prompts = points.map((point) => this.promptAt(point));
    return this.engine.answers(prompts, { tokens, top: LEADING, lane: "map" }, onStep);
  }

  /** Territories are identified by the fewest first tokens that distinguish the corners' own answers. */
  async #answerCorners() {
    const rows = await this.answerAt(this.corners.map(({ x, y }) => [x, y]), TOKENS);
    this.identifying = distinguishing(rows.map(({ ids }) => ids));
    this.own = await Promise.all(rows.map(({ ids }) => this.beginOf(ids)));
  }

  /** The beginning of an answer, which identifies its territory. @param {number[]} ids */
  async beginOf(ids) {
    const first = ids.slice(0, this.identifying),
      key = first.join();
    if (!this.#begins.has(key)) this.#begins.set(key, await this.engine.text(first));
    return this.#begins.get(key);
  }

  /** @param {number[]} cells  numbers in the finest map */
  async #map(cells) {
    const rows = cells.map((cell) => this.#rows.get(cell)),
      begins = await Promise.all(rows.map(({ ids }) => this.beginOf(ids))),
      nearest = cells.map((cell) => this.plane.nearest[cell].shown);
    return mapOf({ ...this, rows, begins, nearest });
  }
}

/** The numbers of the cells of a map in the finest one. @param {number} side */
function inFinest(side) {
  const step = (FINEST - 1) / (side - 1),
    line = Array.from({ length: side }, (_, i) => i * step);
  return line.flatMap((row) => line.map((column) => row * FINEST + column));
}

/** How many first tokens distinguish all answers; all tokens, where two are the same. @param {number[][]} answers */
export function distinguishing(answers) {
  const longest = Math.max(1, ...answers.map((ids) => ids.length));
  for (let k = 1; k < longest; k++)
    if (new Set(answers.map((ids) => ids.slice(0, k).join())).size === answers.length) return k;
  return longest;
}

/**
 * `Territories` of faces/territories.js; panels/territories.py makes the same of a table.
 * @param {Object} answers
 * @param {[string, string]} answers.sides  the prompt before and after the noken
 * @param {Plane} answers.plane
 * @param {Row[]} answers.rows  of each cell
 * @param {string[]} answers.begins  what identifies the territory of each
 * @param {string[]} answers.own  and of each corner's own answer
 * @param {string[]} answers.nearest  the token nearest to each cell
 */
export function mapOf({ sides, plane, rows, begins, own, nearest }) {
  const texts = bySize(begins),
    names = letters(texts),
    territory = begins.map((text) => texts.indexOf(text)),
    side = Math.sqrt(rows.length);
  const kinds = texts.map((text, number) => ({
    letter: names.get(text),
    corner: plane.corners.filter((_, i) => own[i] === text).map(({ label }) => label).join(", "),
    begins: text,
    area: territory.filter((other) => other === number).length,
  }));
  const colours = coloursOf(kinds, neighbours(territory, side, kinds.length));
  return {
    before: sides[0],
    after: sides[1],
    corners: plane.corners,
    reach: plane.reach,
    side,
    territories: kinds.map(({ letter, corner, begins }, i) => ({ letter, colour: colours[i], corner, begins })),
    territory,
    response: coded(rows.map(({ text }) => text)),
    nearest: coded(nearest),
    entropy: rows.map(({ entropy }) => Number(entropy.toFixed(3))),
    leading: leadingOf(rows),
    near: {
      token: plane.near.map(({ shown }) => shown.replace(/^␣+|␣+$/g, "")),
      x: plane.near.map(({ x }) => x),
      y: plane.near.map(({ y }) => y),
    },
  };
}

/** The different texts, the most frequent first; of equally frequent ones the first. */
function bySize(texts) {
  const counts = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
}

/**
 * A colour for each territory, different from its neighbours' where seven suffice. Those with a corner's own answer
 * choose first, in strong colours.
 */
function coloursOf(kinds, neighbours) {
  const order = [...kinds.keys()].sort((i, j) => {
    const [a, b] = [kinds[i], kinds[j]];
    return Boolean(b.corner) - Boolean(a.corner) || b.area - a.area || (a.letter < b.letter ? -1 : 1);
  });
  const hues = new Map(), // territory -> index of its hue
    count = (chosen, hue) => chosen.filter((other) => other === hue).length;
  for (const i of order) {
    const near = [...neighbours[i]].map((other) => hues.get(other)),
      used = [...hues.values()];
    const [best] = [0, 1, 2, 3, 4, 5, 6].sort(
      (a, b) => count(near, a) - count(near, b) || count(used, a) - count(used, b) || a - b,
    );
    hues.set(i, best);
  }
  return kinds.map(({ corner }, i) => withWhite(OKABE_ITO[hues.get(i)], corner ? STRONG : PALE));
}

/** The territories that share a square of four cells with each. @returns {Set<number>[]} */
function neighbours(territory, side, count) {
  const sets = Array.from({ length: count }, () => new Set());
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const cell = row * side + column,
        square = [cell, cell + 1, cell + side, cell + side + 1].map((i) => territory[i]);
      for (const a of square) for (const b of square) if (a !== b) sets[a].add(b);
    }
  }
  return sets;
}

/** The leading next tokens: the different ones, the indices of each cell's own in them, and their probabilities. */
function leadingOf(rows) {
  const leading = rows.map((row) => row.leading.slice(0, LEADING)),
    tokens = coded(leading.flat().map(({ shown }) => shown));
  return {
    token: tokens.text,
    of: rows.map((_, row) => tokens.of.slice(row * LEADING, (row + 1) * LEADING)),
    probability: leading.map((row) => row.map(({ probability }) => Number(probability.toFixed(4)))),
  };
}

/** A column with each different text once: text[of[i]] is that of row i. */
function coded(column) {
  const text = [...new Set(column)],
    numbers = new Map(text.map((value, i) => [value, i]));
  return { text, of: column.map((value) => numbers.get(value)) };
}

/** A colour with a share of white. @param {string} colour  #rrggbb @param {number} share */
function withWhite(colour, share) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  return `#${parts
    .map((value) =>
      Math.round(255 * (share + (1 - share) * value))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}
