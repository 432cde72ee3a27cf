// The greedy loops: one prompt with all that is to be seen of it, or many at a time.

import { distribution, largest } from "./distribution.js";

const ROWS = 16; // at a time
const AT_ONCE = 256; // tokens of the prompts that are read at a time: a newer run waits for them

/**
 * What the loops need.
 * @typedef {{model: import("./model.js").Model, tokens: import("./tokenizer.js").Tokens,
 *   slots: import("./slots.js").Slots, layout: {positions: number, end: number}}} Parts
 */

/** A distribution with the tokens' texts. */
function described(logits, top, tokens) {
  const { leading, entropy } = distribution(logits, top);
  return { leading: leading.map((token) => ({ ...token, text: tokens.shown(token.id) })), entropy };
}

/**
 * Answer one prompt. `check` is called before each step, and may throw.
 * @param {Parts} parts @param {() => Promise<void>} check @param {(step: object) => void} onStep
 */
export async function answer({ model, tokens, slots, layout }, wish, check, onStep) {
  const { prompt, tokens: most, top, forced = [] } = wish;
  const begin = performance.now(), ids = [], stream = tokens.stream(), cache = model.empty(1);
  let vectors = slots.prompt(prompt), steps = 0, ended = false, full = false;
  forced.forEach((id) => slots.id(id));
  try {
    while (steps < Math.max(most, forced.length) && !ended && !full) {
      const [logits] = await model.read(vectors, cache, check);
      const id = forced[steps++] ?? largest(logits);
      ended = id === layout.end;
      if (!ended) ids.push(id);
      const whole = ended ? tokens.text(ids) : stream.push(id);
      onStep({ id, text: tokens.shown(id), whole, ...described(logits, top, tokens) });
      full = !ended && cache.length === layout.positions;
      vectors = slots.vocabulary.row(id);
    }
  } finally {
    model.release(cache);
  }
  return { text: tokens.text(ids), ids, ended, full, steps, seconds: (performance.now() - begin) / 1000 };
}

/**
 * Answer prompts of one length, some at a time. `check` as in `answer`.
 * @param {Parts} parts
 */
export async function answers(parts, { prompts, tokens, top }, check, onStep) {
  if (!Array.isArray(prompts) || !prompts.length) throw new Error("There are no prompts; give at least one.");
  const { length } = prompts[0], rows = [], size = Math.max(1, Math.min(ROWS, Math.floor(AT_ONCE / length)));
  if (prompts.some((prompt) => prompt.length !== length)) throw new Error("The prompts differ in length.");
  let done = 0;
  for (let from = 0; from < prompts.length; from += size) {
    const vectors = prompts.slice(from, from + size).map((prompt) => parts.slots.prompt(prompt));
    await batch(parts, vectors, { tokens, top }, check, (number, row) => {
      rows[from + number] = row;
      onStep({ done: ++done, of: prompts.length, rows: [[from + number, row]] });
    });
  }
  return rows;
}

/**
 * Answer the vectors of some prompts together. A row that has ended leaves, unless they are on a GPU.
 * @param {(number: number, row: object) => void} through
 */
async function batch({ model, tokens, slots, layout }, prompts, { tokens: most, top }, check, through) {
  const cache = model.empty(prompts.length);
  let running = prompts.map((_, number) => ({ number, ids: [] })), vectors = joined(prompts);
  try {
    for (let step = 0; running.length; step++) {
      const logits = await model.read(vectors, cache, check);
      running.forEach((row, i) => {
        if (step === 0) Object.assign(row, described(logits[i], top, tokens));
        if (row.through) return;
        const id = largest(logits[i]), { number, ids, leading, entropy } = row;
        if (id !== layout.end) ids.push(id);
        row.through = id === layout.end || step + 1 === most || cache.length === layout.positions;
        if (row.through) through(number, { text: tokens.text(ids), ids, leading, entropy });
      });
      const going = [...running.keys()].filter((i) => !running[i].through);
      if (!going.length) return;
      if (going.length < running.length && model.keep(cache, going)) running = going.map((i) => running[i]);
      vectors = joined(running.map(({ ids }) => slots.vocabulary.row(ids.at(-1) ?? layout.end)));
    }
  } finally {
    model.release(cache);
  }
}

function joined(vectors) {
  const found = new Float32Array(vectors.length * vectors[0].length);
  vectors.forEach((vector, i) => found.set(vector, i * vector.length));
  return found;
}
