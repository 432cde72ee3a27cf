// A slider from one prompt to another: every blend is answered in advance, so moving it only looks answers up.

/**
 * An interpolation between the prompts, from lerp_slider.py.
 * @typedef {Object} View
 * @property {[string, string]} prompts
 * @property {string} before  the text that both prompts share, ▢ for what is blended
 * @property {number[]} p  positions of the slider, ascending
 * @property {{letter: string, colour: string, from: number, to: number, left: number, right: number,
 *   response: string}[]} plateaus  runs of one answer: the first and the last p, and where the answer flips
 * @property {number[]} of  for each p an index of `plateaus`
 * @property {?{after: string, token: string[], probability: (?number[])[]}} leading  next tokens at each p
 */

const PLAY = 6000; // milliseconds from one end to the other

/** A number with six digits, like Python's `g`. */
const short = (value) => String(Number(value.toPrecision(6)));

/** Where p is on the strip, in percent; the middle where there is only one p. @param {View} view */
function percent(view, p) {
  const low = view.p[0], high = view.p.at(-1);
  return high > low ? 100 * (p - low) / (high - low) : 50;
}

/** The block of a plateau, with the letter of its answer. @param {View} view */
function block(view, { left, right, colour, letter, response }) {
  const start = percent(view, left), width = percent(view, right) - start;
  const created = element("span", "", width > 2 ? letter : "");
  created.style.cssText = `left:${start}%;width:${width}%;background:${colour}55`;
  created.title = `${letter}: ${response}`;
  return created;
}

/** A slider and its parts. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    el.classList.add("nk", "nk-lerp");
    if (this.live) el.append(...this.buildPrompts());
    el.append(this.buildControls(), ...this.buildPage());
    keepKeys(el);
    model.on("change:views", () => this.showView());
    model.on("change:progress", () => showProgress(this.progress, model.get("progress")));
    this.showView();
  }

  // - the parts

  buildPrompts() {
    const [a, b] = this.model.get("prompts");
    this.inputs = [field("prompt_a", a), field("prompt_b", b)];
    this.progress = element("progress");
    this.progress.ariaLabel = "passes of the blend";
    const start = button("Blend", () => this.blend(), "answer all blends of the two prompts");
    const stop = button("Stop", () => this.model.send({ stop: true }), "end the blending that runs");
    const [first, second] = ["from, p = 0", "to, p = 1"].map((name, i) =>
      labelled(name, this.inputs[i], "nk-wide nk-lerp-prompt"));
    return [row(first), row(second, start, stop, this.progress)];
  }

  buildControls() {
    const group = element("div", "nk-lerp-ways");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "interpolation");
    this.buttons = this.model.get("ways").map(({ name, tip }) => button(name, () => this.choose(name), tip));
    group.append(...this.buttons);
    this.player = new Player("Play", "slide by itself", PLAY, (index) => this.show(index));
    this.range = this.player.range;
    this.readout = element("output");
    const label = labelled("p", this.range, "nk-slider");
    label.append(this.readout);
    return row(group, this.player.button, label);
  }

  buildPage() {
    this.title = element("div", "nk-quiet");
    this.strip = element("div", "nk-strip");
    this.strip.setAttribute("role", "img");
    this.pointer = element("span", "", "▲");
    const mark = element("div", "nk-mark");
    mark.ariaHidden = "true"; // the slider says the same
    mark.append(this.pointer);
    this.details = element("div", "nk-quiet nk-place");
    this.answer = new Answer();
    this.head = element("div", "nk-quiet");
    this.bars = new Bars();
    const page = element("div", "nk-lerp-page");
    page.append(this.details, this.answer.box, this.head, this.bars.box);
    this.missing = element("div", "nk-quiet");
    this.parts = [this.title, this.strip, mark, page]; // what is seen once there are answers
    return [this.title, this.missing, this.strip, mark, page];
  }

  // - what happens

  /** Show an interpolation; one without answers is blended. */
  choose(name) {
    this.model.set("way", name); // is not saved: the kernel does not need it, and may be gone
    this.showView();
    if (!this.view && this.live) this.blend();
  }

  blend() {
    this.model.send({ blend: this.inputs.map((input) => input.value), way: this.model.get("way") });
  }

  /** Show the chosen interpolation, which may have changed or been answered. */
  showView() {
    const name = this.model.get("way"), view = this.view = this.model.get("views")[name];
    this.buttons.forEach((button) => { button.ariaPressed = String(button.textContent === name); });
    this.player.pause();
    for (const part of this.parts) part.hidden = !view;
    this.range.disabled = this.player.button.disabled = !view;
    this.missing.hidden = Boolean(view);
    say(this.missing, `No answers for ${name} yet: press Blend.`);
    if (!view) return;
    const [a, b] = view.prompts, ends = [view.p[0], view.p.at(-1)].map(short), after = view.leading?.after;
    say(this.title, `${name}: from “${a}” to “${b}”`);
    say(this.answer.before, view.before);
    this.strip.replaceChildren(...view.plateaus.map((plateau) => block(view, plateau)));
    this.strip.ariaLabel = `${view.plateaus.length} plateaus from p = ${ends[0]} to ${ends[1]}`;
    say(this.head, after ? `Next token, once all blends have said “${after}”:` : "Next token after the prompt:");
    this.range.max = view.p.length - 1;
    this.show(Math.min(this.model.get("index"), view.p.length - 1));
  }

  /** Show the answer at a position of the slider. Needs no kernel. */
  show(index) {
    const { view } = this, plateau = view.plateaus[view.of[index]], p = short(view.p[index]);
    this.model.set("index", index); // is not saved, as above
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `p = ${p}, answer ${plateau.letter}: ${plateau.response}`);
    say(this.readout, p);
    this.pointer.style.left = `${percent(view, view.p[index])}%`;
    say(this.details, `p = ${p} · answer ${plateau.letter}, the same from ${short(plateau.from)} to ${short(plateau.to)}`);
    this.answer.show(plateau.response);
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
