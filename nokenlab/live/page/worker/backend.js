// What runs the model here: WebGPU, WASM with threads, or WASM with one.

import { Unpacked } from "./weights.js";

const MOST_THREADS = 4;
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11); // i8x16.splat
const LARGEST = 2 ** 27; // bytes of one buffer that the WebGPU graph needs

/** Which files a backend needs beside the model's own. */
export const FILES = {
  WebGPU: ["model/webgpu.onnx", "ort/ort-wasm-simd-threaded.asyncify.wasm"],
  WASM: ["model/wasm.onnx", "ort/ort-wasm-simd-threaded.wasm"],
};

/** Raises an Error for people where the browser cannot run any model. */
export function checkBrowser() {
  if (typeof WebAssembly !== "object") throw new Error("This browser has no WebAssembly, which the model needs; take a newer one");
  if (!WebAssembly.validate(SIMD)) throw new Error("This browser's WebAssembly has no SIMD, which the model needs; take a newer one");
}

/** The backends to be tried, best first. @param {"WebGPU" | "WASM" | undefined} wish */
export async function backends(wish) {
  if (wish !== undefined && !FILES[wish]) throw new Error(`the backend is WebGPU or WASM, got ${wish}`);
  if (wish === "WASM") return ["WASM"];
  return (await hasGpu(wish === "WebGPU")) ? ["WebGPU", "WASM"] : ["WASM"];
}

/** Whether there is a GPU large enough; one that is only played by the processor is slower than WASM. */
async function hasGpu(any) {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return false;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const played = adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter;
  return (any || !played) && Math.min(maxBufferSize, maxStorageBufferBindingSize) >= LARGEST;
}

/** How many threads WASM gets. */
export function threadsHere(wish = MOST_THREADS) {
  if (!Number.isInteger(wish) || wish < 1) throw new Error(`threads are a whole number, at least 1, got ${wish}`);
  return crossOriginIsolated ? Math.min(wish, navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
}

/** onnxruntime with a session. @param {Record<string, Uint8Array>} files @param {(done: number, total: number) => void} say */
export async function start(backend, threads, base, files, layout, say) {
  const ort = await import(new URL(`ort/ort.${backend.toLowerCase()}.min.mjs`, base));
  const [graph, wasm] = FILES[backend], data = files["model/weights.data"], onGpu = backend === "WebGPU";
  Object.assign(ort.env.wasm, { numThreads: threads, wasmPaths: new URL("ort/", base).href, wasmBinary: files[wasm] });
  const names = Array.from({ length: layout.layers }, (_, i) => [`present.${i}.key`, `present.${i}.value`]).flat();
  try {
    const session = await ort.InferenceSession.create(files[graph], {
      executionProviders: [backend.toLowerCase()],
      externalData: onGpu ? [{ path: "weights.data", data }] : [{ path: "weights.f32", data: new Unpacked(data, layout.matrices, say) }],
      ...(onGpu && { preferredOutputLocation: Object.fromEntries(names.map((name) => [name, "gpu-buffer"])) }),
    });
    return { ort, session };
  } catch (error) {
    throw isMemory(error) ? new Error("This browser gives the page too little memory: the model needs about 1 GB. Close other pages, or take a computer with more", { cause: error }) : error;
  }
}

const isMemory = (error) => error instanceof RangeError || /memory|bad_alloc|OOM/i.test(String(error?.message ?? error));
