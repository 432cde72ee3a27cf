// A view that shows one of nokenlab's panels; the engine answers in place of the panel's kernel.

import { make, part } from "./dom.js";
import { PageModel } from "./faces/elements.js";
import { Latest, noteIn } from "./latest.js";

export class PanelView {
  /** What was requested last, as JSON; null: nothing, or it was interrupted. @type {?string} */
  request = null;

  /**
   * @param {import("./state.js").Store} store
   * @param {"between" | "map"} name  of the view, and of its element in the page
   * @param {{render: (context: {model: PageModel, el: HTMLElement}) => () => void}} face  the panel's module
   * @param {string[]} lanes  of the engine, on which the view runs
   */
  constructor(store, name, face, lanes) {
    Object.assign(this, { store, name, face, lanes });
    this.note = noteIn(part(`${name}-note`));
    this.latest = new Latest(this.note.fail);
    this.note.done("Shown when the model is loaded.");
  }

  /** The model is loaded. @param {import("./slots.js").Slots} slots */
  start(slots) {
    Object.assign(this, { slots, engine: slots.engine });
    this.follow();
  }

  /** Show what the state says. Away from this view nothing runs; what was interrupted continues later. */
  follow() {
    if (!this.engine) return;
    if (this.store.state.view === this.name) this.update();
    else this.interrupt();
  }

  /** A new panel in place of the old one. @param {object} state  of the panel */
  makePanel(state) {
    this.close?.();
    const el = make("div");
    this.model = new PageModel(
      { live: true, progress: [0, 0], ...state },
      { receive: (message) => this.receive(message), changed: (key) => this.changed(key) },
    );
    part(this.name).replaceChildren(el);
    this.close = this.face.render({ model: this.model, el });
  }

  /** Do a job that answers something, unless a newer one comes; returns whether none came. */
  async run(job) {
    const completed = await this.latest.run(job);
    if (completed) this.model?.set("progress", [0, 0]);
    return completed;
  }

  /** The answers to a request; those of the last request are remembered. @param {() => Promise<any>} make */
  async answersTo(request, make) {
    if (this.last?.request !== request) this.last = { request, answers: await make() };
    return this.last.answers;
  }

  showProgress(done, of, what) {
    this.model?.set("progress", [done, of]);
    this.note.progress(`answering ${what}: ${done} of ${of}`);
  }

  interrupt() {
    this.latest.cancel();
    for (const lane of this.lanes) this.engine.stop(lane);
    this.request = null;
    this.model?.set("progress", [0, 0]);
  }

  /** The panel's Stop: what was requested does not continue by itself. */
  stop() {
    const { request } = this;
    this.interrupt();
    this.request = request;
    this.note.done("stopped");
  }
}
