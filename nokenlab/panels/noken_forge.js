// A noken is learned: its loss falls, and what the model says with it changes. With no kernel that is replayed.

/**
 * What is learned, from noken_forge_view.py.
 * @typedef {Object} Wish
 * @property {string} prompt  with one <noken>
 * @property {string} target  what is to be said after it
 * @property {string} start  "centroid", "random" or a word
 * @property {number} seed  of a random start
 * @property {string} constraint  a name of `constraints`
 * @property {string} word  which some constraints are about
 * @property {number} distance  which one of them is about
 * @property {number} steps
 *
 * The noken after a step.
 * @typedef {Object} Point
 * @property {number} step  0 for the start
 * @property {number} nll  of the target, nats a token
 * @property {boolean} exact  whether the target is what the model says
 * @property {number} norm
 * @property {string} nearest  real token
 * @property {number} cosine  to it
 * @property {?string} text  what the model says; null where it was not asked
 */

const REPLAY = 8000; // milliseconds of a replay
const REST = 1000; // milliseconds after which a text that has not changed is told to those who listen

/** A label around something. */
function labelled(name, part, kind = "") {
  const label = element("label", `nk-forge-label ${kind}`, name);
  label.append(part);
  return label;
}

/** An input or select with a name for the form, and what it stands at. */
function field(name, value, settings = {}, choices = []) {
  const made = element(choices.length ? "select" : "input", "nk-field");
  made.append(...choices.map((text) => element("option", "", text)));
  return Object.assign(made, { name, autocomplete: "off", spellcheck: false }, settings, { value });
}

/** The points between two changes of the text: where each begins and ends, and its text. @param {Point[]} points */
function plateaus(points) {
  const runs = [];
  points.forEach(({ text }, i) => {
    const last = runs.at(-1);
    if (!last || (text !== null && text !== last.text)) runs.push({ from: i, text: text ?? "", to: i });
    else last.to = i;
  });
  return runs;
}

/** The loss over the steps, with a mark that stands at one of them. */
class Curve {
  constructor() {
    this.box = element("div", "nk-forge-plot");
    this.box.setAttribute("role", "img");
    this.box.innerHTML = `<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      <polyline class="nk-forge-line" points=""></polyline></svg>`;
    this.line = this.box.querySelector("polyline");
    [this.top, this.bottom, this.end, this.rule, this.dot] = ["top", "bottom", "end", "rule", "dot"].map((part) => {
      const made = element("span", `nk-forge-${part}`);
      made.ariaHidden = "true";
      this.box.append(made);
      return made;
    });
    this.bottom.textContent = "0";
  }

  /** @param {Point[]} points */
  draw(points) {
    this.points = points;
    this.last = Math.max(points.at(-1).step, 1);
    this.most = Math.max(...points.map(({ nll }) => nll), 0.1);
    this.line.setAttribute("points", points.map((point) => this.at(point).join(",")).join(" "));
    say(this.top, `${this.most.toFixed(2)} nats a token`);
    say(this.end, `step ${points.at(-1).step}`);
    const [from, to] = [points[0], points.at(-1)];
    this.box.ariaLabel = `Loss: ${from.nll.toFixed(2)} nats a token at step ${from.step}, ${to.nll.toFixed(2)} at step ${to.step}`;
  }

  /** Where a point is, in percent from the left and from the top. @param {Point} point */
  at({ step, nll }) {
    return [100 * step / this.last, 100 - 100 * nll / this.most].map((value) => Number(value.toFixed(2)));
  }

  /** Put the mark on a point. @param {Point} point */
  mark(point) {
    const [left, top] = this.at(point);
    this.rule.style.left = this.dot.style.left = `${left}%`;
    this.dot.style.top = `${top}%`;
  }

  /** The blocks of a strip below it, one for each text. */
  blocks(runs) {
    return runs.map(({ from, to, text }, i) => {
      const left = this.at(this.points[from])[0];
      const right = this.at(this.points[Math.min(to + 1, this.points.length - 1)])[0];
      const made = element("span", i % 2 ? "nk-forge-odd" : "");
      made.style.cssText = `left:${left}%;width:${right - left}%`;
      made.title = text;
      return made;
    });
  }
}

/** A forge, its parts and which step is on show. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    this.index = model.get("points").length - 1;
    el.classList.add("nk", "nk-forge");
    if (this.live) el.append(this.buildForm());
    el.append(this.buildPage(), this.buildKept());
    ownKeys(el);
    model.on("change:points", () => this.grown());
    model.on("change:kept", () => this.showKept());
    if (this.live) model.on("change:progress", () => showProgress(this.progress, model.get("progress")));
    this.grown();
    this.showKept();
  }

  // - the parts

  /** What is learned is chosen here. */
  buildForm() {
    const wish = this.model.get("wish"), form = this.form = element("form", "nk-forge-form");
    const row = (...parts) => { const made = element("div", "nk-forge-row"); made.append(...parts); return made; };
    form.append(row(
      labelled("prompt", field("prompt", wish.prompt), "nk-forge-wide"),
      labelled("to say", field("target", wish.target), "nk-forge-wide"),
    ), row(...this.buildStart(wish), ...this.buildConstraint(wish),
      labelled("steps", field("steps", wish.steps, { type: "number", min: 1, step: 1 }))));
    this.progress = element("progress");
    this.progress.ariaLabel = "steps taken";
    const go = Object.assign(element("button", "nk-button", "Start"), { title: "learn anew, from the start" });
    form.append(row(
      go,
      button("Stop", () => this.model.send({ stop: true }), "end learning at its next step"),
      button("Go on", () => this.model.send({ go_on: Number(form.elements.steps.value) }), "as if it had never stopped"),
      this.progress,
    ));
    form.onsubmit = (event) => { event.preventDefault(); this.model.send({ learn: this.wish() }); };
    return form;
  }

  buildStart({ start, seed }) {
    const named = ["centroid", "random"], other = !named.includes(start);
    const from = field("from", other ? "a word" : start, {}, [...named, "a word"]);
    const word = labelled("word", field("start", other ? start : "dog"));
    const dice = labelled("seed", field("seed", seed, { type: "number", min: 0, step: 1 }));
    const show = from.onchange = () => {
      word.hidden = from.value !== "a word";
      dice.hidden = from.value !== "random";
    };
    show();
    return [labelled("from", from), word, dice];
  }

  buildConstraint(wish) {
    const kinds = this.model.get("constraints");
    const held = field("constraint", wish.constraint, {}, kinds.map(({ name }) => name));
    const word = labelled("word", field("word", wish.word));
    const far = labelled("within", field("distance", wish.distance, { type: "number", min: 0, step: "any" }));
    const show = held.onchange = () => {
      const { needs, tip } = kinds.find(({ name }) => name === held.value);
      held.title = tip;
      word.hidden = !needs.includes("word");
      far.hidden = !needs.includes("distance");
    };
    show();
    return [labelled("constraint", held), word, far];
  }

  /** What the form stands at. @returns {Wish} */
  wish() {
    const { prompt, target, from, start, seed, constraint, word, distance, steps } = this.form.elements;
    const number = (part) => part.value.trim() === "" ? null : Number(part.value);
    const space = /[\w>]$/.test(prompt.value) && /^\w/.test(target.value) ? " " : ""; // nobody sees one in a box
    return {
      prompt: prompt.value, target: space + target.value, start: from.value === "a word" ? start.value : from.value,
      seed: number(seed), constraint: constraint.value, word: word.value, distance: number(distance), steps: number(steps),
    };
  }

  /** What was learned. */
  buildPage() {
    const page = this.page = element("div", "nk-forge-page"), left = element("div"), right = element("div");
    this.title = element("div", "nk-quiet nk-forge-title");
    this.curve = new Curve();
    this.strip = element("div", "nk-forge-strip");
    this.strip.ariaHidden = "true"; // the slider says it
    this.player = new Player("Replay", "see it learn again", REPLAY, (index) => this.turn(index));
    this.range = this.player.range;
    this.range.ariaLabel = "step";
    this.where = element("div", "nk-quiet nk-place");
    const row = element("div", "nk-forge-row");
    row.append(this.player.button, this.where);
    left.append(this.curve.box, this.strip, this.range, row);
    this.source = element("div", "nk-quiet nk-source");
    this.before = element("span", "nk-before");
    this.text = element("span", "nk-text");
    this.text.dir = "auto";
    this.nothing = element("span", "nk-quiet", " (nothing: the model ended the text)");
    this.exact = element("span", "nk-forge-exact", " ✓ exactly");
    const answer = element("div", "nk-answer");
    answer.append(this.before, this.text, this.nothing, this.exact);
    this.status = element("div", "nk-forge-unseen");
    this.status.setAttribute("role", "status"); // which is polite
    right.append(answer, this.source, this.status);
    page.append(this.title, left, right);
    return page;
  }

  buildKept() {
    const box = element("div", "nk-forge-kept");
    this.table = element("table");
    this.table.ariaLabel = "kept nokens";
    if (this.live) {
      const row = element("div", "nk-forge-row"), name = field("name", ""), path = field("path", "nokens.safetensors");
      row.append(
        labelled("name", name), button("Keep", () => { this.model.send({ keep: name.value }); name.value = ""; },
          "put the noken of the last step in the table"),
        labelled("file", path), button("Save", () => this.model.send({ save: path.value }), "write the kept nokens to a file"),
      );
      box.append(row);
    }
    box.append(this.table);
    return box;
  }

  // - what happens

  /** There are other points, or more of them. */
  grown() {
    const before = this.points?.length ?? 0, points = this.points = this.model.get("points");
    const run = this.model.get("run"), last = points.length - 1;
    this.page.hidden = last < 0;
    if (last < 0) return;
    const anew = points.length < before, newest = this.index >= before - 1;
    if (anew) this.player.pause();
    if (!this.player.playing && (anew || newest)) this.index = last;
    this.runs = plateaus(points);
    this.curve.draw(points);
    this.strip.replaceChildren(...this.curve.blocks(this.runs));
    say(this.title, run.told);
    say(this.before, run.before);
    this.range.max = last;
    this.turn(this.index);
  }

  /** Show the noken after a step. Needs no kernel. */
  turn(index) {
    this.index = index;
    const point = this.points[index], { text } = this.runs.findLast(({ from }) => from <= index);
    const told = `step ${point.step} · ${point.nll.toFixed(3)} nats a token`;
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `${told}: ${text}`);
    this.curve.mark(point);
    this.nothing.hidden = text !== "";
    this.exact.hidden = !point.exact;
    say(this.where, told);
    say(this.source, `norm ${point.norm.toFixed(2)} · nearest token “${point.nearest}”, cosine ${point.cosine.toFixed(3)}`);
    if (this.text.textContent === text) return;
    const target = this.model.get("run").target, agreed = [...text].findIndex((sign, i) => sign !== [...target][i]);
    const said = agreed < 0 ? text.length : [...text].slice(0, agreed).join("").length;
    this.text.replaceChildren(element("strong", "", text.slice(0, said)), text.slice(said));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => say(this.status, `Step ${point.step}: ${text}`), REST);
  }

  showKept() {
    const kept = this.model.get("kept"), head = element("tr");
    this.table.hidden = !kept.length;
    if (!kept.length) return;
    head.append(...Object.keys(kept[0]).map((name) => element("th", "", name)));
    const rows = kept.map((row) => {
      const line = element("tr");
      line.append(...Object.values(row).map((text) => element("td", "", String(text))));
      return line;
    });
    this.table.replaceChildren(head, ...rows);
  }

  /** The page has no place for it any more. */
  end() {
    this.player.pause();
    clearTimeout(this.resting);
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.end();
  },
};
