// Answers the blends of two prompts along a way: few of them first, then ever more between them.

import { shared, viewOf } from "./between_view.js";
import { visible } from "./words.js";

const POINTS = [9, 17, 33]; // of each pass; every second one is of the pass before
export const FINEST = POINTS.at(-1);
const TOKENS = 20; // of an answer
const KEPT = 300; // next tokens that are kept of each blend: none of the others has more than 1/300
const LONGEST = 200; // tokens of a prompt

/**
 * @typedef {import("./engine.js").Row} Row @typedef {import("./engine.js").Token} Token
 * @typedef {import("./engine.js").Slot} Slot
 */

export class BetweenAnswers {
  /** Of each p what is known. @type {Map<number, Row & {prompt: Slot[]}>} */
  known = new Map();

  /**
   * @param {import("./engine.js").Engine} engine @param {[string, string]} prompts
   * @param {[Token[], Token[]]} tokens @param {string} way
   */
  constructor(engine, prompts, tokens, way) {
    Object.assign(this, { engine, prompts, tokens, way });
  }

  /**
   * Throws, for people, where there is no way from one prompt to the other.
   * @param {import("./slots.js").Slots} slots
   */
  static async of(slots, prompts, way) {
    const tokens = await Promise.all(prompts.map((prompt) => slots.tokens(prompt)));
    check(tokens);
    return new BetweenAnswers(slots.engine, prompts, tokens, way);
  }

  /** The slider's view after each pass. @param {(done: number, of: number) => void} onStep  blends */
  async *passes(onStep) {
    for (const points of POINTS) {
      const p = Array.from({ length: points }, (_, i) => i / (points - 1)),
        missing = p.filter((value) => !this.known.has(value));
      if (missing.length) await this.answer(missing, onStep);
      const rows = p.map((value) => this.known.get(value));
      yield viewOf(this.prompts, this.tokens, p, rows, await this.parting(rows));
    }
  }

  /** Answer the blends at some p; what is through stays known when a newer run ends this one. */
  async answer(missing, onStep) {
    const prompts = await this.blended(missing);
    await this.engine.answers(prompts, { tokens: TOKENS, top: KEPT, lane: "between" }, ({ rows }) => {
      for (const [i, row] of rows) this.known.set(missing[i], { ...row, prompt: prompts[i] });
      onStep(this.known.size, FINEST);
    });
  }

  /** The blended prompts. @param {number[]} p @returns {Promise<Slot[][]>} */
  async blended(p) {
    const [a, b] = this.tokens;
    const columns = await Promise.all(
      a.map(({ id }, i) =>
        id === b[i].id
          ? p.map(() => ({ id }))
          : this.engine
              .between({ id }, { id: b[i].id }, p, this.way)
              .then((vectors) => vectors.map((vector) => ({ vector }))),
      ),
    );
    return p.map((_, row) => columns.map((column) => column[row]));
  }

  /** The next tokens where the answers part: behind the prompt, or behind what all of them say first. */
  async parting(rows) {
    const ids = rows[0].ids.slice(0, shared(rows.map((row) => row.ids)));
    if (!ids.length) return { after: "", rows };
    const prompts = rows.map(({ prompt }) => [...prompt, ...ids.map((id) => ({ id }))]);
    const found = await this.engine.answers(prompts, { tokens: 1, top: KEPT, lane: "between" });
    return { after: await this.engine.text(ids), rows: found };
  }
}

/** Two prompts between which there is a way. */
function check(tokens) {
  const [a, b] = tokens;
  if (a.length !== b.length) {
    const shown = tokens
      .map(
        (some) =>
          `${some.length}: ${some
            .slice(0, 30)
            .map(({ text }) => visible(text))
            .join(" | ")}`,
      )
      .join(" and ");
    throw new Error(`The two prompts must have the same number of tokens, but they have ${shown}`);
  }
  if (a.every(({ id }, i) => id === b[i].id))
    throw new Error("Both prompts are the same: there is nothing to blend.");
  if (a.length > LONGEST)
    throw new Error(
      `These prompts have ${a.length} tokens; the slider takes up to ${LONGEST}: shorten them.`,
    );
}
