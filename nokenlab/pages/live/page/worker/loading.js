// From files to a model that runs, and what belongs to it.

import { FILES, backends, checkBrowser, start, threadsHere } from "./backend.js";
import { Downloads } from "./download.js";
import { Model } from "./model.js";
import { Slots } from "./slots.js";
import { Tokens } from "./tokenizer.js";
import { Vocabulary } from "./weights.js";

const BASE = new URL("../", import.meta.url);
const SMALL = ["layout.json", "tokenizer.json", "tokenizer_config.json", "nokens.f32", "centroid.f32", "space.json"];
const OWN = ["weights.data", ...SMALL].map((name) => `model/${name}`);

/**
 * Load everything.
 * @param {{backend?: "WebGPU" | "WASM", threads?: number}} wish
 * @param {(progress: import("../engine.js").Progress) => void} say
 */
export async function load(wish, say) {
  checkBrowser();
  const threads = threadsHere(wish.threads), names = await backends(wish.backend);
  const { Tokenizer } = await import(new URL("tokenizers/tokenizers.min.mjs", BASE));
  const downloads = new Downloads(BASE, say);
  await downloads.open();
  const files = await downloads.all([...OWN, ...FILES[names[0]]]);
  const json = (name) => JSON.parse(new TextDecoder().decode(files[`model/${name}.json`]));
  const floats = (name) => new Float32Array(files[`model/${name}.f32`].buffer);
  const layout = json("layout"), space = json("space"), { width, positions, vocabulary: size } = layout;
  const { backend, model, note } = await firstThatRuns(names, threads, downloads, files, layout, say);
  await downloads.tidy();
  const vocabulary = new Vocabulary(files["model/weights.data"], layout.matrices.at(-1));
  const loaded = {
    backend, threads: backend === "WASM" ? threads : 1, isolated: crossOriginIsolated, note,
    positions, width, vocabulary: size, medianNorm: space.median_norm, medianDistance: space.median_distance,
  };
  return {
    model, layout, loaded, centroid: floats("centroid"),
    tokens: new Tokens(Tokenizer, json("tokenizer"), json("tokenizer_config")),
    slots: new Slots(vocabulary, floats("nokens"), width, positions),
  };
}

/** A model on the best backend that works here; `note` says what became of a better one. */
async function firstThatRuns(names, threads, downloads, files, layout, say) {
  let note = "";
  for (const backend of names) {
    try {
      Object.assign(files, await downloads.all(FILES[backend].filter((path) => !files[path])));
      say({ file: FILES[backend][0], done: 0, total: 1, what: "starting it" });
      const unpacking = (done, total) => say({ file: "model/weights.data", done, total, what: "unpacking it" });
      const { ort, session } = await start(backend, backend === "WASM" ? threads : 1, BASE, files, layout, unpacking);
      const model = new Model(ort, session, layout, backend === "WebGPU");
      await tried(model, layout);
      return { backend, model, note };
    } catch (error) {
      if (backend === names.at(-1)) throw error;
      note = `${backend} does not work here: ${error.message.replace(/\.$/, "")}`;
    }
  }
}

/** One step. A driver may give anything, but what is no number is not used. */
async function tried(model, layout) {
  const cache = model.empty(1), [logits] = await model.read(new Float32Array(layout.width).fill(0.1), cache);
  model.release(cache);
  if (!logits.every(Number.isFinite)) throw new Error("it computes what is no number");
}
