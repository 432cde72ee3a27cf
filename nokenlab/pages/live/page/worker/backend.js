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

/** Throws, for people, where the browser cannot run any model. */
export function checkBrowser() {
  const missing = (what) => new Error(`This browser has no ${what}, which the model needs: open the page in a newer one.`);
  if (typeof WebAssembly !== "object") throw missing("WebAssembly");
  if (!WebAssembly.validate(Uint8Array.from(SIMD))) throw missing("SIMD in its WebAssembly");
}

/** The backends to be tried, best first. @param {"WebGPU" | "WASM" | undefined} requested */
export async function backends(requested) {
  if (requested !== undefined && !FILES[requested]) throw new Error(`A backend is WebGPU or WASM, not ${requested}.`);
  const gpu = requested !== "WASM" && await hasGpu(requested === "WebGPU");
  return gpu ? ["WebGPU", "WASM"] : ["WASM"];
}

/** Whether there is a large enough GPU. One emulated by the processor is slower than WASM: only if requested. */
async function hasGpu(emulated) {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return false;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const real = !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
  return (real || emulated) && Math.min(maxBufferSize, maxStorageBufferBindingSize) >= LARGEST;
}

/** The threads of WASM: one where the page is not isolated. @param {number} [requested] */
export function threadsHere(requested = MOST_THREADS) {
  if (!Number.isInteger(requested) || requested < 1) throw new Error(`threads must be a whole number, at least 1, not ${requested}.`);
  return crossOriginIsolated ? Math.min(requested, navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
}

/**
 * onnxruntime, and a session in it.
 * @param {"WebGPU" | "WASM"} backend @param {URL} base @param {Record<string, Uint8Array>} files  by their paths
 * @param {(done: number, total: number) => void} onUnpacked  hears how many bytes are unpacked
 */
export async function start(backend, threads, base, files, layout, onUnpacked) {
  const name = backend.toLowerCase(), [graph, wasm] = FILES[backend];
  const ort = await import(new URL(`ort/ort.${name}.min.mjs`, base));
  Object.assign(ort.env.wasm, { numThreads: threads, wasmPaths: new URL("ort/", base).href, wasmBinary: files[wasm] });
  const weights = OPTIONS[backend](files["model/weights.data"], layout, onUnpacked);
  const options = { executionProviders: [name], logSeverityLevel: 3, ...weights };
  try {
    return { ort, session: await ort.InferenceSession.create(files[graph], options) };
  } catch (error) {
    throw isMemory(error) ? new Error(NO_MEMORY, { cause: error }) : error;
  } finally {
    ort.env.wasm.wasmBinary = undefined;
  }
}

/** How each gets the weights; a GPU keeps the keys and values. */
const OPTIONS = {
  WASM: (data, { matrices }, onUnpacked) => (
    { externalData: [{ path: "weights.f32", data: new Unpacked(data, matrices, onUnpacked) }] }),
  WebGPU: (data, { layers }) => {
    const names = Array.from({ length: layers }, (_, i) => [`present.${i}.key`, `present.${i}.value`]).flat();
    return {
      externalData: [{ path: "weights.data", data }],
      preferredOutputLocation: Object.fromEntries(names.map((name) => [name, "gpu-buffer"])),
    };
  },
};

const NO_MEMORY = "The model needs 1 GB of memory, and this browser has less: close other pages, or use a larger device.";
const isMemory = (error) => error instanceof RangeError || /memory|bad_alloc|OOM/i.test(String(error?.message));
