// The slider between two prompts: the face of the panel, and the engine as its kernel.

import { PageModel } from "./faces/elements.js";
import slider from "./faces/lerp_slider.js";
import { BetweenAnswers, FINEST } from "./between_answers.js";
import { make, part } from "./dom.js";
import { Latest, noteIn } from "./latest.js";

const WAYS = [
  { name: "lerp", tip: "along a line" },
  { name: "slerp", tip: "along an arc about zero" },
  { name: "slerp about c", tip: "along an arc about the centroid" },
];

export class BetweenView {
  /** @type {?BetweenAnswers} */
  answers = null;

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.note = noteIn(part("between-note"));
    this.latest = new Latest(this.note.fail);
    this.note.settle("The slider comes when the model is loaded.");
    store.on(["view", "from", "to", "way", "along"], () => this.follow());
  }

  /** @param {import("./slots.js").Slots} slots */
  start(slots) {
    Object.assign(this, { slots, engine: slots.engine });
    this.follow();
  }

  /** Show what the state says. Away from this view what runs is stopped; it goes on when one comes back. */
  follow() {
    const { view, from, to, way, along } = this.store.state,
      wished = JSON.stringify([from, to, way]);
    if (!this.engine) return;
    if (view !== "between") return this.rest();
    if (this.shown !== JSON.stringify([from, to])) this.makeFace();
    this.model.set("way", way);
    const shown = this.model.get("views")[way];
    if (this.wished !== wished && shown?.p.length !== FINEST) this.blend([from, to], way);
    else if (shown && shown.p[this.model.get("index")] !== along) this.show(shown);
  }

  /** A new face, for its boxes are filled when it is made. */
  makeFace() {
    const { from, to, way } = this.store.state,
      el = make("div");
    this.shown = JSON.stringify([from, to]);
    this.end?.();
    this.model = new PageModel(
      { live: true, progress: [0, 0], ways: WAYS, views: {}, way, index: 0, prompts: [from, to] },
      { receive: (message) => this.hear(message), changed: (key) => this.saved(key) },
    );
    part("between").replaceChildren(el);
    this.end = slider.render({ model: this.model, el });
  }

  /** What the face sends: its boxes' texts to be blended, or Stop. */
  hear({ blend, way }) {
    if (!blend) return this.stop();
    const [from, to] = blend;
    if (this.shown !== JSON.stringify(blend)) this.model.set("views", {});
    this.shown = JSON.stringify(blend); // the face has them already
    this.wished = null;
    this.store.set({ from, to, way });
    this.follow();
  }

  /** What the face has set by itself. */
  saved(key) {
    if (this.filling) return;
    const { way, index, views } = Object.fromEntries(
      ["way", "index", "views"].map((name) => [name, this.model.get(name)]),
    );
    if (key === "way") {
      const { from, to } = this.store.state;
      this.wished = JSON.stringify([from, to, way]); // the face asks for what is missing
      this.store.set({ way });
    }
    if (key === "index" && views[way]) this.store.set({ along: views[way].p[index] });
  }

  rest() {
    this.latest.end();
    this.engine.stop("between");
    this.wished = null;
    this.model?.set("progress", [0, 0]);
  }

  stop() {
    const { wished } = this;
    this.rest();
    this.wished = wished; // does not begin again by itself
    this.note.settle("stopped");
  }

  /** Answer all blends of two prompts along a way. @param {[string, string]} prompts */
  async blend(prompts, way) {
    this.wished = JSON.stringify([...prompts, way]);
    const through = await this.latest.run(async (here) => {
      this.note.tell("answering the blends …");
      const same =
        this.answers?.way === way && JSON.stringify(this.answers.prompts) === JSON.stringify(prompts);
      if (!same) this.answers = await BetweenAnswers.of(this.slots, prompts, way);
      const told = (done, of) => here() && this.tell(done, of);
      for await (const view of this.answers.passes(told)) {
        if (!here()) return;
        if (view.p.length > (this.model.get("views")[way]?.p.length ?? 0)) this.show(view, way);
        this.note.settle(`${view.p.length} blends answered`);
      }
    });
    if (through) this.model.set("progress", [0, 0]);
  }

  tell(done, of) {
    this.model.set("progress", [done, of]);
    this.note.tell(`answering the blends: ${done} of ${of}`);
  }

  /** Put a view in, with the slider where the state has it. */
  show(view, way = this.model.get("way")) {
    const { along } = this.store.state,
      nearest = (best, p, i) => (Math.abs(p - along) < Math.abs(view.p[best] - along) ? i : best);
    this.filling = true;
    this.model.set("index", view.p.reduce(nearest, 0));
    this.model.set("views", { ...this.model.get("views"), [way]: view });
    this.filling = false;
  }
}
