// The greedy loops: one prompt with all that is to be seen of it, or many at a time.

import { distribution, largest } from "./distribution.js";

const ROWS = 16; // at a time
const AT_ONCE = 1024; // tokens that are read at a time, in all rows: the page's other wishes wait for them

/** What the loops need. @typedef {{model: import("./model.js").Model, tokens: import("./tokenizer.js").Tokens,
 *  slots: import("./slots.js").Slots, layout: {positions: number, end: number, width: number}}} Parts */

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
  const { prompt, tokens: most = 40, forced = [], top = 10 } = wish;
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
export async function answers(parts, { prompts, tokens = 40, top = 10 }, check, onStep) {
  if (!Array.isArray(prompts) || !prompts.length) throw new Error("there are no prompts; give at least one");
  const length = prompts[0].length;
  if (prompts.some((prompt) => prompt.length !== length)) throw new Error("prompts that are answered together have one length");
  const rows = [], size = Math.max(1, Math.min(ROWS, Math.floor(AT_ONCE / length)));
  for (let from = 0; from < prompts.length; from += size) {
    const vectors = prompts.slice(from, from + size).map((prompt) => parts.slots.prompt(prompt));
    await batch(parts, vectors, { tokens, top }, check, (number, row) => {
      rows[from + number] = row;
      onStep({ done: Object.keys(rows).length, of: prompts.length, rows: [[from + number, row]] });
    });
  }
  return rows;
}

/** Answer some prompts' vectors together. A row that has ended leaves. @param {(number: number, row: object) => void} through */
async function batch({ model, tokens, slots, layout }, prompts, { tokens: most, top }, check, through) {
  const { width } = layout, cache = model.empty(prompts.length);
  let running = prompts.map((_, number) => ({ number, ids: [] })), vectors = joined(prompts);
  try {
    for (let step = 0; running.length; step++) {
      const logits = await model.read(vectors, cache, check);
      running.forEach((row, i) => {
        if (step === 0) Object.assign(row, described(logits[i], top, tokens));
        if (row.ended) return; // a GPU's rows stay
        const id = largest(logits[i]);
        row.ended = id === layout.end;
        if (!row.ended) row.ids.push(id);
        row.ended ||= step + 1 >= most || cache.length === layout.positions;
        if (row.ended) through(row.number, { text: tokens.text(row.ids), ids: row.ids, leading: row.leading, entropy: row.entropy });
      });
      const going = running.map((row, i) => (row.ended ? -1 : i)).filter((i) => i >= 0);
      if (!going.length) return;
      if (going.length < running.length && model.keep(cache, going)) running = going.map((i) => running[i]);
      vectors = joined(running.map(({ ids }) => slots.vocabulary.row(ids.at(-1) ?? layout.end)), width);
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
