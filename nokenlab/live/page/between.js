// The slider between two prompts, answered live: few blends first, then ever more between them.

import slider from "./faces/lerp_slider.js";
import { shared, viewOf } from "./between_view.js";
import { part, say } from "./dom.js";
import { Ended } from "./engine.js";
import { FaceModel } from "./face_model.js";
import { count, visible } from "./words.js";

const POINTS = [9, 17, 33]; // of each pass; every second one of a pass is of the pass before
const TOKENS = 20;
const KEPT = 300; // next tokens that are kept of each blend: the others have less than 1/300
const LONGEST = 200; // tokens of a prompt
const WAYS = [
  { name: "lerp", tip: "along a line" },
  { name: "slerp", tip: "along an arc about zero" },
  { name: "slerp about c", tip: "along an arc about the centroid" },
];

export const grid = (points) => Array.from({ length: points }, (_, i) => i / (points - 1));

/** The face's kernel. */
export class BetweenView {
  #run = 0;

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.note = part("between-note");
    say(this.note, "The slider comes when the model is loaded.");
    store.on(["view", "from", "to", "way", "along"], () => this.follow());
  }

  /** @param {import("./slots.js").Slots} slots */
  start(slots) {
    Object.assign(this, { slots, engine: slots.engine });
    this.follow();
  }

  /** Show what the state says; the first time the view is looked at its face is made. */
  follow() {
    const { view, from, to, way, along } = this.store.state;
    if (!this.engine || view !== "between") return;
    if (!this.model) this.makeFace();
    if (this.shown !== JSON.stringify([from, to, way])) {
      if (this.prompts?.[0] !== from || this.prompts?.[1] !== to) this.makeFace();
      this.model.set("way", way);
      if (!this.model.get("views")[way]) this.blend([from, to], way);
    }
    this.along = along;
  }

  /** A new face, for its boxes are filled when it is made. */
  makeFace() {
    const { from, to, way } = this.store.state, box = part("between");
    this.end?.();
    this.prompts = [from, to];
    this.model = new FaceModel({ ways: WAYS, views: {}, way, index: 0, prompts: [from, to] }, (message) => this.hear(message), (key) => this.saved(key));
    const el = document.createElement("div");
    box.replaceChildren(el);
    this.end = slider.render({ model: this.model, el });
  }

  hear({ blend, way }) {
    if (!blend) return this.stop();
    this.prompts = blend; // before the state, which then is no news
    this.blend(blend, way);
    this.store.set({ from: blend[0], to: blend[1], way });
  }

  /** The face has set something of its own. */
  saved(key) {
    if (key === "way") this.store.set({ way: this.model.get("way") });
    if (key !== "index" || this.filling) return;
    const p = this.model.get("views")[this.model.get("way")]?.p;
    if (p) this.store.set({ along: p[this.model.get("index")] });
  }

  stop() {
    this.#run++;
    this.engine.stop("between");
    this.model.set("progress", [0, 0]);
    say(this.note, "stopped");
  }

  /** Answer all blends of two prompts along a way. @param {[string, string]} prompts */
  async blend(prompts, way) {
    const run = ++this.#run, here = () => run === this.#run;
    this.shown = JSON.stringify([...prompts, way]);
    say(this.note, "answering the blends …");
    this.note.classList.remove("wrong");
    try {
      const tokens = await Promise.all(prompts.map((prompt) => this.slots.tokens(prompt)));
      check(prompts, tokens);
      await this.passes(prompts, tokens, way, here);
    } catch ({ name, message }) {
      if (!here() || name === "Ended") return;
      say(this.note, message);
      this.note.classList.add("wrong");
    }
    if (here()) this.model.set("progress", [0, 0]);
  }

  /** Ever finer: what a pass has answered the next one need not. */
  async passes(prompts, tokens, way, here) {
    const known = new Map(), all = POINTS.at(-1);
    for (const points of POINTS) {
      const p = grid(points), missing = p.filter((value) => !known.has(value));
      const rows = await this.blended(tokens, missing, way);
      const found = await this.engine.answers(rows, { tokens: TOKENS, top: KEPT, lane: "between" }, ({ done }) => {
        if (here()) this.model.set("progress", [known.size + done, all]);
      });
      missing.forEach((value, i) => known.set(value, { slots: rows[i], ...found[i] }));
      const parting = await this.parting(p.map((value) => known.get(value)));
      if (!here()) return;
      this.show(prompts, way, viewOf(prompts, tokens, p, p.map((value) => known.get(value)), parting));
      say(this.note, `${count(points, "blend")} answered${points < all ? ", more between them …" : ""}`);
    }
  }

  /** The blended prompts, a list of slots each. */
  async blended([a, b], p, way) {
    const columns = await Promise.all(a.map(({ id }, i) => (id === b[i].id
      ? p.map(() => ({ id }))
      : this.engine.between({ id }, { id: b[i].id }, p, way).then((vectors) => vectors.map((vector) => ({ vector }))))));
    return p.map((_, row) => columns.map((column) => column[row]));
  }

  /** The next tokens where the answers part: behind the prompt, or behind what all of them say first. */
  async parting(rows) {
    const ids = rows[0].ids.slice(0, shared(rows.map((row) => row.ids)));
    if (!ids.length) return { after: "", rows };
    const prompts = rows.map(({ slots }) => [...slots, ...ids.map((id) => ({ id }))]);
    const found = await this.engine.answers(prompts, { tokens: 1, top: KEPT, lane: "between" });
    return { after: await this.engine.text(ids), rows: found };
  }

  /** Put a view in, with the slider where it was. */
  show(prompts, way, view) {
    const views = this.model.get("views"), others = Object.values(views)[0]?.prompts.join("\n") === prompts.join("\n") ? views : {};
    const { along } = this.store.state;
    this.filling = true;
    this.model.set("index", view.p.reduce((best, p, i) => (Math.abs(p - along) < Math.abs(view.p[best] - along) ? i : best), 0));
    this.model.set("views", { ...others, [way]: view });
    this.filling = false;
  }
}

/** Two prompts between which there is a way. */
function check(prompts, tokens) {
  if (tokens[0].length !== tokens[1].length) {
    const shown = tokens.map((some) => `${some.length}: ${some.slice(0, 30).map(({ text }) => visible(text)).join(" | ")}`).join(" and ");
    throw new Error(`The two prompts must have the same number of tokens, but they have ${shown}`);
  }
  if (tokens[0].every(({ id }, i) => id === tokens[1][i].id)) throw new Error("Both prompts are the same; there is nothing to blend.");
  if (tokens[0].length > LONGEST) throw new Error(`These prompts have ${tokens[0].length.toLocaleString("en")} tokens; the slider takes up to ${LONGEST}; shorten them.`);
}
