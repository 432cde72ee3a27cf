// Next-token distributions, from the logits of one row.

import { largest } from "./weights.js";

/** The likeliest token; of equals the lowest id. @param {Float32Array} logits */
export function argmax(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}

/**
 * The `top` likeliest tokens, and the entropy of all in bits.
 * @returns {{leading: {id: number, probability: number}[], entropy: number}}
 */
export function distribution(logits, top) {
  const highest = logits[argmax(logits)];
  let sum = 0, weighted = 0;
  for (let id = 0; id < logits.length; id++) {
    const difference = logits[id] - highest, share = Math.exp(difference);
    sum += share;
    if (share) weighted += share * difference;
  }
  const leading = largest(logits, top).map((id) => ({ id, probability: Math.exp(logits[id] - highest) / sum }));
  return { leading, entropy: (Math.log(sum) - weighted / sum) / Math.LN2 };
}
