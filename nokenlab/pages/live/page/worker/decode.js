// The greedy loops: one prompt with all that can be shown of it, or many at a time.

import { argmax, distribution } from "./distribution.js";

const ROWS = 16; // at a time
const AT_ONCE = 256; // tokens of prompts that are read at a time: a newer run waits for them

/**
 * What the loops need.
 * @typedef {{model: import("./model.js").Model, tokens: import("./tokenizer.js").Tokens,
 *   vectors: import("./vectors.js").Vectors, layout: {positions: number, end: number}}} Parts
 */

/** A distribution with the tokens' spellings. */
function described(logits, top, tokens) {
  const { leading, entropy } = distribution(logits, top);
  return { leading: leading.map((token) => ({ ...token, shown: tokens.shown(token.id) })), entropy };
}

/**
 * Answer one prompt. `check` is called before each step, and may throw.
 * @param {Parts} parts @param {() => Promise<void>} check @param {(step: object) => void} onStep
 */
export async function answer({ model, tokens, vectors, layout }, options, check, onStep) {
  const { prompt, tokens: most, top, forced = [] } = options, start = performance.now();
  const ids = [], stream = tokens.stream(), cache = model.empty(1);
  let input = vectors.ofPrompt(prompt), steps = 0, ended = false, full = false;
  forced.forEach((id) => vectors.id(id));
  try {
    while (steps < Math.max(most, forced.length) && !ended && !full) {
      const [logits] = await model.read(input, cache, check);
      const id = forced[steps++] ?? argmax(logits);
      ended = id === layout.end;
      if (!ended) ids.push(id);
      const text = ended ? tokens.text(ids) : stream.push(id);
      onStep({ id, shown: tokens.shown(id), text, ...described(logits, top, tokens) });
      full = !ended && cache.length === layout.positions;
      input = vectors.vocabulary.row(id);
    }
  } finally {
    model.release(cache);
  }
  return { text: tokens.text(ids), ids, ended, full, steps, seconds: (performance.now() - start) / 1000 };
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
  for (let start = 0; start < prompts.length; start += size) {
    const inputs = prompts.slice(start, start + size).map((prompt) => parts.vectors.ofPrompt(prompt));
    await batch(parts, inputs, { tokens, top }, check, (number, row) => {
      rows[start + number] = row;
      onStep({ done: ++done, of: prompts.length, rows: [[start + number, row]] });
    });
  }
  return rows;
}

/**
 * Answer the vectors of some prompts together. A row that has ended leaves the batch, except on a GPU.
 * @param {(number: number, row: object) => void} onRow  hears each row when it has ended
 */
async function batch({ model, tokens, vectors, layout }, inputs, { tokens: most, top }, check, onRow) {
  const cache = model.empty(inputs.length);
  let running = inputs.map((_, number) => ({ number, ids: [] })), input = joined(inputs);
  try {
    for (let step = 0; running.length; step++) {
      const logits = await model.read(input, cache, check);
      running.forEach((row, i) => {
        if (step === 0) Object.assign(row, described(logits[i], top, tokens));
        if (row.done) return;
        const id = argmax(logits[i]), { number, ids, leading, entropy } = row;
        if (id !== layout.end) ids.push(id);
        row.done = id === layout.end || step + 1 === most || cache.length === layout.positions;
        if (row.done) onRow(number, { text: tokens.text(ids), ids, leading, entropy });
      });
      const left = [...running.keys()].filter((i) => !running[i].done);
      if (!left.length) return;
      if (left.length < running.length && model.keep(cache, left)) running = left.map((i) => running[i]);
      input = joined(running.map(({ ids }) => vectors.vocabulary.row(ids.at(-1) ?? layout.end)));
    }
  } finally {
    model.release(cache);
  }
}

function joined(vectors) {
  const all = new Float32Array(vectors.length * vectors[0].length);
  vectors.forEach((vector, i) => all.set(vector, i * vector.length));
  return all;
}
