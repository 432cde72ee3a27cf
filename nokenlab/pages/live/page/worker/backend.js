// What runs the model here: WebGPU, WASM with threads, or WASM with one.

import { Unpacked } from "./weights.js";

const MOST_THREADS = 4;
const LARGEST = 2 ** 27; // bytes of one buffer, which WebGPU promises
/** A module with an i8x16.splat in it. */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11];

/** The files that a backend needs beside the model's own: its graph, and onnxruntime. */
export const FILES = {
  WebGPU: ["model/webgpu.onnx", "ort/ort-wasm-simd-threaded.asyncify.wasm"],
  WASM: ["model/wasm.onnx", "ort/ort-wasm-simd-threaded.wasm"],
};

/** Raises an Error for people where the browser cannot run any model. */
export function checkBrowser() {
  const lacks = (what) => new Error(`This browser has no ${what}, which the model needs: open the page in a newer one.`);
  if (typeof WebAssembly !== "object") throw lacks("WebAssembly");
  if (!WebAssembly.validate(Uint8Array.from(SIMD))) throw lacks("SIMD in its WebAssembly");
}

/** The backends to be tried, best first. @param {"WebGPU" | "WASM" | undefined} wish */
export async function backends(wish) {
  if (wish !== undefined && !FILES[wish]) throw new Error(`A backend is WebGPU or WASM, not ${wish}.`);
  const gpu = wish !== "WASM" && await hasGpu(wish === "WebGPU");
  return gpu ? ["WebGPU", "WASM"] : ["WASM"];
}

/** Whether there is a GPU that is large enough. One that the processor plays is slower than WASM: only if wished. */
async function hasGpu(played) {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return false;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const real = !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  return (real || played) && Math.min(maxBufferSize, maxStorageBufferBindingSize) >= LARGEST;
}

/** How many threads WASM gets: one where the page is not isolated. @param {number} [wish] */
export function threadsHere(wish = MOST_THREADS) {
  if (!Number.isInteger(wish) || wish < 1) throw new Error(`Threads are a whole number, at least 1, not ${wish}.`);
  return crossOriginIsolated ? Math.min(wish, navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
}

/**
 * onnxruntime, and a session in it.
 * @param {"WebGPU" | "WASM"} backend @param {URL} base @param {Record<string, Uint8Array>} files  by their paths
 * @param {(done: number, total: number) => void} say  hears how much is unpacked
 */
export async function start(backend, threads, base, files, layout, say) {
  const name = backend.toLowerCase(), [graph, wasm] = FILES[backend];
  const ort = await import(new URL(`ort/ort.${name}.min.mjs`, base));
  Object.assign(ort.env.wasm, { numThreads: threads, wasmPaths: new URL("ort/", base).href, wasmBinary: files[wasm] });
  const options = { executionProviders: [name], logSeverityLevel: 3, ...OPTIONS[backend](files["model/weights.data"], layout, say) };
  try {
    return { ort, session: await ort.InferenceSession.create(files[graph], options) };
  } catch (error) {
    throw isMemory(error) ? new Error(LITTLE, { cause: error }) : error;
  } finally {
    ort.env.wasm.wasmBinary = undefined;
  }
}

/** How each is given the weights; a GPU keeps what was read. */
const OPTIONS = {
  WASM: (data, { matrices }, say) => (
    { externalData: [{ path: "weights.f32", data: new Unpacked(data, matrices, say) }] }),
  WebGPU: (data, { layers }) => {
    const names = Array.from({ length: layers }, (_, i) => [`present.${i}.key`, `present.${i}.value`]).flat();
    return {
      externalData: [{ path: "weights.data", data }],
      preferredOutputLocation: Object.fromEntries(names.map((name) => [name, "gpu-buffer"])),
    };
  },
};

const LITTLE = "The model needs 1 GB of memory, and this browser gives it less: close other pages, or take a larger device.";
const isMemory = (error) => error instanceof RangeError || /memory|bad_alloc|OOM/i.test(String(error?.message));
