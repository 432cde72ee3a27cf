// The message loop of the worker: {call, name, args} comes in; {call, step}, {call, value}, {call, error} go out.

import * as decode from "./decode.js";
import { between } from "./interpolation.js";
import { Cancelled, Lanes } from "./lanes.js";
import { load } from "./load.js";
import { cells, planeThrough, reachOf, tokensNear } from "./plane.js";

const lanes = new Lanes();
let loading = null, parts = null;

/** The methods of the engine; `send` reports a step. */
const METHODS = {
  load: async (options, send) => { parts = await (loading ??= load(options, send)); return parts.loaded; },
  tokens: (text) => loaded().tokens.split(text),
  text: (ids) => loaded().tokens.text(ids.map((id) => parts.vectors.id(id))),
  word: (word) => loaded().tokens.word(word),
  answer: (options, send) => run(decode.answer, options, send),
  answers: (options, send) => run(decode.answers, options, send),
  nearest: ({ slot, k }) => withSpelling(loaded().vectors.vocabulary.nearest(parts.vectors.of(slot), positive(k, "k"))),
  between: ({ a, b, p, interpolation }) => {
    const { vectors, centroid } = loaded();
    return between(vectors.of(a), vectors.of(b), p, interpolation, centroid);
  },
  plane,
  stop: (lane) => lanes.stop(lane),
};

self.onmessage = async ({ data: { call, name, args } }) => {
  try {
    const value = await METHODS[name](args, (step) => postMessage({ call, step }));
    postMessage({ call, value });
  } catch (error) {
    postMessage({ call, error: String(error?.message ?? error), cancelled: error instanceof Cancelled });
  }
};

function loaded() {
  if (!parts) throw new Error("The model is not loaded yet.");
  return parts;
}

function positive(value, name) {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`${name} must be a whole number, at least 1, not ${value}.`);
}

/** Run one of the decode loops on its lane. */
function run(loop, { tokens = 40, top = 10, lane = loop.name, ...options }, send) {
  const checked = { ...options, tokens: positive(tokens, "tokens"), top: positive(top, "top") };
  return lanes.run(lane, (check) => loop(loaded(), checked, check, send));
}

const withSpelling = (tokens) => tokens.map((token) => ({ ...token, shown: parts.tokens.shown(token.id) }));

/** The plane through three words, and what the map of it shows. */
function plane({ words, margin, side, count }) {
  const { tokens, vectors } = loaded(), ids = words.map((word) => tokens.word(word));
  const through = planeThrough(words, ids.map((id) => vectors.of({ id })));
  const reach = reachOf(through, margin), points = cells(reach, side);
  const { near, nearest } = tokensNear(vectors.vocabulary, through, reach, points, count);
  return {
    ids, reach, points,
    corners: through.corners.map((corner, i) => ({ ...corner, label: words[i], note: noteOf(words[i]) })),
    near: withSpelling(near),
    nearest: withSpelling(nearest.map((id) => ({ id }))),
  };
}

/** What a reader should know of a word that is a corner, or "". */
function noteOf(word) {
  const ids = parts.tokens.ids(` ${word}`);
  return ids.length > 1
    ? `“${word}” is ${ids.length} tokens; its last, “${parts.tokens.shown(ids.at(-1))}”, stands for it`
    : "";
}
