// The model's matrices as they are stored: blocks of 32 codes of 4 or 8 bits with a scale and a minimum.

/**
 * Where a matrix is in weights.data: [offset, length] in bytes of its codes, scales and minima. A weight of 4 bits is
 * scale * code + minimum; one of 8 bits, which has no minimum, is scale * (code - 128).
 * @typedef {{name: string, rows: number, columns: number, bits: 4 | 8, packed: [number, number],
 *   scale: [number, number], minimum: ?[number, number]}} Matrix
 */

const BLOCK = 32, FLOAT = 4; // weights that share a scale; bytes

/** The value of every float16, by its bits. */
const HALF = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, rest = (bits & 1023) / 1024;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest) : 2 ** -14 * rest);
});

/**
 * The blocks of a matrix from number `start` on as float32, as many as `out` has room for.
 * @param {Uint8Array} data @param {Matrix} matrix @param {Float32Array} out
 */
function unpack(data, matrix, start, out) {
  const packed = part(data, matrix.packed), scale = halves(data, matrix.scale);
  if (matrix.bits === 8) {
    for (let block = start, i = start * BLOCK, at = 0; at < out.length; block++) {
      const d = HALF[scale[block]];
      for (const end = at + BLOCK; at < end; at++, i++) out[at] = d * (packed[i] - 128);
    }
    return out;
  }
  const minimum = halves(data, matrix.minimum);
  for (let block = start, i = start * BLOCK / 2, at = 0; at < out.length; block++) {
    const d = HALF[scale[block]], m = HALF[minimum[block]];
    for (const end = at + BLOCK; at < end; at += 2, i++) {
      out[at] = d * (packed[i] & 15) + m;
      out[at + 1] = d * (packed[i] >> 4) + m;
    }
  }
  return out;
}

const part = (data, [offset, length]) => data.subarray(offset, offset + length);
const halves = (data, [offset, length]) => new Uint16Array(data.buffer, data.byteOffset + offset, length / 2);

/**
 * weights.f32 for onnxruntime: all matrices as float32, one behind the other, but never in memory together.
 * onnxruntime reads a matrix at a time by `subarray`, and copies it at once.
 */
export class Unpacked extends Uint8Array {
  #data;
  #matrices = new Map();
  #scratch;

  /** @param {Matrix[]} matrices @param {(done: number, total: number) => void} onProgress  in bytes */
  constructor(data, matrices, onProgress) {
    super(0);
    this.#data = data;
    this.onProgress = onProgress;
    this.size = 0;
    for (const matrix of matrices) {
      this.#matrices.set(this.size, matrix);
      this.size += matrix.rows * matrix.columns * FLOAT;
    }
    this.#scratch = new ArrayBuffer(FLOAT * Math.max(...matrices.map(({ rows, columns }) => rows * columns)));
  }

  get byteLength() { return this.size; }

  subarray(begin, end) {
    unpack(this.#data, this.#matrices.get(begin), 0, new Float32Array(this.#scratch, 0, (end - begin) / FLOAT));
    this.onProgress(end, this.size);
    return new Uint8Array(this.#scratch, 0, end - begin);
  }
}

/** The vocabulary: the embeddings of all tokens, packed. */
export class Vocabulary {
  #norms;

  /** Copies its part of weights.data, so that the rest can be freed. @param {Matrix} matrix */
  constructor(data, matrix) {
    const begin = matrix.packed[0], end = matrix.scale[0] + matrix.scale[1];
    this.data = data.slice(begin, end);
    this.matrix = { ...matrix, packed: [0, matrix.packed[1]], scale: [matrix.scale[0] - begin, matrix.scale[1]] };
    this.size = matrix.rows;
    this.blocks = matrix.columns / BLOCK;
  }

  /** The embedding of a token. */
  row(id, out = new Float32Array(this.matrix.columns)) {
    return unpack(this.data, this.matrix, id * this.blocks, out);
  }

  /** The length of each token's embedding. */
  get norms() {
    return this.#norms ??= this.#each((row) => Math.sqrt(dot(row, row)));
  }

  /** The k tokens with the highest cosine to a vector; of equals the lower id first. */
  nearest(vector, k) {
    const norms = this.norms, length = Math.sqrt(dot(vector, vector)) || 1;
    const cosine = this.#each((row, id) => dot(row, vector) / length / Math.max(norms[id], 1e-12));
    return largest(cosine, k).map((id) => {
      const difference = this.row(id).map((x, i) => x - vector[i]);
      return { id, cosine: cosine[id], distance: Math.sqrt(dot(difference, difference)) };
    });
  }

  /** A number for each token. @param {(row: Float32Array, id: number) => number} measure */
  #each(measure) {
    const row = new Float32Array(this.matrix.columns);
    return Float32Array.from({ length: this.size }, (_, id) => measure(this.row(id, row), id));
  }
}

export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The indices of the k largest numbers, the largest first; of equals the first. @returns {number[]} */
export function largest(numbers, k) {
  const indices = [];
  for (let i = 0; i < numbers.length; i++) {
    if (indices.length === k && !(numbers[i] > numbers[indices[k - 1]])) continue;
    let at = indices.length === k ? k - 1 : indices.length;
    for (; at > 0 && numbers[i] > numbers[indices[at - 1]]; at--) indices[at] = indices[at - 1];
    indices[at] = i;
  }
  return indices;
}
