// A map of the answers to nokens in a plane.

import { debounced } from "./dom.js";
import { Cancelled } from "./engine.js";
import territories, { weightsAt } from "./faces/territories.js";
import { LEADING, MapAnswers } from "./map_answers.js";
import { PanelView } from "./panel_view.js";
import { cornerWeights } from "./state.js";

const EXACT = 24; // tokens of the answer where the noken is
const PAUSE = 400; // milliseconds without a change after which a new map begins

export class MapView extends PanelView {
  /** The answers of the map that is shown. @type {?MapAnswers} */
  answers = null;

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    super(store, "map", territories, ["map", "exact"]);
    store.on(["view"], () => this.follow());
    store.on(["prompt", "at", "corners"], debounced(PAUSE, () => this.follow()));
    store.on(["point"], () => this.placeNoken());
  }

  update() {
    const { prompt, at, corners } = this.store.state,
      request = JSON.stringify([prompt, at, corners]);
    if (request === this.request) return;
    this.request = request;
    this.answerMap();
  }

  // - the map

  async answerMap() {
    const { request } = this;
    await this.run(async (isNewest) => {
      this.note.progress("answering the map …");
      const make = () => MapAnswers.of(this.slots, this.store.state),
        answers = await this.answersTo(request, make),
        onStep = (done, of) => isNewest() && this.showProgress(done, of, "nokens of the map");
      for await (const map of answers.passes(onStep)) {
        if (!isNewest()) return;
        if (this.answers !== answers || map.side > this.model.get("map").side) this.show(answers, map);
        const notes = map.corners.map(({ note }) => note).filter(Boolean);
        this.note.done([`${map.side ** 2} nokens answered`, ...notes].join(" · "));
      }
    });
  }

  /** @param {MapAnswers} answers */
  show(answers, map) {
    const finer = this.answers === answers;
    this.answers = answers;
    if (!this.model) this.makePanel({ map, place: this.nokenPoint(), exact: {} });
    if (finer) {
      this.model.set("map", map);
      return this.nameExact();
    }
    this.model.set("exact", {});
    this.model.set("map", map);
    this.placeNoken();
    this.answerExactly();
  }

  /** A message of the panel: other corners, or Stop. */
  receive({ corners }) {
    if (!corners) return this.stop();
    this.request = null;
    this.store.set({ corners });
    this.follow();
  }

  // - the noken

  /** Where the state has the noken on the map. */
  nokenPoint() {
    return this.answers.pointOf(cornerWeights(this.store.state));
  }

  placeNoken() {
    if (this.model && !this.dragging) this.model.set("place", this.nokenPoint());
  }

  /** An entry of the panel's state has changed. */
  changed(key) {
    if (key !== "place") return;
    const [first, second] = weightsAt(this.answers, this.model.get("place"));
    this.dragging = true;
    this.store.set({ point: [first, second].map((weight) => Number(weight.toFixed(4))) });
    this.dragging = false;
    this.answerExactly();
  }

  /** Answer where the noken is, token by token. */
  async answerExactly() {
    const { answers, model } = this,
      place = model.get("place"),
      exact = { place, text: "", going: true },
      isCurrent = () => answers === this.answers && model.get("place") === place;
    if (this.store.state.view !== this.name) return;
    const onStep = ({ text, entropy, leading }) => {
      exact.entropy ??= entropy;
      exact.leading ??= leading.map(({ shown, probability }) => [shown, probability]);
      if (isCurrent()) model.set("exact", { ...exact, text });
    };
    try {
      const options = { tokens: EXACT, top: LEADING, lane: "exact" },
        { ids, text } = await this.engine.answer(answers.promptAt(place), options, onStep),
        begins = await answers.beginOf(ids),
        territory = this.letterOf(begins);
      if (isCurrent()) model.set("exact", { ...exact, text, begins, territory, going: false });
    } catch (error) {
      if (isCurrent() && !(error instanceof Cancelled)) this.note.fail(error);
    }
  }

  /** A finer map has other letters. */
  nameExact() {
    const exact = this.model.get("exact");
    if (exact.begins === undefined) return;
    this.model.set("exact", { ...exact, territory: this.letterOf(exact.begins) });
  }

  /** The letter of the territory in which answers begin like this, or "". */
  letterOf(begins) {
    return this.model.get("map").territories.find((territory) => territory.begins === begins)?.letter ?? "";
  }
}
