// What is put in the place of a token: a random noken, a word, a blend of two, or a point between three.

import { make, part, say } from "./dom.js";
import { Pad } from "./pad.js";

/** What can be put in, and its name on the page. */
const KINDS = { seed: "random", word: "a word", blend: "two words", point: "three words", token: "nothing" };
const SMALLEST = 0.25,
  LARGEST = 7.6; // sizes of the slider, in norms of a token; above them is the noken's own, about 24 / 3.15
const STEPS = 100;

/** From where the slider stands to a size. Near 1 it holds on to it. @returns {number | "own"} */
export function sizeAt(step) {
  if (step >= STEPS) return "own";
  const size = SMALLEST * (LARGEST / SMALLEST) ** (step / STEPS);
  return Math.abs(size - 1) < 0.05 ? 1 : Number(size.toFixed(2));
}

/** And back. @param {number | "own"} size */
export function stepAt(size) {
  if (size === "own") return STEPS;
  return Math.min(
    STEPS - 1,
    Math.max(0, Math.round((STEPS * Math.log(size / SMALLEST)) / Math.log(LARGEST / SMALLEST))),
  );
}

/** A line of text that is one entry of the state. */
function textBox(label, heard) {
  const input = make("input", {
    type: "text",
    maxLength: 200,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: false,
  });
  input.oninput = () => heard(input.value);
  return { input, label: make("label", { className: "field" }, `${label} `, input) };
}

/** A slider with a name, and what it stands at beside it. */
function slider(label, max, heard) {
  const range = make("input", { type: "range", min: 0, max, step: 1 }),
    readout = make("output");
  range.oninput = () => heard(Number(range.value));
  const show = (value, text) => {
    if (range.value !== String(value)) range.value = value;
    range.setAttribute("aria-valuetext", text);
    say(readout, text);
  };
  return { row: make("label", { className: "slider" }, `${label} `, range, readout), show };
}

/** The choice and its controls. */
export class NokenMenu {
  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.medianNorm = 3.15;
    const parts = {
      seed: this.seedPart(),
      word: this.wordPart(),
      blend: this.blendPart(),
      point: this.pointPart(),
      token: this.tokenPart(),
    };
    part("kinds").replaceChildren(...Object.entries(KINDS).map(([kind, name]) => this.choice(kind, name)));
    part("controls").replaceChildren(...Object.values(parts));
    store.follow(["put"], ({ put }) => {
      part("kinds").querySelector(`[value=${put}]`).checked = true;
      for (const [kind, box] of Object.entries(parts)) box.hidden = kind !== put;
    });
  }

  choice(kind, name) {
    const radio = make("input", { type: "radio", name: "kind", value: kind });
    radio.onchange = () => this.store.set({ put: kind });
    return make("label", { className: "kind" }, radio, make("span", {}, name));
  }

  seedPart() {
    const { store } = this,
      seed = (value) => store.set({ seed: (value + 100) % 100 });
    const number = make("input", {
      type: "number",
      min: 0,
      max: 99,
      step: 1,
      ariaLabel: "seed",
      inputMode: "numeric",
    });
    number.oninput = () => /^\d\d?$/.test(number.value) && seed(Number(number.value));
    number.onblur = () => {
      number.value = store.state.seed;
    };
    const button = (text, title, pressed) =>
      make("button", { type: "button", title, ariaLabel: title, onclick: pressed }, text);
    const row = make(
      "div",
      { className: "stepper" },
      make("span", {}, "seed"),
      button("−", "the seed before", () => seed(store.state.seed - 1)),
      number,
      button("+", "the next seed", () => seed(store.state.seed + 1)),
      make(
        "button",
        { type: "button", className: "strong", onclick: () => seed(otherThan(store.state.seed)) },
        "⚄ Throw the dice",
      ),
    );
    const size = slider("length", STEPS, (step) => store.set({ size: sizeAt(step) }));
    store.follow(["seed"], (state) => {
      if (number.value !== String(state.seed)) number.value = state.seed;
    });
    store.follow(["size"], (state) => size.show(stepAt(state.size), this.sizeInWords(state.size)));
    return make(
      "div",
      {},
      make(
        "p",
        { className: "hint" },
        "576 random numbers, the same for the same seed: a vector that means nothing.",
      ),
      row,
      size.row,
    );
  }

  sizeInWords(size) {
    if (size === "own") return "its own, some 24: as randn made it";
    return size === 1 ? "× 1: that of a usual token" : `× ${size} of a token’s`;
  }

  wordPart() {
    const { store } = this,
      box = textBox("word", (word) => store.set({ word }));
    store.follow(["word"], ({ word }) => {
      if (box.input.value !== word) box.input.value = word;
    });
    return make(
      "div",
      {},
      make("p", { className: "hint" }, "A word of your own, as the vector of its last token."),
      box.label,
    );
  }

  blendPart() {
    const { store } = this,
      blend = slider("mix", 100, (step) => store.set({ p: step / 100 }));
    const boxes = ["from", "to"].map((name, i) =>
      textBox(name, (word) => store.set({ blend: store.state.blend.with(i, word) })),
    );
    store.follow(["blend", "p"], (state) => {
      boxes.forEach(({ input }, i) => {
        if (input.value !== state.blend[i]) input.value = state.blend[i];
      });
      const share = Math.round(100 * state.p);
      blend.show(share, `${100 - share} % ${state.blend[0]}, ${share} % ${state.blend[1]}`);
    });
    const row = make("div", { className: "fields" }, ...boxes.map(({ label }) => label));
    return make(
      "div",
      {},
      make("p", { className: "hint" }, "A vector on the straight line between two words’ vectors."),
      row,
      blend.row,
    );
  }

  pointPart() {
    const { store } = this,
      pad = new Pad((point) => store.set({ point })),
      readout = make("output", { className: "hint" });
    const boxes = ["left", "right", "above"].map((name, i) =>
      textBox(name, (word) => store.set({ corners: store.state.corners.with(i, word) })),
    );
    store.follow(["corners", "point"], ({ corners, point }) => {
      boxes.forEach(({ input }, i) => {
        if (input.value !== corners[i]) input.value = corners[i];
      });
      const weights = [...point, 1 - point[0] - point[1]];
      pad.show(corners, weights);
      say(
        readout,
        weights
          .map((weight, i) => `${Math.round(100 * weight)} % ${corners[i]}`)
          .join(", ")
          .replaceAll("-", "−"),
      );
    });
    const fields = make("div", { className: "fields" }, ...boxes.map(({ label }) => label), readout);
    return make(
      "div",
      {},
      make(
        "p",
        { className: "hint" },
        "A point on the plane through three words’ vectors. Drag the dot; outside of the triangle one of them " +
          "counts less than nothing.",
      ),
      make("div", { className: "plane" }, pad.box, fields),
    );
  }

  tokenPart() {
    return make("p", { className: "hint" }, "The prompt is as you wrote it.");
  }
}

/** A seed by chance, another one. */
function otherThan(seed) {
  return (seed + 1 + Math.floor(99 * Math.random())) % 100;
}
