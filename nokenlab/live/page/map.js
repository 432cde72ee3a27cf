// A map of nokens: the face of the panel, and the engine as its kernel.

import territories from "./faces/territories.js";
import { onceAtRest, part, say } from "./dom.js";
import { Ended } from "./engine.js";
import { FaceModel } from "./face_model.js";
import { MapAnswers } from "./map_answers.js";
import { LEADING } from "./map_view.js";
import { placeOf, weightsAt } from "./plane_geometry.js";

const EXACT = 24; // tokens that are said where the noken is
const LINE = 33; // places on a line that is answered exactly
const LINE_TOKENS = 8;
const TYPING = 400; // milliseconds without a key after which a new map begins

export class MapView {
  #run = 0;

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.note = part("map-note");
    say(this.note, "The map comes when the model is loaded.");
    store.on(["view", "prompt", "at", "corners"], onceAtRest(TYPING, () => this.follow()));
    store.on(["point"], () => this.putPlace());
  }

  /** @param {import("./slots.js").Slots} slots */
  start(slots) {
    Object.assign(this, { slots, engine: slots.engine });
    this.follow();
  }

  /** Answer a map when the state asks for another one. */
  follow() {
    const { view, prompt, at, corners } = this.store.state, wished = JSON.stringify([prompt, at, corners]);
    if (!this.engine || view !== "map" || wished === this.wished) return;
    this.wished = wished;
    this.run((here) => this.answerMap(here));
  }

  /** A job that the next one ends. @param {(here: () => boolean) => Promise<void>} job */
  async run(job) {
    const run = ++this.#run, here = () => run === this.#run;
    this.note.classList.remove("wrong");
    try {
      await job(here);
    } catch (error) {
      if (!here() || error instanceof Ended) return;
      say(this.note, error.message);
      this.note.classList.add("wrong");
    }
    if (here()) this.model?.set("progress", [0, 0]);
  }

  async answerMap(here) {
    say(this.note, "answering the map …");
    const answers = await MapAnswers.of(this.slots, this.store.state);
    if (!here()) return;
    const told = (done, of) => here() && this.tell(done, of, "nokens of the map");
    for await (const { side, map } of answers.passes(told)) {
      if (!here()) return;
      this.show(answers, map);
      say(this.note, [`${side ** 2} nokens answered`, ...map.corners.map(({ note }) => note).filter(Boolean)].join(" · "));
    }
  }

  tell(done, of, what) {
    this.model?.set("progress", [done, of]);
    say(this.note, `answering ${what}: ${done} of ${of}`);
  }

  /** @param {MapAnswers} answers */
  show(answers, map) {
    const another = this.answers !== answers;
    this.answers = answers;
    if (!this.model) this.makeFace(map);
    else if (another) for (const key of ["exact", "line"]) this.model.set(key, {});
    this.model.set("map", map);
    if (another) this.putPlace();
    this.sayExact();
  }

  makeFace(map) {
    const place = placeOf(this.answers.plane, this.weights()), el = document.createElement("div");
    const state = { map, place, path: [], exact: {}, line: {} };
    this.model = new FaceModel(state, (message) => this.hear(message), (key) => this.saved(key));
    part("map").replaceChildren(el);
    territories.render({ model: this.model, el });
  }

  weights() {
    const [a, b] = this.store.state.point;
    return [a, b, 1 - a - b];
  }

  /** The noken goes where the state says. */
  putPlace() {
    if (!this.model || this.moving) return;
    this.model.set("place", placeOf(this.answers.plane, this.weights()));
  }

  hear({ corners, line, from }) {
    if (corners) {
      this.wished = null;
      this.store.set({ corners });
      this.follow();
    } else if (line !== undefined) this.run((here) => this.answerLine(from, line, here));
    else this.stop();
  }

  stop() {
    this.#run++;
    this.engine.stop("map");
    this.model.set("progress", [0, 0]);
    say(this.note, "stopped");
  }

  /** The face has moved the noken. */
  saved(key) {
    if (key !== "place") return;
    const weights = weightsAt(this.answers.plane, this.model.get("place"));
    this.moving = true;
    this.store.set({ point: weights.slice(0, 2).map((weight) => Number(weight.toFixed(4))) });
    this.moving = false;
    this.sayExact();
  }

  /** Write what is said where the noken is, token by token. */
  async sayExact() {
    const { answers, model } = this, place = model.get("place"), prompt = answers.promptAt(place);
    const here = () => answers === this.answers && model.get("place") === place;
    const shown = { place, text: "", going: true };
    try {
      const answer = await this.engine.answer(prompt, { tokens: EXACT, top: LEADING, lane: "exact" }, (step) => {
        shown.entropy ??= step.entropy;
        shown.leading ??= step.leading.map(({ text, probability }) => [text, probability]);
        if (here()) model.set("exact", { ...shown, text: step.whole });
      });
      const territory = await this.territory(answers, answer.ids);
      if (here()) model.set("exact", { ...shown, text: answer.text, territory, going: false });
    } catch (error) {
      if (here() && !(error instanceof Ended)) say(this.note, error.message);
    }
  }

  /** The territory of the map in which answers begin so, "" where none does. @param {number[]} ids */
  async territory(answers, ids) {
    const begins = await answers.beginOf(ids);
    return this.model.get("map").territories.find((one) => one.begins === begins)?.letter ?? "";
  }

  /** Answer the places on the line from a place to a corner. */
  async answerLine(from, corner, here) {
    const { answers } = this, { x, y } = answers.plane.corners[corner];
    const places = Array.from({ length: LINE }, (_, i) => [from[0] + i / (LINE - 1) * (x - from[0]), from[1] + i / (LINE - 1) * (y - from[1])]);
    const rows = await answers.answered(places, LINE_TOKENS, (done) => here() && this.tell(done, LINE, "places on the line"));
    const territory = await Promise.all(rows.map(({ ids }) => this.territory(answers, ids)));
    if (!here()) return;
    this.model.set("line", { from, corner, territory, response: rows.map(({ text }) => text) });
    say(this.note, `${LINE} places on the line answered`);
  }
}
