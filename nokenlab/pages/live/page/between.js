// The slider between two prompts.

import { BetweenAnswers, FINEST } from "./between_answers.js";
import slider from "./faces/lerp_slider.js";
import { PanelView } from "./panel_view.js";

const INTERPOLATIONS = [
  { name: "lerp", tip: "along a line" },
  { name: "slerp", tip: "along an arc about zero" },
  { name: "slerp about c", tip: "along an arc about the centroid" },
];

export class BetweenView extends PanelView {
  /** @param {import("./state.js").Store} store */
  constructor(store) {
    super(store, "between", slider, ["between"]);
    store.on(["view", "from", "to", "interpolation", "along"], () => this.follow());
  }

  update() {
    const { from, to, interpolation, along } = this.store.state,
      prompts = [from, to],
      request = JSON.stringify([prompts, interpolation]);
    if (this.prompts !== JSON.stringify(prompts)) this.open(prompts, interpolation);
    this.model.set("way", interpolation);
    const view = this.model.get("views")[interpolation];
    if (this.request !== request && view?.p.length !== FINEST) this.blend(prompts, interpolation, request);
    else if (view && view.p[this.model.get("index")] !== along) this.show(view, interpolation);
  }

  /** A new panel: its boxes are filled when it is made. */
  open(prompts, interpolation) {
    this.prompts = JSON.stringify(prompts);
    this.makePanel({ ways: INTERPOLATIONS, views: {}, way: interpolation, index: 0, prompts });
  }

  /** A message of the panel: the texts of its boxes, to be blended, or Stop. */
  receive({ blend, way: interpolation }) {
    if (!blend) return this.stop();
    const prompts = JSON.stringify(blend);
    if (this.prompts !== prompts) this.model.set("views", {});
    this.prompts = prompts; // the panel's boxes hold them already
    this.request = null;
    this.store.set({ from: blend[0], to: blend[1], interpolation });
    this.follow();
  }

  /** An entry of the panel's state has changed. */
  changed(key) {
    if (this.filling) return;
    const [interpolation, index, views] = ["way", "index", "views"].map((name) => this.model.get(name)),
      view = views[interpolation];
    if (key === "way") {
      const { from, to } = this.store.state;
      this.request = JSON.stringify([[from, to], interpolation]); // the panel asks for a view that is missing
      this.store.set({ interpolation });
    }
    if (key === "index" && view) this.store.set({ along: view.p[index] });
  }

  /** Answer all blends of two prompts. @param {[string, string]} prompts */
  async blend(prompts, interpolation, request) {
    this.request = request;
    await this.run(async (isNewest) => {
      this.showProgress(0, FINEST, "the blends");
      const make = () => BetweenAnswers.of(this.slots, prompts, interpolation),
        answers = await this.answersTo(request, make),
        onStep = (done, of) => isNewest() && this.showProgress(done, of, "the blends");
      for await (const view of answers.passes(onStep)) {
        if (!isNewest()) return;
        const coarser = this.model.get("views")[interpolation];
        if (view.p.length > (coarser?.p.length ?? 0)) this.show(view, interpolation);
        this.note.done(`${view.p.length} blends answered`);
      }
    });
  }

  /** Give the panel a view, with the slider where the state has it. */
  show(view, interpolation) {
    const { along } = this.store.state,
      distances = view.p.map((p) => Math.abs(p - along));
    this.filling = true;
    this.model.set("index", distances.indexOf(Math.min(...distances)));
    this.model.set("views", { ...this.model.get("views"), [interpolation]: view });
    this.filling = false;
  }
}
