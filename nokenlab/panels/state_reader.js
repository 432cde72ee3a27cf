// A prompt's hidden states, layer by token: what each says when it is read out, and what a state between two says.

/**
 * What does not change, and the table, from state_reader.py. Cells are numbered by layer, then token.
 * @typedef {Object} View
 * @property {string} before  the prompt that reads out, ▢ for the state
 * @property {string[]} tokens
 * @property {number} layers  of the model plus one: the last row is what leaves the last layer
 * @property {{name: string, tip: string}[]} readings
 * @property {string} unpatched  what the prompt says first with no state in it
 *
 * @typedef {Object} Cells
 * @property {string} reading  how these were read out
 * @property {string[]} text  the first token of each cell, as text
 * @property {[string, number][][]} leading  of each cell: the likeliest next tokens and their probabilities
 * @property {number[]} norm  of the vector that was put into the prompt
 *
 * What is shown: a cell [layer, token], or a point between two cells.
 * @typedef {{reading: string, from: number[], to: ?number[], p: number, interpolation: string}} Selection
 */

const PLAY = 6000; // milliseconds from one state to the other
const STEPS = 20; // of the slider
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const HELP = "Click a cell, or move with the arrow keys and press Enter, to read out that state. "
  + "Drag it onto another cell, or press “Slide to…” and choose one, to slide from state to state.";

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** A reader, its parts and the selection. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    this.view = model.get("view");
    this.selection = model.get("selection");
    el.classList.add("nk", "nk-state");
    const frame = element("div", "nk-state-frame");
    frame.append(this.table = element("table"));
    el.append(this.buildPage(), frame);
    this.fillTable();
    keepKeys(el);
    model.on("change:answer", () => this.showAnswer());
    for (const key of ["view", "cells"]) model.on(`change:${key}`, () => this.showTable());
    this.paint();
    this.showAnswer();
  }

  // - the parts

  buildPage() {
    const page = element("div", "nk-state-page");
    this.details = element("div", "nk-quiet nk-place");
    this.answer = new Answer(this.view.before);
    this.source = element("div", "nk-quiet nk-source");
    this.bars = new Bars();
    this.status = spokenStatus();
    const tools = answerTools(this.answer, this.details, () => this.selection, (selection) => this.select(selection));
    const help = `Read out ${this.selection.reading}. Click a cell, or move with the arrow keys and press Enter.`;
    page.append(...(this.live ? [...this.buildControls(), noteLine(this.model)] : [element("div", "nk-quiet", help)]));
    page.append(this.details, this.answer.box, tools, this.source, this.bars.box, this.buildLegend(), this.status);
    return page;
  }

  buildControls() {
    const { reading, interpolation } = this.selection;
    const readings = this.readings = field("reading", reading, {}, this.view.readings);
    readings.onchange = () => this.select({ reading: readings.value });
    this.interpolations = field("interpolation", interpolation, {}, this.model.get("interpolations"));
    this.interpolations.onchange = () => this.select({ interpolation: this.interpolations.value });
    this.aim = button("Slide to…", () => this.setAiming(!this.aiming), "then choose another cell");
    this.setAiming(false);
    this.player = new Player("Play", "slide by itself", PLAY, (step) => this.select({ p: step / STEPS }));
    this.player.range.max = STEPS;
    this.sentence = field("sentence", this.view.sentence);
    this.sentence.onchange = () => this.model.send({ sentence: this.sentence.value });
    return [
      row(labelled("sentence", this.sentence, "nk-wide")),
      row(labelled("read out", readings)),
      row(this.aim, labelled("interpolation", this.interpolations), this.player.button,
        labelled("p", this.player.range, "nk-slider")),
      element("div", "nk-quiet", HELP),
    ];
  }

  /** What the looks of a cell mean. */
  buildLegend() {
    const sample = (look, text, meaning) => row(element("span", `nk-button nk-state-cell ${look}`, text), meaning);
    return make("div", { className: "nk-state-legend nk-quiet" }, "A cell has the token that its state says first; the fuller, the more probable.",
      sample("nk-state-from", "this", "the state that is read out"), sample("nk-state-to", "that", "the one to slide to"),
      sample("nk-state-unpatched", this.view.unpatched, "what the prompt says with no state in it"));
  }

  fillTable() {
    const { view, table } = this, head = element("tr");
    table.ariaLabel = "hidden states: rows are layers, columns are tokens";
    head.append(element("th", "", "layer"), ...view.tokens.map((token) => element("th", "", token)));
    table.replaceChildren(head);
    this.cells = [];
    for (let layer = 0; layer < view.layers; layer++) {
      const line = element("tr");
      line.append(element("th", "", layer < view.layers - 1 ? String(layer) : "out"));
      view.tokens.forEach((_, token) => line.append(this.buildCell([layer, token])));
      table.append(line);
    }
  }

  buildCell(cell) {
    const outside = element("td"), inside = button("", () => this.choose(cell));
    inside.classList.add("nk-state-cell");
    inside.onkeydown = (event) => this.moveFocus(event, cell);
    inside.onpointerdown = (event) => { this.dragged = event.pointerType === "mouse" ? cell : null; };
    inside.onpointerup = () => {
      if (this.dragged && !same(this.dragged, cell)) this.slide(this.dragged, cell);
      this.dragged = null;
    };
    outside.append(inside);
    this.cells.push(inside);
    return outside;
  }

  // - what happens

  choose(cell) {
    if (this.aiming) this.slide(this.selection.from, cell);
    else this.select({ from: cell, to: null, p: 0 });
  }

  slide(from, to) {
    if (!this.live || same(from, to)) return;
    this.setAiming(false);
    this.select({ from, to, p: 0 });
  }

  /** Whether the cell that is chosen next is where to slide to. */
  setAiming(aiming) {
    this.aiming = aiming;
    this.aim.ariaPressed = String(aiming);
  }

  moveFocus(event, [layer, token]) {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const cell = [layer + step[0], token + step[1]];
    const exists = cell[0] >= 0 && cell[1] >= 0 && cell[0] < this.view.layers && cell[1] < this.view.tokens.length;
    if (exists) this.cells[this.number(cell)].focus();
  }

  number([layer, token]) { return layer * this.view.tokens.length + token; }

  /** Change the selection, and ask the kernel what is said there. */
  select(change) {
    this.selection = { ...this.selection, ...change };
    if (change.from) this.player?.pause();
    this.model.set("selection", this.selection);
    this.model.save_changes();
    this.paint();
    this.showAnswer();
  }

  /** Show the table, which may be of another sentence. */
  showTable() {
    if (this.view !== this.model.get("view")) {
      this.view = this.model.get("view");
      this.selection = this.model.get("selection");
      this.fillTable();
      keepKeys(this.table);
    }
    this.paint();
    this.showAnswer();
  }

  // - what is seen

  /** Where a cell is, in words. */
  named([layer, token]) {
    const state = layer < this.view.layers - 1 ? `what enters layer ${layer}` : "what leaves the last layer";
    return `${state} at “${this.view.tokens[token]}”`;
  }

  /** The table. */
  paint() {
    const { from, to, p, reading, interpolation } = this.selection, { leading } = this.model.get("cells"), columns = this.view.tokens.length;
    this.cells.forEach((cell, i) => {
      const [token, probability] = leading[i][0];
      say(cell, token);
      cell.style.setProperty("--p", `${(100 * probability).toFixed(0)}%`);
      cell.title = `${this.named([Math.floor(i / columns), i % columns])}: ${token} ${probability.toFixed(3)}`;
      cell.ariaLabel = cell.title;
      cell.tabIndex = i === this.number(from) ? 0 : -1;
      cell.classList.toggle("nk-state-unpatched", token === this.view.unpatched);
      cell.classList.toggle("nk-state-from", i === this.number(from));
      cell.classList.toggle("nk-state-to", Boolean(to) && i === this.number(to));
    });
    if (!this.live) return;
    this.readings.value = reading;
    this.interpolations.value = interpolation;
    this.player.range.disabled = this.player.button.disabled = this.interpolations.disabled = !to;
    this.player.range.value = Math.round(p * STEPS);
  }

  /** The answer for the selection: from the kernel, or its first token from the table, or null. */
  currentAnswer() {
    const answer = this.model.get("answer"), cells = this.model.get("cells");
    const { from, to, p, reading } = this.selection;
    if (answer && same(answer.selection, this.selection)) return answer;
    const end = p === 0 ? from : p === 1 ? to : null;
    if (!end || cells.reading !== reading) return null;
    const i = this.number(end);
    return { text: cells.text[i], leading: cells.leading[i], norm: cells.norm[i], nearest: [], running: false };
  }

  showAnswer() {
    const answer = this.currentAnswer(), { from, to, p } = this.selection;
    say(this.details, to ? `p = ${p} from ${this.named(from)} to ${this.named(to)}` : this.named(from));
    if (!answer) this.answer.cursor.hidden = false;
    if (!answer) return;
    this.answer.show(answer.text, answer.running);
    const near = answer.nearest.map(([token, cosine]) => `\u2068${token}\u2069 ${cosine.toFixed(2)}`).join(", ");
    const nearest = near ? ` · nearest tokens by cosine: ${near}` : answer.floor ? ` · near no token: no cosine above ${answer.floor.toFixed(2)}, which random vectors reach` : "";
    const into = Number.isInteger(answer.into) ? `put into layer ${answer.into} · ` : "";
    say(this.source, `${into}norm ${answer.norm.toFixed(1)}${nearest}`);
    this.bars.show(...unzip(answer.leading));
    if (!answer.running) say(this.status, `${this.details.textContent}: ${answer.text}`);
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.player?.pause();
  },
};
