// The tokens about a plane in the embedding space, as nokenlab/answers/planes.py finds them.

import { dot } from "./weights.js";

/**
 * (x, y) of the plane is origin + x · axes[0] + y · axes[1]; the axes have length 1 and stand at right angles.
 * @typedef {{origin: ArrayLike<number>, axes: ArrayLike<number>[], corners: {x: number, y: number}[]}} Plane
 */

/**
 * near: the `count` tokens nearest to the plane, of those above a square map, `reach` out to either side, the
 * nearest first; the corners' own are left out. nearest: the token that points most nearly the same way as each
 * of some points.
 * @param {import("./weights.js").Vocabulary} vocabulary @param {Plane} plane
 * @param {{reach: number, count: number, points: [number, number][]}} wish
 * @returns {{near: {id: number, x: number, y: number, off: number}[], nearest: number[]}}
 */
export function tokensAbout(vocabulary, { origin, axes, corners }, { reach, count, points }) {
  const [first, second] = axes, from = [first, second].map((axis) => dot(origin, axis)), square = dot(origin, origin);
  const norms = vocabulary.norms, towards = new Float64Array(3 * vocabulary.size), near = [];
  for (let id = 0; id < vocabulary.size; id++) {
    const row = vocabulary.row(id), along = [origin, first, second].map((vector) => dot(row, vector));
    towards.set(along.map((value) => value / Math.max(norms[id], 1e-12)), 3 * id);
    const x = along[1] - from[0], y = along[2] - from[1];
    if (Math.max(Math.abs(x), Math.abs(y)) > reach) continue;
    const off = Math.sqrt(Math.max(norms[id] ** 2 - 2 * along[0] + square - x * x - y * y, 0));
    const own = off < 1e-2 && corners.some((corner) => Math.hypot(corner.x - x, corner.y - y) < 1e-3);
    if (!own) near.push({ id, x, y, off });
  }
  near.sort((one, other) => one.off - other.off || one.id - other.id);
  return { near: near.slice(0, count), nearest: points.map((point) => mostAlike(towards, point)) };
}

/** A cosine's numerator is linear in x and y, and a point's own length does not change which is largest. */
function mostAlike(towards, [x, y]) {
  let best = 0, most = -Infinity;
  for (let at = 0; at < towards.length; at += 3) {
    const found = towards[at] + x * towards[at + 1] + y * towards[at + 2];
    if (found > most) [most, best] = [found, at / 3];
  }
  return best;
}
