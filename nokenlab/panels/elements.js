// What the faces share; face.py puts it before each of them.

/** An element with a class and a text. */
function element(tag, kind = "", text = "") {
  const created = document.createElement(tag);
  created.className = kind;
  created.textContent = text;
  return created;
}

/** A button and what happens when it is pressed. */
function button(text, onPress, title = "") {
  const created = Object.assign(element("button", "nk-button", text), { type: "button", title });
  created.onclick = onPress;
  return created;
}

/** Parts side by side, wrapped onto further lines where the page is narrow. */
function row(...parts) {
  const created = element("div", "nk-row");
  created.append(...parts);
  return created;
}

/** A label around an input. */
function labelled(name, input, kind = "") {
  const label = element("label", `nk-label ${kind}`, name);
  label.append(input);
  return label;
}

/** A text box, or with `options` a drop-down list: {name, tip} or a text each. */
function field(name, value, settings = {}, options = []) {
  const created = element(options.length ? "select" : "input", "nk-field");
  for (const option of options) {
    const { name: text = option, tip: title = "" } = option;
    created.append(Object.assign(element("option", "", text), { title }));
  }
  return Object.assign(created, { name, autocomplete: "off", spellcheck: false }, settings, { value });
}

/** A slider over `count` positions with its label, and an <output> for its value. */
function labelledRange(name, count, value, onInput) {
  const range = Object.assign(element("input"), { type: "range", min: 0, max: count - 1, step: 1 });
  const label = labelled(name, range, "nk-slider"), readout = element("output");
  range.value = value; // after max, which would limit it
  range.oninput = onInput;
  label.append(readout);
  return { label, range, readout };
}

/** The first and the second parts of pairs. */
const unzip = (pairs) => [pairs.map(([first]) => first), pairs.map(([, second]) => second)];

/** Set a text if it differs. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A text that nobody sees and screen readers read out, without interrupting. */
function spokenStatus() {
  const status = element("div", "nk-unseen");
  status.setAttribute("role", "status");
  return status;
}

/** Fill a table with a head and rows of texts. @param {string[]} names @param {string[][]} rows */
function fillTable(table, names, rows) {
  const line = (tag, texts) => {
    const created = element("tr");
    created.append(...texts.map((text) => element(tag, "", text)));
    return created;
  };
  table.replaceChildren(line("th", names), ...rows.map((texts) => line("td", texts)));
}

/** A prompt, and after it what the model says. */
class Answer {
  constructor(before = "") {
    this.box = element("div", "nk-answer");
    this.before = element("span", "nk-before", before);
    this.text = element("span", "nk-text");
    this.text.dir = "auto";
    this.nothing = element("span", "nk-quiet", " (nothing: the model ended the text)");
    this.cursor = element("span", "", "▌");
    this.cursor.ariaHidden = "true";
    this.box.append(this.before, this.text, this.nothing, this.cursor);
  }

  /** @param {boolean} running  whether more will come */
  show(text, running = false) {
    say(this.text, text);
    this.nothing.hidden = running || text !== "";
    this.cursor.hidden = !running;
  }
}

/** Tokens with their probabilities, each with a bar. */
class Bars {
  constructor() {
    this.box = element("div", "nk-bars");
    this.rows = [];
  }

  /** @param {string[]} tokens @param {number[]} probabilities @param {number} most  of a full bar */
  show(tokens, probabilities, most = 1) {
    if (this.rows.length !== tokens.length) {
      this.rows = tokens.map(() => [element("span", "nk-token"), element("span", "nk-number"), element("div", "nk-bar")]);
      this.box.replaceChildren(...this.rows.flat());
    }
    this.rows.forEach(([token, number, bar], i) => {
      say(token, tokens[i]);
      say(number, probabilities[i].toFixed(3));
      bar.style.transform = `scaleX(${Math.min(Math.max(probabilities[i] / most, 0.004), 1)})`;
    });
  }
}

/** A slider over positions, and a button that plays it to its end in `time` milliseconds; `show` shows a position. */
class Player {
  constructor(name, title, time, show) {
    Object.assign(this, { name, time, show });
    this.range = Object.assign(element("input"), { type: "range", min: 0, step: 1, value: 0 });
    this.range.oninput = () => { this.pause(); show(this.position); };
    this.button = button("▶", () => (this.playing ? this.pause() : this.start()), title);
    this.button.ariaLabel = name;
  }

  get position() { return Number(this.range.value); }

  get last() { return Number(this.range.max); }

  start() {
    this.playing = setInterval(() => {
      if (this.position >= this.last || !this.range.isConnected) this.pause();
      else this.show(this.position + 1);
    }, Math.max(20, this.time / (this.last + 1)));
    if (this.position === this.last) this.show(0);
    this.button.textContent = "⏸";
    this.button.ariaLabel = "Pause";
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
    this.button.textContent = "▶";
    this.button.ariaLabel = this.name;
  }
}

/** Leave arrow keys and Enter to the face's own parts: JupyterLab looks at what has the focus. */
function keepKeys(el) {
  const parts = el.querySelectorAll("canvas, input, select, button");
  parts.forEach((part) => { part.dataset.lmSuppressShortcuts = "true"; });
}

/** Show a progress bar for [done, of], and none while `of` is 0. */
function showProgress(bar, [done, of]) {
  bar.classList.toggle("nk-going", of > 0);
  bar.max = of || 1;
  bar.value = done;
}

/** A panel's state in a page without a kernel: it has the methods of anywidget's model. */
export class PageModel {
  #state;
  #listeners = {}; // event -> the functions to call

  /**
   * @param {object} state
   * @param {{receive?: (message: object) => void, changed?: (key: string) => void}} [callbacks]  `receive` gets
   *   what the panel sends, `changed` the name of each entry that is set
   */
  constructor(state, { receive = () => {}, changed = () => {} } = {}) {
    this.#state = state;
    this.send = receive;
    this.changed = changed;
  }

  get(key) { return this.#state[key]; }

  set(key, value) {
    if (this.#state[key] === value) return;
    this.#state[key] = value;
    (this.#listeners[`change:${key}`] ?? []).forEach((callback) => callback());
    this.changed(key);
  }

  on(event, callback) { (this.#listeners[event] ??= []).push(callback); }

  off(event, callback) {
    this.#listeners[event] = (this.#listeners[event] ?? []).filter((other) => other !== callback);
  }

  save_changes() {} // nothing to do: no kernel waits for it
}

