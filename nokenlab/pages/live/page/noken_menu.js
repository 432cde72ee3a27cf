// What replaces a token: a random noken, a word, or a blend of two words; between three words is the map.

import { make, part, say } from "./dom.js";
import { labelledRange } from "./faces/elements.js";

/** What can be put in, and its name on the page. */
const KINDS = { seed: "random", word: "a word", blend: "two words", token: "nothing" };
const SEEDS = 100;
// sizes of the slider, in lengths of a median token; its last step is the noken's own length, about 24 / 3.15
const SMALLEST = 0.25,
  LARGEST = 7.6,
  STEPS = 100;

/** The size at a step of the slider; close to 1 it is 1. @returns {number | "own"} */
export function sizeAt(step) {
  if (step >= STEPS) return "own";
  const size = SMALLEST * (LARGEST / SMALLEST) ** (step / STEPS);
  return Math.abs(size - 1) < 0.05 ? 1 : Number(size.toFixed(2));
}

/** The step of a size. @param {number | "own"} size */
export function stepAt(size) {
  if (size === "own") return STEPS;
  const step = Math.round((STEPS * Math.log(size / SMALLEST)) / Math.log(LARGEST / SMALLEST));
  return Math.min(STEPS - 1, Math.max(0, step));
}

function describeSize(size) {
  if (size === "own") return "unscaled, about 24, as it was drawn";
  return size === 1 ? "× 1: the length of a typical token" : `× ${size} of a typical token’s`;
}

const hint = (text) => make("p", { className: "hint" }, text);

/** A text box with a label. */
function textBox(label, onInput) {
  const off = { autocomplete: "off", autocapitalize: "off", spellcheck: false },
    input = make("input", { type: "text", maxLength: 200, ...off });
  input.oninput = () => onInput(input.value);
  return { input, row: make("label", { className: "field" }, `${label} `, input) };
}

/** A slider with a label, and its value beside it. */
function slider(label, max, onInput) {
  const { label: row, range, readout } = labelledRange(`${label} `, max + 1, 0, () => onInput(Number(range.value)));
  row.className = "slider";
  const show = (value, text) => {
    setValue(range, value);
    range.setAttribute("aria-valuetext", text);
    say(readout, text);
  };
  return { row, show };
}

/** Set an input, unless it has this value: that would move the cursor. */
function setValue(input, value) {
  if (input.value !== String(value)) input.value = value;
}

/** The choice and its controls. */
export class NokenMenu {
  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    const controls = {
      seed: this.randomControls(),
      word: this.wordControls(),
      blend: this.blendControls(),
      token: make("div", {}, hint("The prompt is unchanged.")),
    };
    part("kinds").replaceChildren(...Object.entries(KINDS).map(([kind, name]) => this.choice(kind, name)));
    part("controls").replaceChildren(...Object.values(controls));
    store.follow(["put"], ({ put }) => {
      part("kinds").querySelector(`[value=${put}]`).checked = true;
      for (const [kind, box] of Object.entries(controls)) box.hidden = kind !== put;
    });
  }

  choice(kind, name) {
    const radio = make("input", { type: "radio", name: "kind", value: kind });
    radio.onchange = () => this.store.set({ put: kind });
    return make("label", { className: "kind" }, radio, make("span", {}, name));
  }

  /** Text boxes for the words of an entry of the state, which holds one word or a list. */
  wordBoxes(key, labels) {
    const { store } = this;
    const changed = (i, word) => store.set({ [key]: labels.length > 1 ? store.state[key].with(i, word) : word });
    const boxes = labels.map((label, i) => textBox(label, (word) => changed(i, word)));
    store.follow([key], (state) => boxes.forEach(({ input }, i) => setValue(input, [state[key]].flat()[i])));
    return boxes.map(({ row }) => row);
  }

  randomControls() {
    const { store } = this,
      setSeed = (seed) => store.set({ seed: (seed + SEEDS) % SEEDS }),
      number = make("input", { type: "number", min: 0, max: SEEDS - 1, ariaLabel: "seed", inputMode: "numeric" });
    number.oninput = () => /^\d\d?$/.test(number.value) && setSeed(Number(number.value));
    number.onblur = () => setValue(number, store.state.seed);
    const button = (text, settings, seed) =>
      make("button", { type: "button", ...settings, onclick: () => setSeed(seed(store.state.seed)) }, text);
    const previous = button("−", { title: "previous seed", ariaLabel: "previous seed" }, (seed) => seed - 1),
      next = button("+", { title: "next seed", ariaLabel: "next seed" }, (seed) => seed + 1),
      dice = button("⚄ Random seed", { className: "strong" }, otherSeed),
      size = slider("length", STEPS, (step) => store.set({ size: sizeAt(step) }));
    store.follow(["seed"], ({ seed }) => setValue(number, seed));
    store.follow(["size"], (state) => size.show(stepAt(state.size), describeSize(state.size)));
    return make(
      "div",
      {},
      hint("576 random numbers, the same for the same seed: a vector that means nothing."),
      make("div", { className: "stepper" }, make("span", {}, "seed"), previous, number, next, dice),
      size.row,
    );
  }

  wordControls() {
    return make("div", {}, hint("The vector of a word’s last token."), ...this.wordBoxes("word", ["word"]));
  }

  blendControls() {
    const { store } = this,
      blend = slider("mix", 100, (step) => store.set({ p: step / 100 }));
    store.follow(["blend", "p"], ({ blend: [from, to], p }) => {
      const share = Math.round(100 * p);
      blend.show(share, `${100 - share} % ${from}, ${share} % ${to}`);
    });
    return make(
      "div",
      {},
      hint("A vector on the straight line between the vectors of two words."),
      make("div", { className: "fields" }, ...this.wordBoxes("blend", ["from", "to"])),
      blend.row,
    );
  }
}

/** A random seed that is not this one. */
const otherSeed = (seed) => seed + 1 + Math.floor((SEEDS - 1) * Math.random());
