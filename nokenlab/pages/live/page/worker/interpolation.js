// Interpolations between two vectors, as in nokenlab/interpolation.py.

import { dot } from "./weights.js";

const FLAT = 1e-6; // the sine of an angle below which an arc is no better than a line

/** Of a, b, p and the centroid. @type {Record<string, (...values: any[]) => ArrayLike<number>>} */
const INTERPOLATIONS = { "lerp": lerp, "slerp": slerp, "slerp about c": slerpAbout };

/**
 * A vector for each p between a and b.
 * @param {Float32Array} a @param {Float32Array} b @param {number[]} p @param {string} name  of the interpolation
 * @param {Float32Array} centroid @returns {Float32Array[]}
 */
export function between(a, b, p, name, centroid) {
  if (!Object.hasOwn(INTERPOLATIONS, name))
    throw new Error(`The interpolation “${name}” is not one of ${Object.keys(INTERPOLATIONS).join(", ")}.`);
  if (!Array.isArray(p) || !p.length || !p.every(Number.isFinite)) throw new Error("p must be one or more finite numbers.");
  return p.map((value) => Float32Array.from(INTERPOLATIONS[name](a, b, Math.fround(value), centroid)));
}

/** Exact at both ends. */
const line = (a, b, p) => (p < 0.5 ? a + p * (b - a) : b - (1 - p) * (b - a));

function lerp(a, b, p) {
  return Float64Array.from(a, (value, i) => line(value, b[i], p));
}

function slerp(a, b, p) {
  const lengthA = Math.sqrt(dot(a, a)), lengthB = Math.sqrt(dot(b, b)), cosine = dot(a, b) / (lengthA * lengthB);
  if (cosine < -1 + 1e-12) throw new Error("Between exactly opposite vectors there is no single arc: use lerp.");
  const angle = Math.acos(Math.min(1, cosine)), sine = Math.sin(angle);
  if (!(sine > FLAT)) return lerp(a, b, p); // NaN where a length is 0
  const length = line(lengthA, lengthB, p) / sine;
  const shareA = Math.sin((1 - p) * angle) * length / lengthA, shareB = Math.sin(p * angle) * length / lengthB;
  return Float64Array.from(a, (value, i) => shareA * value + shareB * b[i]);
}

function slerpAbout(a, b, p, centre) {
  if (a.every((value, i) => value === b[i])) return a;
  const [fromA, fromB] = [a, b].map((vector) => vector.map((value, i) => value - centre[i]));
  return slerp(fromA, fromB, p).map((value, i) => value + centre[i]);
}
