// The line below the heading: how much of the model is loaded, what it runs on, or why it cannot be loaded.

import { part, say } from "./dom.js";
import { count, megabytes, sentence } from "./words.js";

const INTERVAL = 300; // milliseconds between two texts, which could not be read if they flickered

/**
 * Load an engine, with a bar; after a failure again when the person wants to.
 * @param {() => import("./engine.js").Engine} makeEngine
 * @returns {Promise<{engine: import("./engine.js").Engine, loaded: import("./engine.js").Loaded}>}
 */
export function loadEngine(makeEngine) {
  return new Promise((resolve) => {
    const again = part("again");
    const load = async () => {
      again.hidden = true;
      part("loading").className = "loading";
      const engine = makeEngine();
      try {
        const loaded = await engine.load(showProgress());
        part("loading").classList.add("done");
        resolve({ engine, loaded });
      } catch (error) {
        fail(error);
      }
    };
    again.onclick = load;
    load();
  });
}

/** A function that shows progress. @returns {(progress: import("./engine.js").Progress) => void} */
function showProgress() {
  const bar = part("loading-bar");
  let shownAt = 0,
    shown = "";
  bar.value = 0;
  say(part("loading-what"), "Loading the model …");
  return ({ done, total, what }) => {
    bar.max = total || 1;
    bar.value = done;
    if (what === shown && done < total && performance.now() - shownAt < INTERVAL) return;
    shownAt = performance.now();
    shown = what;
    const percent = Math.floor((100 * done) / total),
      sizes = total > 1e5 ? `: ${megabytes(done)} of ${megabytes(total)} MB, ${percent} %` : " …";
    say(part("loading-what"), `${what[0].toUpperCase()}${what.slice(1)}${sizes}`);
  };
}

function fail({ message }) {
  part("loading").classList.add("wrong");
  say(part("loading-what"), sentence(message));
  part("again").hidden = false;
  part("again").focus();
}

/**
 * Show what the model runs on, and how fast.
 * @param {import("./engine.js").Loaded} loaded @param {number} speed  tokens per second; NaN: not known yet
 * @param {number} cancelled  how many runs
 */
export function showEngine({ backend, threads, isolated, note }, speed, cancelled) {
  const where = backend === "WebGPU" ? "the graphics card (WebGPU" : `the processor (WASM, ${count(threads, "thread")}`,
    rate = speed ? `, ${speed.toFixed(speed < 10 ? 1 : 0)} tokens per second` : "",
    hint = backend === "WASM" && !isolated ? "; it has one thread because the server does not isolate this page" : "",
    runs = cancelled ? ` · ${count(cancelled, "older run")} cancelled` : "",
    more = note ? ` ${note}.` : "";
  say(part("loading-what"), `The model runs in this page on ${where})${rate}${hint}${runs}.${more}`);
}
