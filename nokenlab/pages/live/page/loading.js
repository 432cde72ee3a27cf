// How far the model is loaded, and what to do where it cannot be.

import { part, say } from "./dom.js";
import { megabytes, sentence } from "./words.js";

const SAID = 300; // milliseconds between two words: figures that flicker are not read

/**
 * Load the engine, with a bar; again when that is wished.
 * @param {() => import("./engine.js").Engine} makeEngine  a new one each time
 * @returns {Promise<{engine: import("./engine.js").Engine, loaded: import("./engine.js").Loaded}>}
 */
export function loadEngine(makeEngine) {
  return new Promise((done) => {
    const again = part("again");
    const load = async () => {
      again.hidden = true;
      part("loading").className = "loading";
      const engine = makeEngine();
      try {
        const loaded = await engine.load(progress());
        part("loading").classList.add("done");
        done({ engine, loaded });
      } catch (error) {
        fail(error);
      }
    };
    again.onclick = load;
    load();
  });
}

/** Hears progress and writes it. @returns {(progress: import("./engine.js").Progress) => void} */
function progress() {
  const bar = part("loading-bar");
  let last = 0,
    before = "";
  bar.value = 0;
  say(part("loading-what"), "Loading the model …");
  return ({ done, total, what }) => {
    bar.max = total || 1;
    bar.value = done;
    if (what === before && done < total && performance.now() - last < SAID) return;
    last = performance.now();
    before = what;
    const sizes =
      total > 1e5
        ? `: ${megabytes(done)} of ${megabytes(total)} MB, ${Math.floor((100 * done) / total)} %`
        : " …";
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
 * Say what runs here, and how fast.
 * @param {import("./engine.js").Loaded} loaded @param {number} speed  tokens a second; NaN: not known yet
 */
export function sayEngine({ backend, threads, isolated, note }, speed, ended) {
  const how =
    backend === "WebGPU"
      ? "on the graphics card (WebGPU)"
      : `on the processor (WASM, ${threads === 1 ? "one thread" : `${threads} threads`})`;
  const why =
    backend === "WASM" && !isolated
      ? "; with the headers that isolate a page it would have more threads"
      : "";
  const fast = speed ? `, ${speed.toFixed(speed < 10 ? 1 : 0)} tokens a second` : "";
  const stopped = ended ? ` · ${ended} older ${ended === 1 ? "run" : "runs"} ended by a newer move` : "";
  say(
    part("loading-what"),
    `The model runs in this page ${how}${fast}${why}${stopped}.${note ? ` ${note}.` : ""}`,
  );
}
