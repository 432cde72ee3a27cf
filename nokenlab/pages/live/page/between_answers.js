// The answers to the blends of two prompts, first to few, then to more between them, as the slider's panel shows them.

const POINTS = [9, 17, 33]; // blends after each pass; every second one is from the pass before
export const FINEST = POINTS.at(-1);
const TOKENS = 20; // of an answer
const TOP = 300; // next tokens of each blend; no other has a probability above 1/300
const LEADING = 6; // next tokens that are shown
const LONGEST = 200; // tokens of a prompt

/**
 * @typedef {import("./engine.js").Row} Row @typedef {import("./engine.js").PromptToken} PromptToken
 * @typedef {import("./engine.js").Slot} Slot
 */

export class BetweenAnswers {
  /** The answer and the prompt at each p. @type {Map<number, Row & {prompt: Slot[]}>} */
  #rows = new Map();

  /**
   * @param {import("./engine.js").Engine} engine @param {[string, string]} prompts
   * @param {[PromptToken[], PromptToken[]]} tokens @param {string} interpolation
   */
  constructor(engine, prompts, tokens, interpolation) {
    Object.assign(this, { engine, prompts, tokens, interpolation });
  }

  /**
   * Throws, for people, where two prompts cannot be blended.
   * @param {import("./slots.js").Slots} slots
   */
  static async of(slots, prompts, interpolation) {
    const tokens = await Promise.all(prompts.map((prompt) => slots.tokens(prompt)));
    check(tokens);
    return new BetweenAnswers(slots.engine, prompts, tokens, interpolation);
  }

  /** The panel's view after each pass. @param {(done: number, of: number) => void} onStep  hears how many blends */
  async *passes(onStep) {
    for (const points of POINTS) {
      const p = Array.from({ length: points }, (_, i) => i / (points - 1)),
        missing = p.filter((value) => !this.#rows.has(value));
      if (missing.length) await this.#answer(missing, onStep);
      const rows = p.map((value) => this.#rows.get(value));
      yield viewOf(this.prompts, this.tokens, p, rows, await this.#parting(rows));
    }
  }

  /** Answer the blends at some p. Answers are kept when a newer run cancels this one. */
  async #answer(p, onStep) {
    const prompts = await this.#blends(p);
    await this.engine.answers(prompts, { tokens: TOKENS, top: TOP, lane: "between" }, ({ rows }) => {
      for (const [i, row] of rows) this.#rows.set(p[i], { ...row, prompt: prompts[i] });
      onStep(this.#rows.size, FINEST);
    });
  }

  /** The blended prompts. @param {number[]} p @returns {Promise<Slot[][]>} */
  async #blends(p) {
    const [a, b] = this.tokens;
    const columns = await Promise.all(
      a.map(async ({ id }, i) => {
        if (id === b[i].id) return p.map(() => ({ id }));
        const vectors = await this.engine.between({ id }, { id: b[i].id }, p, this.interpolation);
        return vectors.map((vector) => ({ vector }));
      }),
    );
    return p.map((_, row) => columns.map((column) => column[row]));
  }

  /** The next tokens where the answers first differ: after the prompt, or after what all of them say first. */
  async #parting(rows) {
    const ids = sharedIds(rows.map((row) => row.ids));
    if (!ids.length) return { after: "", rows };
    const prompts = rows.map(({ prompt }) => [...prompt, ...ids.map((id) => ({ id }))]);
    const next = await this.engine.answers(prompts, { tokens: 1, top: TOP, lane: "between" });
    return { after: await this.engine.text(ids), rows: next };
  }
}

/** Throws unless two prompts can be blended. */
function check([a, b]) {
  if (a.length !== b.length) {
    const [first, second] = [a, b].map(
      (tokens) => `${tokens.length}: ${tokens.slice(0, 30).map(({ shown }) => shown).join(" | ")}`,
    );
    throw new Error(`The two prompts must have the same number of tokens, but they have ${first} and ${second}`);
  }
  if (a.every(({ id }, i) => id === b[i].id)) throw new Error("Both prompts are the same: there is nothing to blend.");
  if (a.length > LONGEST) throw new Error(`These prompts have ${a.length} tokens; the limit is ${LONGEST}.`);
}

/** The first ids that all rows share. @param {number[][]} rows */
function sharedIds([first, ...others]) {
  const end = first.findIndex((id, i) => others.some((ids) => ids[i] !== id));
  return end < 0 ? first : first.slice(0, end);
}

/**
 * A `View` of faces/lerp_slider.js; panels/lerp_slider.py makes the same of tables. `p` ascends, with a row each.
 * @param {[string, string]} prompts @param {[PromptToken[], PromptToken[]]} tokens @param {number[]} p
 * @param {Row[]} rows @param {{after: string, rows: Row[]}} parting  the token where the answers first differ
 */
export function viewOf(prompts, [a, b], p, rows, parting) {
  const sign = (text) => (text.startsWith(" ") ? " ▢" : "▢"),
    before = a.map(({ id, text }, i) => (id === b[i].id ? text : sign(text))).join(""),
    response = rows.map(({ text }) => text);
  return { prompts, before, p, response, leading: leadingOf(parting) };
}

/** The next tokens with the highest peaks, and their probabilities; 0: not among the `TOP` of a row. */
function leadingOf({ after, rows }) {
  const peaks = new Map(); // id -> the token where it is likeliest
  for (const { leading } of rows) {
    for (const token of leading) {
      if (token.probability > (peaks.get(token.id)?.probability ?? 0)) peaks.set(token.id, token);
    }
  }
  const tokens = [...peaks.values()].sort((a, b) => b.probability - a.probability || a.id - b.id).slice(0, LEADING);
  const probability = rows.map(({ leading }) =>
    tokens.map(({ id }) => leading.find((token) => token.id === id)?.probability ?? 0),
  );
  return { after, token: tokens.map(({ shown }) => shown), probability };
}
