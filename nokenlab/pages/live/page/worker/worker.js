// The message loop of the worker: {call, name, args} comes in; {call, step}, {call, value}, {call, error} go out.

import * as decode from "./decode.js";
import { between } from "./interpolation.js";
import { Ended, Lanes } from "./lanes.js";
import { load } from "./loading.js";
import { tokensAbout } from "./plane.js";

const lanes = new Lanes();
let loading = null, parts = null;

/** What can be asked, by name; `send` gives a step of it. */
const ASKED = {
  load: async (wish, send) => { parts = await (loading ??= load(wish, send)); return parts.loaded; },
  tokens: (text) => here().tokens.ids(text).map((id) => ({ id, text: parts.tokens.shown(id) })),
  text: (ids) => here().tokens.text(ids.map((id) => parts.slots.id(id))),
  word: (word) => here().tokens.word(word),
  answer: (wish, send) => said(decode.answer, wish, send),
  answers: (wish, send) => said(decode.answers, wish, send),
  nearest: ({ slot, k }) => nearest(here().slots.vector(slot), whole(k, "k")),
  vector: (slot) => here().slots.vector(slot),
  between: ({ a, b, p, way }) => between(here().slots.vector(a), parts.slots.vector(b), p, way, parts.centroid),
  plane: ({ plane, ...wish }) => about(tokensAbout(here().slots.vocabulary, plane, wish)),
  stop: (lane) => lanes.stop(lane),
};

self.onmessage = async ({ data: { call, name, args } }) => {
  try {
    const value = await ASKED[name](args, (step) => postMessage({ call, step }));
    postMessage({ call, value });
  } catch (error) {
    postMessage({ call, error: String(error?.message ?? error), ended: error instanceof Ended });
  }
};

function here() {
  if (!parts) throw new Error("The model is not loaded yet.");
  return parts;
}

function whole(value, name) {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`${name} is a whole number, at least 1, not ${value}.`);
}

/** A wish to have something said, on its lane. */
function said(decoded, { tokens = 40, top = 10, lane = decoded.name, ...wish }, send) {
  return lanes.run(lane, (check) =>
    decoded(here(), { ...wish, tokens: whole(tokens, "tokens"), top: whole(top, "top") }, check, send));
}

function nearest(vector, k) {
  const { tokens, slots } = parts;
  return slots.vocabulary.nearest(vector, k).map((token) => ({ ...token, text: tokens.shown(token.id) }));
}

function about({ near, nearest }) {
  const text = (id) => parts.tokens.shown(id);
  return {
    near: near.map((token) => ({ ...token, text: text(token.id) })),
    nearest: nearest.map((id) => ({ id, text: text(id) })),
  };
}
