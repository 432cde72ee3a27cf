// The plane through three words in the embedding space, as nokenlab/answers/planes.py has it.

import { dot } from "./weights.js";

const FLAT = 1e-4; // the height of a triangle, as a share of its longest side, below which it is a line

const minus = (a, b) => Float64Array.from(a, (value, i) => value - b[i]);
const times = (a, factor) => a.map((value) => value * factor);
const norm = (a) => Math.sqrt(dot(a, a));

/**
 * (x, y) on the map is origin + x · axes[0] + y · axes[1]; the axes are of length 1 and at right angles.
 * @typedef {{origin: Float64Array, axes: [Float64Array, Float64Array], corners: {x: number, y: number}[]}} Axes
 */

/**
 * The plane through the vectors of three words.
 * @param {string[]} words  for error messages @param {Float32Array[]} vectors @returns {Axes}
 */
export function planeThrough(words, vectors) {
  const [a, b, c] = vectors, sides = [norm(minus(b, a)), norm(minus(c, b)), norm(minus(a, c))];
  const smallest = FLAT * Math.max(...sides), same = sides.findIndex((side) => side <= smallest);
  if (same >= 0) {
    throw new Error(`“${words[same]}” and “${words[(same + 1) % 3]}” have the same vector (of a word its last token ` +
      "counts); three different corners are needed");
  }
  const right = times(minus(b, a), 1 / sides[0]);
  const up = minus(minus(c, a), times(right, dot(minus(c, a), right)));
  if (norm(up) <= smallest) throw new Error(`${words.join(", ")} lie on one line; a plane needs three corners that do not`);
  const axes = [right, times(up, 1 / norm(up))];
  const origin = Float64Array.from(a, (_, i) => (a[i] + b[i] + c[i]) / 3);
  const corners = vectors.map((vector) => {
    const [x, y] = axes.map((axis) => dot(minus(vector, origin), axis));
    return { x, y };
  });
  return { origin, axes, corners };
}

/** Half the side of a square map about the origin: to the farthest corner, and the share `margin` more. */
export const reachOf = ({ corners }, margin) =>
  (1 + margin) * Math.max(...corners.flatMap(({ x, y }) => [Math.abs(x), Math.abs(y)]));

/** The cells of a square map of side × side cells, from the lower left, x first. @returns {[number, number][]} */
export function cells(reach, side) {
  const line = Array.from({ length: side }, (_, i) => reach * (2 * i / (side - 1) - 1));
  return line.flatMap((y) => line.map((x) => [x, y]));
}

/**
 * near: the `count` tokens nearest to the plane, of those above the map, the nearest first, without the corners' own.
 * nearest: the token with the highest cosine at each point.
 * @param {import("./weights.js").Vocabulary} vocabulary @param {Axes} plane @param {number} reach
 * @param {[number, number][]} points @param {number} count
 * @returns {{near: {id: number, x: number, y: number, distance: number}[], nearest: number[]}}
 */
export function tokensNear(vocabulary, { origin, axes, corners }, reach, points, count) {
  const [originX, originY] = axes.map((axis) => dot(origin, axis)), square = dot(origin, origin);
  const { norms } = vocabulary, products = new Float64Array(3 * vocabulary.size), near = [];
  for (let id = 0; id < vocabulary.size; id++) {
    const row = vocabulary.row(id), [along, alongX, alongY] = [origin, ...axes].map((vector) => dot(row, vector));
    products.set([along, alongX, alongY].map((value) => value / Math.max(norms[id], 1e-12)), 3 * id);
    const x = alongX - originX, y = alongY - originY;
    if (Math.max(Math.abs(x), Math.abs(y)) > reach) continue;
    const distance = Math.sqrt(Math.max(norms[id] ** 2 - 2 * along + square - x * x - y * y, 0));
    const isCorner = distance < 1e-2 && corners.some((corner) => Math.hypot(corner.x - x, corner.y - y) < 1e-3);
    if (!isCorner) near.push({ id, x, y, distance });
  }
  near.sort((a, b) => a.distance - b.distance || a.id - b.id);
  return { near: near.slice(0, count), nearest: points.map((point) => highestCosine(products, point)) };
}

/** The numerator of a cosine is linear in x and y, and the length of the point does not change which is highest. */
function highestCosine(products, [x, y]) {
  let best = 0, highest = -Infinity;
  for (let i = 0; i < products.length; i += 3) {
    const value = products[i] + x * products[i + 1] + y * products[i + 2];
    if (value > highest) [highest, best] = [value, i / 3];
  }
  return best;
}
