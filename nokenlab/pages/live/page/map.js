// A map of nokens: the face of the panel, and the engine as its kernel.

import { PageModel } from "./faces/elements.js";
import territories, { weightsAt } from "./faces/territories.js";
import { make, onceAtRest, part } from "./dom.js";
import { Ended } from "./engine.js";
import { Latest, noteIn } from "./latest.js";
import { MapAnswers } from "./map_answers.js";
import { LEADING } from "./map_view.js";
import { placeOf } from "./plane_geometry.js";
import { visible } from "./words.js";

const EXACT = 24; // tokens that are said where the noken is
const LINE = 33; // places on a line that is answered exactly
const LINE_TOKENS = 8;
const TYPING = 400; // milliseconds without a key after which a new map begins

export class MapView {
  /** What the face shows. @type {?MapAnswers} */
  answers = null;

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.note = noteIn(part("map-note"));
    this.latest = new Latest(this.note.fail);
    this.note.settle("The map comes when the model is loaded.");
    store.on(["view"], () => this.follow());
    store.on(
      ["prompt", "at", "corners"],
      onceAtRest(TYPING, () => this.follow()),
    );
    store.on(["point"], () => this.putPlace());
  }

  /** @param {import("./slots.js").Slots} slots */
  start(slots) {
    Object.assign(this, { slots, engine: slots.engine });
    this.follow();
  }

  /**
   * Answer a map when the state asks for another one. Away from this view what runs is stopped, and goes on
   * later.
   */
  follow() {
    const { view, prompt, at, corners } = this.store.state,
      wished = JSON.stringify([prompt, at, corners]);
    if (!this.engine) return;
    if (view !== "map") return this.rest();
    if (wished === this.wished) return;
    this.wished = wished;
    this.answerMap(wished);
  }

  rest() {
    this.latest.end();
    for (const lane of ["map", "exact"]) this.engine.stop(lane);
    this.wished = null;
    this.model?.set("progress", [0, 0]);
  }

  stop() {
    const { wished } = this;
    this.rest();
    this.wished = wished; // does not begin again by itself
    this.note.settle("stopped");
  }

  // - the map

  async answerMap(wished) {
    const through = await this.latest.run(async (here) => {
      this.note.tell("answering the map …");
      if (this.coming?.wished !== wished)
        this.coming = { wished, answers: await MapAnswers.of(this.slots, this.store.state) };
      const { answers } = this.coming,
        told = (done, of) => here() && this.tell(done, of, "nokens of the map");
      for await (const map of answers.passes(told)) {
        if (!here()) return;
        if (this.answers !== answers || map.side > this.model.get("map").side) this.show(answers, map);
        this.note.settle(
          [`${map.side ** 2} nokens answered`, ...map.corners.map(({ note }) => note).filter(Boolean)].join(
            " · ",
          ),
        );
      }
    });
    if (through) this.model?.set("progress", [0, 0]);
  }

  tell(done, of, what) {
    this.model?.set("progress", [done, of]);
    this.note.tell(`answering ${what}: ${done} of ${of}`);
  }

  /** @param {MapAnswers} answers */
  show(answers, map) {
    const another = this.answers !== answers;
    this.answers = answers;
    if (!this.model) this.makeFace(map);
    if (another) for (const key of ["exact", "line"]) this.model.set(key, {});
    this.model.set("map", map);
    if (another) {
      this.putPlace();
      this.sayExact();
    } else this.nameExact();
  }

  makeFace(map) {
    const place = placeOf(this.answers.plane, this.weights()),
      el = make("div");
    this.model = new PageModel(
      { live: true, progress: [0, 0], map, place, path: [], exact: {}, line: {} },
      { receive: (message) => this.hear(message), changed: (key) => this.saved(key) },
    );
    part("map").replaceChildren(el);
    territories.render({ model: this.model, el });
  }

  /** What the face sends: other corners, a line to be answered, or Stop. */
  hear({ corners, line, from }) {
    if (line !== undefined) return this.answerLine(from, line);
    if (!corners) return this.stop();
    this.wished = null;
    this.store.set({ corners });
    this.follow();
  }

  // - the noken

  weights() {
    const [a, b] = this.store.state.point;
    return [a, b, 1 - a - b];
  }

  /** The noken goes where the state says. */
  putPlace() {
    if (this.model && !this.moving) this.model.set("place", placeOf(this.answers.plane, this.weights()));
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
    const { answers, model } = this,
      place = model.get("place"),
      shown = { place, text: "", going: true };
    const here = () => answers === this.answers && model.get("place") === place;
    if (this.store.state.view !== "map") return;
    try {
      const answer = await this.engine.answer(
        answers.promptAt(place),
        { tokens: EXACT, top: LEADING, lane: "exact" },
        (step) => {
          shown.entropy ??= step.entropy;
          shown.leading ??= step.leading.map(({ text, probability }) => [visible(text), probability]);
          if (here()) model.set("exact", { ...shown, text: step.whole });
        },
      );
      const begins = await answers.beginOf(answer.ids);
      if (here())
        model.set("exact", {
          ...shown,
          text: answer.text,
          begins,
          territory: this.letter(begins),
          going: false,
        });
    } catch (error) {
      if (here() && !(error instanceof Ended)) this.note.fail(error);
    }
  }

  /** A finer map has other letters. */
  nameExact() {
    const exact = this.model.get("exact");
    if (exact.begins !== undefined)
      this.model.set("exact", { ...exact, territory: this.letter(exact.begins) });
  }

  /** The territory of the map in which answers begin so, "" where none does. */
  letter(begins) {
    return this.model.get("map").territories.find((one) => one.begins === begins)?.letter ?? "";
  }

  /** Answer the places on the line from a place to a corner; then the map goes on. */
  async answerLine(from, corner) {
    const { answers } = this,
      { x, y } = answers.plane.corners[corner];
    const through = await this.latest.run(async (here) => {
      const places = Array.from({ length: LINE }, (_, i) => i / (LINE - 1)).map((p) => [
        from[0] + p * (x - from[0]),
        from[1] + p * (y - from[1]),
      ]);
      const rows = await answers.answered(
        places,
        LINE_TOKENS,
        ({ done }) => here() && this.tell(done, LINE, "places on the line"),
      );
      const begins = await Promise.all(rows.map(({ ids }) => answers.beginOf(ids)));
      if (here())
        this.model.set("line", {
          from,
          corner,
          territory: begins.map((text) => this.letter(text)),
          response: rows.map(({ text }) => text),
        });
    });
    if (through) this.answerMap(this.wished);
  }
}
