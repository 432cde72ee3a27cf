// A plane through three vectors, on which distances are those of the embedding space (experiments/planes.py).

const FLAT = 1e-4; // a triangle's height, as a share of its longest side, below which it is a line

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const minus = (a, b) => Float64Array.from(a, (value, i) => value - b[i]);
const times = (a, by) => a.map((value) => value * by);
const norm = (a) => Math.sqrt(dot(a, a));

/**
 * (x, y) on the map is origin + x · axes[0] + y · axes[1]; the axes are of length 1 and at right angles.
 * @typedef {{origin: Float64Array, axes: [Float64Array, Float64Array],
 *   corners: {label: string, x: number, y: number, note: string}[]}} Plane
 */

/**
 * The plane through three words' vectors.
 * @param {string[]} names @param {Float32Array[]} vectors @param {string[]} notes @returns {Plane}
 */
export function planeThrough(names, vectors, notes) {
  const [a, b, c] = vectors,
    sides = [norm(minus(b, a)), norm(minus(c, b)), norm(minus(a, c))],
    longest = Math.max(...sides);
  [
    [0, 1],
    [1, 2],
    [2, 0],
  ].forEach(([one, other], i) => {
    if (sides[i] > FLAT * longest) return;
    throw new Error(
      `“${names[one]}” and “${names[other]}” are one vector (of a word its last token counts); ` +
        "three different corners are needed",
    );
  });
  const along = times(minus(b, a), 1 / sides[0]),
    up = minus(minus(c, a), times(along, dot(minus(c, a), along)));
  if (norm(up) <= FLAT * longest)
    throw new Error(`${names.join(", ")} lie on one line, so no one plane goes through them`);
  const axes = [along, times(up, 1 / norm(up))];
  const origin = Float64Array.from(a, (_, i) => (a[i] + b[i] + c[i]) / 3);
  const corners = vectors.map((vector, i) => {
    const [x, y] = axes.map((axis) => dot(minus(vector, origin), axis));
    return { label: names[i], x, y, note: notes[i] };
  });
  return { origin, axes, corners };
}

/** The vector at a point of the map. @param {Plane} plane @returns {Float32Array} */
export function vectorAt({ origin, axes }, [x, y]) {
  return Float32Array.from(origin, (value, i) => value + x * axes[0][i] + y * axes[1][i]);
}

/** The point of the map with these weights of the corners. @param {Plane} plane @param {number[]} weights */
export const placeOf = ({ corners }, weights) =>
  ["x", "y"].map((axis) => weights.reduce((sum, weight, i) => sum + weight * corners[i][axis], 0));

/**
 * Half the side of a square map about the origin: out to the corners, and `margin` of that more.
 * @param {Plane} plane
 */
export const reach = ({ corners }, margin) =>
  (1 + margin) * Math.max(...corners.flatMap(({ x, y }) => [Math.abs(x), Math.abs(y)]));

/** The places of a square map of so many cells a side, from the lower left, x first. */
export function cells(reach, side) {
  const line = Array.from({ length: side }, (_, i) => reach * ((2 * i) / (side - 1) - 1));
  return line.flatMap((y) => line.map((x) => [x, y]));
}
