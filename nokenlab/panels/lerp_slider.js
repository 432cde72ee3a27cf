// A slider from one prompt to another: every blend is answered in advance, so moving it only looks answers up.

/**
 * An interpolation between the prompts, from lerp_slider.py.
 * @typedef {Object} View
 * @property {[string, string]} prompts
 * @property {string} before  the text that both prompts share, ▢ for what is blended
 * @property {number[]} p  positions of the slider, ascending
 * @property {string[]} response  at each p
 * @property {?{after: string, token: string[], probability: (?number[])[]}} leading  next tokens at each p
 */

const PLAY = 6000; // milliseconds from one end to the other

/** A number with six digits, like Python's `g`. */
const short = (value) => String(Number(value.toPrecision(6)));

/** Where p is on the strip; the middle where there is only one p. @param {View} view */
function share(view, p) {
  const low = view.p[0], high = view.p.at(-1);
  return high > low ? (p - low) / (high - low) : 0.5;
}

/** Runs of equal answers, with the part of the strip that each fills: flips lie halfway between two p. @param {View} view */
function plateausOf(view) {
  const { p, response } = view, names = letters(response), order = [...names.keys()], runs = runsOf(response);
  const edges = [p[0], ...runs.slice(1).map(({ start }) => (p[start - 1] + p[start]) / 2), p.at(-1)];
  return runs.map((run, i) => ({
    ...run,
    left: share(view, edges[i]),
    right: share(view, edges[i + 1]),
    letter: names.get(run.value),
    colour: `${OKABE_ITO[order.indexOf(run.value) % 7]}66`,
    title: run.value,
  }));
}

/** A slider and its parts. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    el.classList.add("nk", "nk-lerp");
    if (this.live) el.append(this.buildPrompts());
    el.append(this.buildControls(), ...this.buildPage());
    keepKeys(el);
    model.on("change:views", () => this.showView());
    model.on("change:way", () => { if (this.view !== model.get("views")[model.get("way")]) this.showView(); });
    model.on("change:index", () => { if (this.view && Number(this.range.value) !== model.get("index")) this.show(model.get("index")); });
    model.on("change:unequal", () => this.showUnequal());
    model.on("change:progress", () => { showProgress(this.progress, model.get("progress")); this.showMissing(); });
    this.showView();
  }

  // - the parts

  buildPrompts() {
    const [a, b] = this.model.get("prompts");
    this.inputs = [field("prompt_a", a), field("prompt_b", b)];
    this.progress = make("progress", { ariaLabel: "passes of the blend" });
    const start = make("button", { className: "nk-button", title: "answer all blends of the two prompts" }, "Blend");
    const stop = button("Stop", () => this.model.send({ stop: true }), "end the blending that runs");
    const [first, second] = ["from, p = 0", "to, p = 1"].map((name, i) =>
      labelled(name, this.inputs[i], "nk-wide nk-lerp-prompt"));
    this.pad = "";
    for (const input of this.inputs) input.oninput = () => { this.pad = ""; };
    const form = make("form", {}, row(first), row(second, start, stop, this.progress));
    form.onsubmit = (event) => { event.preventDefault(); this.blend(); };
    this.unequal = make("div", { hidden: true });
    form.append(noteLine(this.model), this.unequal);
    return form;
  }

  buildControls() {
    const views = this.model.get("views"), ways = this.model.get("ways").filter(({ name }) => this.live || views[name]);
    this.buttons = ways.map(({ name, tip }) => button(name, () => this.chooseWay(name), tip));
    const group = make("div", { className: "nk-lerp-ways", role: "group", ariaLabel: "interpolation" }, ...this.buttons);
    this.player = new Player("Play", "slide by itself", PLAY, (index) => this.show(index));
    this.range = this.player.range;
    this.readout = element("output");
    return row(group, this.player.button, make("label", { className: "nk-label nk-slider" }, "p", this.range, this.readout));
  }

  buildPage() {
    this.title = element("div", "nk-quiet");
    this.strip = new Strip((picked) => this.goTo(picked));
    this.details = element("div", "nk-quiet nk-place");
    this.answer = new Answer();
    this.head = element("div", "nk-quiet");
    this.bars = new Bars();
    this.legend = element("ul", "nk-legend");
    arrowKeys(this.legend, "button");
    const tools = answerTools(this.answer, this.details, () => this.choice(), (choice) => this.choose(choice));
    const page = make("div", { className: "nk-lerp-page" }, this.details, this.answer.box, tools, this.head, this.bars.box);
    this.missing = element("div", "nk-quiet");
    this.parts = [this.title, this.strip.box, page, this.legend]; // what is seen once there are answers
    return [this.title, this.missing, this.strip.box, page, this.legend];
  }

  // - what happens

  /** What is chosen: the prompts and how the shorter is filled, the interpolation, the position. */
  choice() {
    if (!this.view) return this.chosen; // until it is answered
    const texts = this.view.prompts.map((text) => text.replace(/(<pad>)+$/, ""));
    return this.chosen = { texts, pad: this.pad, way: this.model.get("way"), index: this.model.get("index") };
  }

  /** Go back to a choice; prompts that are gone are blended again. */
  choose({ texts, pad, way, index }) {
    const isOther = this.live && JSON.stringify(texts) !== JSON.stringify(this.choice().texts);
    this.model.set("index", index);
    if (isOther) this.inputs.forEach((input, i) => { input.value = texts[i]; });
    this.model.set("way", way);
    if (isOther) this.blend(pad);
    else this.showView();
  }

  /** Show an interpolation; one without answers is blended. */
  chooseWay(name) {
    this.model.set("way", name); // is not saved: the kernel does not need it, and may be gone
    this.showView();
    if (!this.view && this.live) this.blend();
  }

  /** @param {"" | "centroid" | "last"} pad  what the shorter prompt ends in */
  blend(pad = this.pad) {
    this.pad = pad;
    this.model.send({ blend: this.inputs.map((input) => input.value), way: this.model.get("way"), pad });
  }

  /** Prompts of unequal length: their tokens under each other, and what can be done. */
  showUnequal() {
    const rows = this.model.get("unequal") ?? [], most = Math.max(0, ...rows.map((tokens) => tokens.length));
    this.unequal.hidden = !rows.length;
    const table = element("table", "nk-unequal");
    table.append(...rows.map((tokens) => make("tr", {}, ...Array.from({ length: most }, (_, i) =>
      element("td", i < tokens.length ? "nk-token" : "nk-missing", tokens[i] ?? "missing")))));
    this.unequal.replaceChildren(make("div", { className: "nk-lerp-tokens" }, table), row("Fill the shorter one:",
      button("pad with the centroid", () => this.blend("centroid")), button("repeat its last token", () => this.blend("last"))));
  }

  /** What to do for answers, where there are none and none will come. */
  showMissing() {
    this.missing.hidden = Boolean(this.view) || this.model.get("progress")?.[1] > 0;
    say(this.missing, `No answers for ${this.model.get("way")} yet: press Blend.`);
  }

  /** Show the p that is nearest to a share of the strip. */
  goTo(picked) {
    const distances = this.view.p.map((p) => Math.abs(share(this.view, p) - picked));
    this.player.pause();
    this.show(distances.indexOf(Math.min(...distances)));
  }

  /** Show the chosen interpolation, which may have changed or been answered. */
  showView() {
    const name = this.model.get("way"), view = this.view = this.model.get("views")[name];
    this.buttons.forEach((button) => { button.ariaPressed = String(button.textContent === name); });
    this.player.pause();
    for (const part of this.parts) part.hidden = !view;
    this.range.disabled = this.player.button.disabled = !view;
    this.showMissing();
    if (!view) return;
    const [a, b] = view.prompts, after = view.leading?.after;
    say(this.title, `${name}: from “${a}” to “${b}”`);
    say(this.answer.before, view.before);
    this.plateaus = plateausOf(view);
    this.strip.show(this.plateaus);
    this.legend.replaceChildren(...this.plateaus.map((run) => legendEntry(run, run.value,
      ` p = ${short(view.p[run.start])} to ${short(view.p[run.end])}`, () => this.show(run.start))));
    say(this.head, after ? `Next token, once all blends have said “${after}”:` : "Next token after the prompt:");
    this.range.max = view.p.length - 1;
    this.show(Math.min(this.model.get("index"), view.p.length - 1));
  }

  /** Show the answer at a position of the slider. Needs no kernel. */
  show(index) {
    const { view } = this, plateau = this.plateaus.find(({ end }) => end >= index), p = short(view.p[index]);
    this.range.value = index;
    this.model.set("index", index); // is not saved, as above
    this.range.setAttribute("aria-valuetext", `p = ${p}, answer ${plateau.letter}: ${plateau.value}`);
    say(this.readout, p);
    this.strip.point(share(view, view.p[index]));
    say(this.details, `p = ${p} · answer ${plateau.letter}, the same from ${short(view.p[plateau.start])} to ${short(view.p[plateau.end])}`);
    this.answer.show(plateau.value);
    const probabilities = view.leading?.probability[index];
    this.head.hidden = this.bars.box.hidden = !probabilities;
    if (probabilities) this.bars.show(view.leading.token, probabilities);
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.player.pause();
  },
};
