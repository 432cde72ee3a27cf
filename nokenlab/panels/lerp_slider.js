// A slider from one prompt to another: every blend is answered beforehand, so that it only turns pages.

/**
 * A way between the prompts, from lerp_slider_view.py.
 * @typedef {Object} View
 * @property {[string, string]} prompts
 * @property {string} before  what both prompts say, ▢ for what is blended
 * @property {number[]} p  places of the slider, ascending
 * @property {{letter: string, colour: string, from: number, to: number, left: number, right: number,
 *   response: string}[]} plateaus  runs of one answer: the first and the last p, and where the answer flips
 * @property {number[]} of  of each p, a number into `plateaus`
 * @property {?{after: string, token: string[], probability: (?number[])[]}} leading  next tokens at each p
 */

const PLAY = 6000; // milliseconds from one end to the other

/** A number with six digits, as Python's `g` has it. */
const short = (value) => String(Number(value.toPrecision(6)));

/** How far p is on the way, in percent; half way where its ends are one. @param {View} view */
function percent(view, p) {
  const low = view.p[0], high = view.p.at(-1);
  return high > low ? 100 * (p - low) / (high - low) : 50;
}

/** A block a plateau, the letter of its answer in it. @param {View} view */
function block(view, { left, right, colour, letter, response }) {
  const start = percent(view, left), width = percent(view, right) - start;
  const made = element("span", "", width > 2 ? letter : "");
  made.style.cssText = `left:${start}%;width:${width}%;background:${colour}55`;
  made.title = `${letter}: ${response}`;
  return made;
}

/** A slider, its parts and where it stands. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    el.classList.add("nk", "nk-lerp");
    if (this.live) el.append(...this.buildPrompts());
    el.append(this.buildControls(), ...this.buildPage());
    ownKeys(el);
    model.on("change:views", () => this.viewed());
    model.on("change:progress", () => showProgress(this.progress, model.get("progress")));
    this.viewed();
  }

  // - the parts

  buildPrompts() {
    const [a, b] = this.model.get("prompts");
    const first = element("div", "nk-lerp-row"), second = element("div", "nk-lerp-row");
    this.inputs = [["from, p = 0", a, first], ["to, p = 1", b, second]].map(([name, text, row]) => {
      const label = element("label", "nk-lerp-prompt", name), input = element("input");
      input.value = text;
      label.append(input);
      row.append(label);
      return input;
    });
    this.progress = element("progress");
    this.progress.setAttribute("aria-label", "passes of the blend");
    const go = button("Blend", () => this.blend(), "answer all blends of the two prompts");
    const halt = button("Stop", () => this.model.send({ stop: true }), "end a blend that is being made");
    second.append(go, halt, this.progress);
    return [first, second];
  }

  buildControls() {
    const row = element("div", "nk-lerp-row"), ways = element("div", "nk-lerp-ways");
    ways.setAttribute("role", "group");
    ways.setAttribute("aria-label", "way");
    this.ways = this.model.get("ways").map(({ name, tip }) => {
      const made = button(name, () => this.choose(name), tip);
      ways.append(made);
      return made;
    });
    this.player = new Player("Play", "slide by itself", PLAY, (index) => this.turn(index));
    const label = element("label", "nk-lerp-p", "p");
    this.range = this.player.range;
    this.readout = element("output");
    label.append(this.range, this.readout);
    row.append(ways, this.player.button, label);
    return row;
  }

  buildPage() {
    this.title = element("div", "nk-quiet");
    this.strip = element("div", "nk-strip");
    this.strip.setAttribute("role", "img");
    this.pointer = element("span", "", "▲");
    this.mark = element("div", "nk-mark");
    this.mark.ariaHidden = "true"; // the slider says it
    this.mark.append(this.pointer);
    this.where = element("div", "nk-quiet nk-place");
    this.before = element("span", "nk-before");
    this.text = element("span", "nk-text");
    this.text.dir = "auto";
    this.nothing = element("span", "nk-quiet", " (nothing: the model ended the text)");
    const answer = element("div", "nk-answer"), page = element("div", "nk-lerp-page");
    answer.append(this.before, this.text, this.nothing);
    this.head = element("div", "nk-quiet");
    this.bars = element("div", "nk-bars");
    page.append(this.where, answer, this.head, this.bars);
    this.missing = element("div", "nk-quiet");
    this.whole = [this.strip, this.mark, page];
    return [this.title, this.missing, ...this.whole];
  }

  // - what happens

  /** Show a way; one that was not blended yet is blended. */
  choose(way) {
    this.model.set("way", way); // is not saved: the kernel need not know, and may be gone
    this.viewed();
    if (!this.view && this.live) this.blend();
  }

  blend() {
    this.model.send({ blend: this.inputs.map((input) => input.value), way: this.model.get("way") });
  }

  /** The way is another one, or was answered. */
  viewed() {
    const way = this.model.get("way"), view = this.view = this.model.get("views")[way];
    this.ways.forEach((button) => { button.ariaPressed = String(button.textContent === way); });
    this.player.pause();
    for (const part of [this.title, ...this.whole]) part.hidden = !view;
    this.range.disabled = this.player.button.disabled = !view;
    this.missing.hidden = Boolean(view);
    say(this.missing, `Nothing blended along ${way} yet: press Blend.`);
    if (!view) return;
    const [a, b] = view.prompts, leading = view.leading;
    say(this.title, `${way}: from “${a}” to “${b}”`);
    say(this.before, view.before);
    this.strip.replaceChildren(...view.plateaus.map((plateau) => block(view, plateau)));
    const ends = [view.p[0], view.p.at(-1)].map(short);
    this.strip.ariaLabel = `${view.plateaus.length} plateaus from p = ${ends[0]} to ${ends[1]}`;
    say(this.head, leading?.after ? `Next token, once all blends have said “${leading.after}”:` : "Next token after the prompt:");
    this.rows = (leading?.token ?? []).map((token) =>
      [element("span", "nk-token", token), element("span", "nk-number"), element("div", "nk-bar")]);
    this.bars.replaceChildren(...this.rows.flat());
    this.range.max = view.p.length - 1;
    this.turn(Math.min(this.model.get("index"), view.p.length - 1));
  }

  /** Turn to the page of a place. Needs no kernel. */
  turn(index) {
    const { view } = this, p = view.p[index], plateau = view.plateaus[view.of[index]], shown = short(p);
    this.model.set("index", index); // is not saved, as above
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `p = ${shown}, answer ${plateau.letter}: ${plateau.response}`);
    say(this.readout, shown);
    this.pointer.style.left = `${percent(view, p)}%`;
    say(this.where, `p = ${shown} · answer ${plateau.letter}, the same from ${short(plateau.from)} to ${short(plateau.to)}`);
    say(this.text, plateau.response);
    this.nothing.hidden = plateau.response !== "";
    const probability = view.leading?.probability[index];
    this.head.hidden = this.bars.hidden = !probability;
    probability?.forEach((value, i) => {
      const [, number, bar] = this.rows[i];
      say(number, value.toFixed(3));
      bar.style.transform = `scaleX(${value})`;
    });
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.player.pause();
  },
};
