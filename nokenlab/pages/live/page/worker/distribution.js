// Next-token distributions, from the logits of one row.

import { best } from "./weights.js";

/** The likeliest token; of equals the lowest id. @param {Float32Array} logits */
export function largest(logits) {
  let found = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[found]) found = id;
  return found;
}

/**
 * The `top` likeliest tokens, and the entropy of all in bits.
 * @returns {{leading: {id: number, probability: number}[], entropy: number}}
 */
export function distribution(logits, top) {
  const most = logits[largest(logits)];
  let sum = 0, weighted = 0;
  for (let id = 0; id < logits.length; id++) {
    const below = logits[id] - most, share = Math.exp(below);
    sum += share;
    if (share) weighted += share * below;
  }
  const leading = best(logits, top).map((id) => ({ id, probability: Math.exp(logits[id] - most) / sum }));
  return { leading, entropy: (Math.log(sum) - weighted / sum) / Math.LN2 };
}
