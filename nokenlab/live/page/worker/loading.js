// From files to a model that runs, and what belongs to it.

import { FILES, backends, checkBrowser, start, threadsHere } from "./backend.js";
import { Downloads } from "./download.js";
import { Model } from "./model.js";
import { Slots } from "./slots.js";
import { Tokens } from "./tokenizer.js";
import { Vocabulary } from "./weights.js";

/** @typedef {import("../engine.js").Progress} Progress */

const BASE = new URL("../", import.meta.url);
const NAMES = ["weights.data", "layout.json", "tokenizer.json", "tokenizer_config.json", "nokens.f32", "centroid.f32", "space.json"];
const OWN = NAMES.map((name) => `model/${name}`);
const json = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
const floats = (bytes) => new Float32Array(bytes.buffer);

/** Load everything. @param {{backend?: "WebGPU" | "WASM", threads?: number}} wish @param {(progress: Progress) => void} say */
export async function load(wish, say) {
  checkBrowser();
  const threads = threadsHere(wish.threads), downloads = new Downloads(BASE, say);
  const { Tokenizer } = await import(new URL("tokenizers/tokenizers.min.mjs", BASE));
  await downloads.open();
  const [first, ...others] = await backends(wish.backend);
  const files = await downloads.all([...OWN, ...FILES[first]]);
  const layout = json(files["model/layout.json"]), space = json(files["model/space.json"]);
  const { backend, model, note } = await firstThatRuns([first, ...others], threads, downloads, files, layout, say);
  await downloads.tidy();
  const vocabulary = new Vocabulary(files["model/weights.data"], layout.matrices.at(-1));
  const tokens = new Tokens(Tokenizer, json(files["model/tokenizer.json"]), json(files["model/tokenizer_config.json"]));
  const slots = new Slots(vocabulary, floats(files["model/nokens.f32"]), layout.width, layout.positions);
  const { width, positions, vocabulary: size } = layout;
  const loaded = {
    backend, threads: backend === "WASM" ? threads : 1, isolated: crossOriginIsolated, note,
    positions, width, vocabulary: size, medianNorm: space.median_norm, medianDistance: space.median_distance,
  };
  return { model, tokens, slots, layout, centroid: floats(files["model/centroid.f32"]), loaded };
}

/** A model on the best backend that does what it says. */
async function firstThatRuns(names, threads, downloads, files, layout, say) {
  let note = "";
  for (const [i, backend] of names.entries()) {
    try {
      const missing = FILES[backend].filter((path) => !files[path]);
      Object.assign(files, await downloads.all(missing));
      say({ file: FILES[backend][0], done: 0, total: 1, what: "starting it" });
      const unpacking = (done, total) => say({ file: "model/weights.data", done, total, what: "unpacking it" });
      const { ort, session } = await start(backend, threads, BASE, files, layout, unpacking);
      const model = new Model(ort, session, layout, backend === "WebGPU");
      await tried(model, layout);
      return { backend, model, note };
    } catch (error) {
      if (i === names.length - 1) throw error;
      note = `${backend} does not work here (${error.message}): slower without it`;
    }
  }
}

/** A driver may give anything: the model has to say numbers. */
async function tried(model, layout) {
  const cache = model.empty(1), [logits] = await model.read(new Float32Array(layout.width).fill(0.1), cache);
  model.release(cache);
  if (!logits.every(Number.isFinite)) throw new Error("it computes what is no number");
}
