// Loads the model, its tokenizer and its vectors from the files of the page.

import { FILES, backends, checkBrowser, start, threadsHere } from "./backend.js";
import { Downloads } from "./download.js";
import { Model } from "./model.js";
import { Tokens } from "./tokenizer.js";
import { Vectors } from "./vectors.js";
import { Vocabulary } from "./weights.js";

const BASE = new URL("../", import.meta.url);
const MODEL = [
  "weights.data", "layout.json", "tokenizer.json", "tokenizer_config.json", "spellings.json", "nokens.f32",
  "centroid.f32", "space.json",
].map((name) => `model/${name}`);

/**
 * @param {{backend?: "WebGPU" | "WASM", threads?: number}} options
 * @param {(progress: import("../engine.js").Progress) => void} onProgress
 */
export async function load(options, onProgress) {
  checkBrowser();
  const threads = threadsHere(options.threads), names = await backends(options.backend);
  const { Tokenizer } = await import(new URL("tokenizers/tokenizers.min.mjs", BASE));
  const downloads = new Downloads(BASE, onProgress);
  await downloads.open();
  const files = await downloads.all([...MODEL, ...FILES[names[0]]]);
  const json = (name) => JSON.parse(new TextDecoder().decode(files[`model/${name}.json`]));
  const floats = (name) => new Float32Array(files[`model/${name}.f32`].buffer);
  const layout = json("layout"), space = json("space"), { width, positions, vocabulary: size } = layout;
  const { backend, model, note } = await firstThatRuns(names, threads, downloads, files, layout, onProgress);
  await downloads.tidy();
  const vocabulary = new Vocabulary(files["model/weights.data"], layout.matrices.at(-1));
  const loaded = {
    backend, threads: backend === "WASM" ? threads : 1, isolated: crossOriginIsolated, note,
    positions, width, vocabulary: size, medianNorm: space.median_norm, medianDistance: space.median_distance,
  };
  return {
    model, layout, loaded, centroid: floats("centroid"),
    tokens: new Tokens(Tokenizer, json("tokenizer"), json("tokenizer_config"), json("spellings")),
    vectors: new Vectors(vocabulary, floats("nokens"), width, positions),
  };
}

/** A model on the best backend that works here; `note` says why a better one does not. */
async function firstThatRuns(names, threads, downloads, files, layout, onProgress) {
  let note = "";
  for (const backend of names) {
    try {
      Object.assign(files, await downloads.all(FILES[backend].filter((path) => !files[path])));
      onProgress({ file: FILES[backend][0], done: 0, total: 1, what: "starting the model" });
      const onUnpacked = (done, total) =>
        onProgress({ file: "model/weights.data", done, total, what: "unpacking the weights" });
      const { ort, session } = await start(backend, backend === "WASM" ? threads : 1, BASE, files, layout, onUnpacked);
      const model = new Model(ort, session, layout, backend === "WebGPU");
      await tryStep(model, layout);
      return { backend, model, note };
    } catch (error) {
      if (backend === names.at(-1)) throw error;
      note = `${backend} does not work here: ${error.message.replace(/\.$/, "")}`;
    }
  }
}

/** One step, which throws unless a driver computes numbers. */
async function tryStep(model, layout) {
  const cache = model.empty(1), [logits] = await model.read(new Float32Array(layout.width).fill(0.1), cache);
  model.release(cache);
  if (!logits.every(Number.isFinite)) throw new Error("it computes NaN or infinity");
}
