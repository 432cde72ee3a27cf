// Ways from one vector to another, as nokenlab/interpolation.py has them.

import { dot } from "./weights.js";

const FLAT = 1e-6; // the sine of an angle at which an arc is no better than a line

/** @type {Record<string, (a: Float32Array, b: Float32Array, p: number, centroid: Float32Array) => ArrayLike<number>>} */
const WAYS = {
  "lerp": lerp,
  "slerp": slerp,
  "slerp about c": slerpAbout,
};

/** A vector for each p on a way from a to b. @param {number[]} p @returns {Float32Array[]} */
export function between(a, b, p, way, centroid) {
  if (!Object.hasOwn(WAYS, way)) throw new Error(`the way “${way}” is none of ${Object.keys(WAYS).join(", ")}`);
  if (!Array.isArray(p) || !p.length || !p.every(Number.isFinite)) throw new Error("p must be at least one number");
  return p.map((value) => Float32Array.from(WAYS[way](a, b, Math.fround(value), centroid)));
}

/** Exact at both ends. */
const line = (a, b, p) => (p < 0.5 ? a + p * (b - a) : b - (1 - p) * (b - a));

function lerp(a, b, p) {
  return Float64Array.from(a, (value, i) => line(value, b[i], p));
}

function slerp(a, b, p) {
  const lengthA = Math.sqrt(dot(a, a)), lengthB = Math.sqrt(dot(b, b)), cosine = dot(a, b) / (lengthA * lengthB);
  if (cosine < -1 + 1e-12) throw new Error("slerp between exactly opposite vectors: no one arc joins them; take lerp");
  const angle = Math.acos(Math.min(1, cosine)), sine = Math.sin(angle);
  if (!(sine > FLAT)) return lerp(a, b, p); // NaN where a length is 0
  const length = line(lengthA, lengthB, p);
  const ofA = Math.sin((1 - p) * angle) / sine * length / lengthA, ofB = Math.sin(p * angle) / sine * length / lengthB;
  return Float64Array.from(a, (value, i) => ofA * value + ofB * b[i]);
}

function slerpAbout(a, b, p, centre) {
  if (a.every((value, i) => value === b[i])) return a;
  const [fromA, fromB] = [a, b].map((vector) => vector.map((value, i) => value - centre[i]));
  return slerp(fromA, fromB, p).map((value, i) => value + centre[i]);
}
