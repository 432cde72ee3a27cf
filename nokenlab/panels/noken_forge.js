// A noken is learned: its loss falls, and what the model says with it changes. Without a kernel that is replayed.

/**
 * What to learn, a `Task` of noken_forge.py.
 * @typedef {Object} Task
 * @property {string} prompt  with one <noken>
 * @property {string} target  what the model should say after it
 * @property {string} start  "centroid", "random" or a word
 * @property {number} seed  of a random start
 * @property {string} constraint  a name of `constraints`
 * @property {string} word  which some constraints need
 * @property {number} distance  which one of them needs
 * @property {number} steps
 *
 * The noken after a step.
 * @typedef {Object} Point
 * @property {number} step  0 for the start
 * @property {number} nll  of the target, nats per token
 * @property {boolean} exact  whether the model says the target
 * @property {number} norm
 * @property {string} nearest  real token
 * @property {number} cosine  to it
 * @property {?string} text  what the model says; null where it was not generated
 */

const REPLAY = 8000; // milliseconds of a replay
const REST = 1000; // milliseconds after which an unchanged text is read out to those who listen

/** The loss over the steps, with a mark at one of them. */
class Curve {
  constructor() {
    this.box = element("div", "nk-forge-plot");
    this.box.setAttribute("role", "img");
    this.box.innerHTML = `<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      <polyline class="nk-forge-line" points=""></polyline></svg>`;
    this.line = this.box.querySelector("polyline");
    for (const part of ["top", "bottom", "end", "rule", "dot"]) {
      this[part] = element("span", `nk-forge-${part}`);
      this[part].ariaHidden = "true";
      this.box.append(this[part]);
    }
    this.bottom.textContent = "0";
  }

  /** @param {Point[]} points */
  draw(points) {
    const first = points[0], last = points.at(-1);
    this.steps = Math.max(last.step, 1);
    this.highest = Math.max(...points.map(({ nll }) => nll), 0.1);
    this.line.setAttribute("points", points.map((point) => this.percent(point).join(",")).join(" "));
    say(this.top, `${this.highest.toFixed(2)} nats per token`);
    say(this.end, `step ${last.step}`);
    this.box.ariaLabel =
      `Loss: ${first.nll.toFixed(2)} nats per token at step ${first.step}, ${last.nll.toFixed(2)} at step ${last.step}`;
  }

  /** Where a point is, in percent from the left and from the top. @param {Point} point */
  percent({ step, nll }) {
    return [100 * step / this.steps, 100 - 100 * nll / this.highest].map((value) => Number(value.toFixed(2)));
  }

  /** Put the mark on a point. @param {Point} point */
  mark(point) {
    const [left, top] = this.percent(point);
    this.rule.style.left = this.dot.style.left = `${left}%`;
    this.dot.style.top = `${top}%`;
  }
}

/** A forge, its parts and the step that is shown. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    this.index = model.get("points").length - 1;
    this.rest = debounced(REST, () => say(this.status, `${this.details.textContent}: ${this.shown}`));
    el.classList.add("nk", "nk-forge");
    if (this.live) el.append(this.buildForm());
    el.append(this.buildPage(), this.buildKept());
    keepKeys(el);
    model.on("change:points", () => this.update());
    model.on("change:kept", () => this.showKept());
    if (this.live) model.on("change:progress", () => showProgress(this.progress, model.get("progress")));
    this.update();
    this.showKept();
  }

  // - the parts

  /** Where the task is chosen. */
  buildForm() {
    const task = this.model.get("task"), form = this.form = element("form");
    this.progress = element("progress");
    this.progress.ariaLabel = "steps taken";
    const start = Object.assign(element("button", "nk-button", "Start"), { title: "learn from the start" });
    const stop = button("Stop", () => this.model.send({ stop: true }), "end learning at its next step");
    const goOn = button("Go on", () => this.model.send({ go_on: Number(form.elements.steps.value) }), "take more steps");
    form.append(
      row(
        labelled("prompt", field("prompt", task.prompt), "nk-wide"),
        labelled("target", field("target", task.target), "nk-wide"),
      ),
      row(
        ...this.buildStart(task),
        ...this.buildConstraint(task),
        labelled("steps", field("steps", task.steps, { type: "number", min: 1, step: 1 })),
      ),
      row(start, stop, goOn, this.progress), noteLine(this.model),
    );
    form.onsubmit = (event) => { event.preventDefault(); this.model.send({ learn: this.task() }); };
    return form;
  }

  buildStart({ start, seed }) {
    const names = ["centroid", "random", "a word"], isWord = !names.includes(start);
    const from = field("from", isWord ? "a word" : start, {}, names);
    const word = labelled("word", field("start", isWord ? start : "dog"));
    const number = labelled("seed", field("seed", seed, { type: "number", min: 0, step: 1 }));
    const show = from.onchange = () => {
      word.hidden = from.value !== "a word";
      number.hidden = from.value !== "random";
    };
    show();
    return [labelled("from", from), word, number];
  }

  buildConstraint(task) {
    const constraints = this.model.get("constraints");
    const select = field("constraint", task.constraint, {}, constraints);
    const word = labelled("word", field("word", task.word));
    const distance = labelled("within", field("distance", task.distance, { type: "number", min: 0, step: "any" }));
    const show = select.onchange = () => {
      const { needs, tip } = constraints.find(({ name }) => name === select.value);
      select.title = tip;
      word.hidden = !needs.includes("word");
      distance.hidden = !needs.includes("distance");
    };
    show();
    return [labelled("constraint", select), word, distance];
  }

  /** The task as the form has it. @returns {Task} */
  task() {
    const { prompt, target, from, start, seed, constraint, word, distance, steps } = this.form.elements;
    const number = (input) => input.value.trim() === "" ? null : Number(input.value);
    const space = /[\w>]$/.test(prompt.value) && /^\w/.test(target.value) ? " " : ""; // nobody sees it in a box
    return {
      prompt: prompt.value, target: space + target.value, start: from.value === "a word" ? start.value : from.value,
      seed: number(seed), constraint: constraint.value, word: word.value, distance: number(distance), steps: number(steps),
    };
  }

  /** What was learned. */
  buildPage() {
    const page = element("div", "nk-columns"), left = element("div"), right = element("div");
    this.title = element("div", "nk-quiet nk-title");
    this.curve = new Curve();
    this.player = new Player("Replay", "see it learn again", REPLAY, (index) => this.show(index));
    this.range = this.player.range;
    this.range.ariaLabel = "step";
    this.details = element("div", "nk-quiet nk-place");
    left.append(this.curve.box, this.range, row(this.player.button, this.details));
    this.answer = new Answer();
    this.exact = element("span", "nk-badge", "✓ exactly");
    this.answer.box.append(this.exact);
    this.source = element("div", "nk-quiet nk-source");
    this.status = spokenStatus();
    right.append(this.answer.box, answerTools(this.answer, this.details), this.source, this.status);
    page.append(this.title, left, right);
    return page;
  }

  buildKept() {
    const box = element("div", "nk-kept");
    this.table = make("table", { ariaLabel: "kept nokens" });
    if (this.live) {
      const name = field("name", ""), path = field("path", "nokens.safetensors");
      const keep = button("Keep", () => { this.model.send({ keep: name.value }); name.value = ""; },
        "put the noken of the last step in the table");
      const save = button("Save", () => this.model.send({ save: path.value }), "write the kept nokens to a file");
      const undo = button("Undo", () => this.model.send({ undo: true }), "take back what was kept or deleted last");
      box.append(row(labelled("name", name), keep, undo, labelled("file", path), save));
    }
    box.append(this.table);
    return box;
  }

  // - what happens

  /** There are more points, or those of another task. */
  update() {
    const before = this.points?.length ?? 0, points = this.points = this.model.get("points");
    const run = this.model.get("run"), last = points.length - 1;
    const isNew = points.length < before, showsLast = this.index >= before - 1;
    if (isNew) this.player.pause();
    if (!this.player.playing && (isNew || showsLast)) this.index = last;
    this.curve.draw(points);
    say(this.title, run.title);
    say(this.answer.before, run.before);
    this.range.max = last;
    this.show(this.index);
  }

  /** Show the noken after a step. Needs no kernel. */
  show(index) {
    this.index = index;
    const point = this.points[index], text = this.points.slice(0, index + 1).findLast((other) => other.text !== null).text;
    const details = `step ${point.step} · ${point.nll.toFixed(3)} nats per token`;
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `${details}: ${text}`);
    this.curve.mark(point);
    this.exact.hidden = !point.exact;
    say(this.details, details);
    say(this.source, `norm ${point.norm.toFixed(2)} · nearest token “${point.nearest}”, cosine ${point.cosine.toFixed(3)}`);
    if (this.shown === text) return;
    this.shown = text;
    this.answer.show(text);
    const length = agreeing(text, this.model.get("run").target);
    this.answer.text.replaceChildren(element("strong", "", text.slice(0, length)), text.slice(length));
    this.rest();
  }

  showKept() {
    const kept = this.model.get("kept");
    this.table.hidden = !kept.length;
    if (!kept.length) return;
    fillTable(this.table, Object.keys(kept[0]), kept.map((row) => Object.values(row).map(String)));
    if (!this.live) return;
    [...this.table.rows].slice(1).forEach((line, i) => line.append(make("td", {},
      button("×", () => this.model.send({ delete: kept[i].name }), `delete ${kept[i].name}`))));
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.player.pause();
  },
};
