// One token of a prompt is replaced by a noken. On a page without a kernel: nokens that were answered in advance.

/**
 * What stands where, a `Choice` of noken_explorer.py.
 * @typedef {{prompt: string, position: number, seed: number, scale: string, size: number}} Choice
 *
 * The answers of a page, from noken_explorer.py.
 * @typedef {Object} Grid
 * @property {string} before  the prompt before the noken
 * @property {string} after  and after it
 * @property {number} position  of the noken
 * @property {string[]} names  of nokens
 * @property {number[]} sizes  factors of a noken's norm, which for a seed is that of a token
 * @property {number[][]} norms  of each noken at each size
 * @property {[string, number][]} nearest  real token of each noken, and its cosine
 * @property {string[][]} response  of each noken at each size
 */

/** The panel with a kernel. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.problems = {};
    el.append(...this.buildChoice(), noteLine(model), this.buildAnswer(), this.buildKept());
    keepKeys(el);
    model.on("change:choice", () => this.showChoice());
    model.on("change:errors", () => this.showErrors());
    model.on("change:answer", () => this.showAnswer());
    model.on("change:kept", () => this.showKept());
    for (const show of ["showChoice", "showErrors", "showAnswer", "showKept"]) this[show]();
  }

  choose(changes) { this.model.send({ choose: changes }); }

  buildChoice() {
    const { prompt, seed, size } = this.model.get("choice");
    this.prompt = field("prompt", prompt);
    this.prompt.onchange = () => this.choose({ prompt: this.prompt.value });
    this.chips = make("div", { className: "nk-chips", role: "radiogroup", ariaLabel: "the token to replace" });
    const pick = (chip) => chip && this.choose({ position: Number(chip.dataset.at) });
    this.chips.onclick = ({ target }) => pick(target.closest("button"));
    arrowKeys(this.chips, "[role=radio]", pick);
    this.scale = field("scale", "", {}, this.model.get("kinds"));
    this.scale.onchange = () => this.choose({ scale: this.scale.value });
    this.seed = field("seed", seed, { type: "number", min: 0, step: 1 });
    this.seed.onchange = () => this.choose({ seed: this.seed.value === "" ? null : Number(this.seed.value) });
    const dice = button("⚄", () => this.choose({ seed: Math.floor(1000 * Math.random()) }), "a random seed");
    this.size = labelledRange("size ×", 100, 0, () => this.choose({ size: Number(this.size.range.value) / 10 }));
    Object.assign(this.size.range, { min: 1, max: 100, value: 10 * size });
    return [
      row(labelled("prompt", this.prompt, "nk-wide")), this.problem("prompt"), this.chips,
      row(labelled("in its place", this.scale), row(labelled("seed", this.seed), dice), this.size.label),
      this.problem("seed"),
    ];
  }

  /** Where it is said what is wrong with a field. */
  problem(name) { return this.problems[name] = make("div", { className: "nk-error", role: "alert", hidden: true }); }

  buildAnswer() {
    const columns = element("div", "nk-columns"), left = element("div"), right = element("div");
    this.answer = new Answer();
    this.details = element("div", "nk-quiet nk-place");
    this.plain = element("div", "nk-plain");
    this.next = new Bars();
    this.nearest = new Bars();
    const tools = answerTools(this.answer, this.details, () => this.model.get("choice"), (choice) => this.choose(choice));
    left.append(this.answer.box, this.plain, this.details, tools, row(
      button("Stop", () => this.model.send({ stop: true }), "end the text that is being written"),
      button("Keep", () => this.model.send({ keep: true }), "put this noken and its text in a table"),
    ));
    right.append(element("div", "nk-quiet", "Next token:"), this.next.box,
      element("div", "nk-quiet", "Nearest tokens, by cosine:"), this.nearest.box);
    columns.append(left, right);
    return columns;
  }

  buildKept() {
    this.table = element("table");
    this.kept = make("div", { className: "nk-kept" }, this.table,
      button("Save as CSV", () => saveCsv(this.model.get("kept"), "kept-nokens.csv")));
    return this.kept;
  }

  showChoice() {
    const { prompt, position, seed, scale, size } = this.model.get("choice");
    const [errors, kinds, tokens] = ["errors", "kinds", "tokens"].map((key) => this.model.get(key));
    const typed = document.activeElement; // what is being typed stays
    if (!errors.prompt && typed !== this.prompt) this.prompt.value = prompt;
    if (!errors.seed && typed !== this.seed) this.seed.value = seed;
    this.scale.value = scale;
    this.size.range.disabled = !kinds.find(({ value }) => value === scale).sized;
    if (typed !== this.size.range) this.size.range.value = 10 * size;
    say(this.size.readout, String(size));
    fillChips(this.chips, tokens.map((token, i) => tokenChip(token, i, { selected: i === position, noken: i === position })));
  }

  showErrors() {
    const errors = this.model.get("errors");
    for (const [name, line] of Object.entries(this.problems)) {
      line.hidden = !errors[name];
      say(line, errors[name] ? `✗ Error: ${errors[name]}` : "");
    }
  }

  showAnswer() {
    const { choice, text, running, leading, norm, distance, nearest, before, plain } = this.model.get("answer");
    if (!choice) return;
    say(this.answer.before, before);
    this.answer.show(text, running);
    this.next.show(...unzip(leading));
    this.nearest.show(...unzip(nearest), { digits: 2 });
    say(this.details, `token ${choice.position} · seed ${choice.seed} · norm ${norm.toFixed(2)} · ${distance.toFixed(2)} from the centroid`);
    if (plain === undefined) return;
    this.plain.replaceChildren(element("span", "nk-quiet", "Without a noken: "), ...marked(plain, text));
  }

  showKept() {
    const kept = this.model.get("kept");
    this.kept.hidden = !kept.length;
    if (!kept.length) return;
    const names = Object.keys(kept[0]).filter((name) => !["model", "cosine"].includes(name));
    const shown = (value) => typeof value === "number" ? String(Number(value.toPrecision(4))) : value;
    fillTable(this.table, names, kept.map((line) => names.map((name) => shown(line[name]))));
  }
}

/** The page without a kernel. @param {Grid} grid */
function showGrid(grid, el) {
  const noken = labelledRange("noken", grid.names.length, 0, show);
  const size = labelledRange("size ×", grid.sizes.length, grid.sizes.indexOf(1), show);
  const answer = new Answer(`${grid.before}▢${grid.after}`), details = element("div", "nk-quiet nk-place");
  el.append(row(noken.label, size.label), details, answer.box);

  function show() {
    const i = Number(noken.range.value), j = Number(size.range.value), text = grid.response[i][j];
    const [token, cosine] = grid.nearest[i];
    noken.readout.textContent = grid.names[i];
    size.readout.textContent = grid.sizes[j];
    details.textContent = `position ${grid.position} · norm ${grid.norms[i][j].toFixed(2)} · ` +
      `nearest token “${token}”, cosine ${cosine.toFixed(3)}`;
    answer.show(text);
    noken.range.setAttribute("aria-valuetext", `${grid.names[i]}: ${text}`);
    size.range.setAttribute("aria-valuetext", `${grid.sizes[j]} times its norm: ${text}`);
  }
  show();
}

export default {
  render({ model, el }) {
    el.classList.add("nk", "nk-explorer");
    if (model.get("live")) new Face(model, el);
    else showGrid(model.get("grid"), el);
  },
};
