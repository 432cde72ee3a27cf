// What the faces share; face.py puts it before each of them.

/**
 * An element: its properties and attributes, then what is in it. Texts are inserted as text, never as HTML.
 * @param {string} tag @param {Object<string, any>} [settings] @param {...(Node | string)} content
 */
export function make(tag, settings = {}, ...content) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name in created && name !== "list") created[name] = value;
    else created.setAttribute(name, value);
  }
  created.append(...content);
  return created;
}

/** An element with a class and a text. */
const element = (tag, className = "", text = "") => make(tag, { className, textContent: text });

/** A button and what happens when it is pressed. */
const button = (text, onclick, title = "") => make("button", { className: "nk-button", type: "button", onclick, title }, text);

/** Parts side by side, wrapped onto further lines where the page is narrow. */
const row = (...parts) => make("div", { className: "nk-row" }, ...parts);

/** A label around an input. */
const labelled = (name, input, kind = "") => make("label", { className: `nk-label ${kind}` }, name, input);

/** A text box, or with `options` a drop-down list: {value, name, tip} or a text each. */
function field(name, value, settings = {}, options = [], tag = options.length ? "select" : "input") {
  const created = make(tag, { className: "nk-field", name, autocomplete: "off", spellcheck: false, ...settings });
  for (const option of options) {
    const { name: text = option, tip: title = "", value: key = text } = option;
    created.append(make("option", { title, value: key }, text));
  }
  return Object.assign(created, { value });
}

/** A slider over `count` positions with its label, and an <output> for its value. */
export function labelledRange(name, count, value, onInput) {
  const range = make("input", { type: "range", min: 0, max: count - 1, step: 1, value, oninput: onInput });
  const readout = element("output");
  return { label: make("label", { className: "nk-label nk-slider" }, name, range, readout), range, readout };
}

/** The first and the second parts of pairs. */
const unzip = (pairs) => [pairs.map(([first]) => first), pairs.map(([, second]) => second)];

/** Set a text if it differs. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A function that does a job at most once per frame. @param {() => void} job */
export function oncePerFrame(job) {
  let frame = null;
  return () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      job();
    });
  };
}

/** A function that does a job when it was not called again for `time` milliseconds. @param {() => void} job */
export function debounced(time, job) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(job, time);
  };
}

/** A text that nobody sees and screen readers read out, without interrupting. */
const spokenStatus = () => make("div", { className: "nk-unseen", role: "status" });

/** The line that says how work is going, what is wrong, or that nothing answers any more. */
function noteLine(model) {
  const line = element("div", "nk-quiet nk-note");
  const show = ({ text, wrong }) => {
    line.className = wrong ? "nk-note nk-error" : "nk-note nk-quiet";
    line.role = wrong ? "alert" : null;
    say(line, wrong ? `✗ Error: ${text}` : text);
  };
  const gone = () => show({ text: "The kernel is gone: run the cell again.", wrong: true });
  const session = model.widget_manager?.context?.sessionContext; // of JupyterLab
  model.on("change:note", () => show(model.get("note")));
  model.on("comm_live_update", gone);
  session?.kernelChanged.connect(gone);
  session?.statusChanged.connect((_, status) => { if (/restarting|dead/.test(status)) gone(); });
  show(model.get("note") ?? { text: "", wrong: false });
  return line;
}

/**
 * Arrow keys move the focus among the elements of a box that match `selector`, which are one stop of the Tab key;
 * `moved` hears of each move.
 * @param {HTMLElement} box
 */
export function arrowKeys(box, selector, moved = () => {}) {
  box.addEventListener("focusin", ({ target }) => {
    if (target.matches(selector)) for (const other of box.querySelectorAll(selector)) other.tabIndex = other === target ? 0 : -1;
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key],
      all = [...box.querySelectorAll(selector)], at = all.indexOf(event.target);
    if (!step || at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[(at + step + all.length) % all.length];
    moved(next);
    (next.isConnected ? next : box.querySelector(`${selector}[tabindex="0"]`))?.focus();
  });
}

/** A button for a token of a prompt, one of which is replaced by a noken. */
export function tokenChip(shown, at, { selected = false, noken = false } = {}) {
  const word = shown.replace(/^␣+(?=.)/, ""), spaces = make("i", {}, shown.slice(0, shown.length - word.length));
  const settings = { type: "button", role: "radio", ariaChecked: String(noken), tabIndex: selected ? 0 : -1 };
  const chip = make("button", { ...settings, className: noken ? "nk-chip nk-noken" : "nk-chip" },
    ...(noken ? ["▢ noken"] : [spaces, word]));
  if (noken) chip.title = `in place of “${shown}”`;
  chip.dataset.at = at;
  chip.dataset.lmSuppressShortcuts = "true";
  return chip;
}

/** Put chips into a box; the focus stays with the chip that is selected. */
export function fillChips(box, chips) {
  const focused = box.contains(document.activeElement);
  box.replaceChildren(...chips);
  if (focused) box.querySelector("[tabindex='0']")?.focus();
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
    this.text = make("span", { className: "nk-text", dir: "auto" });
    this.nothing = element("span", "nk-quiet", " (nothing: the model ended the text)");
    this.cursor = make("span", { ariaHidden: "true" }, "▌");
    this.box.append(this.before, this.text, this.nothing, this.cursor);
  }

  /** @param {boolean} running  whether more will come */
  show(text, running = false) {
    say(this.text, text);
    this.nothing.hidden = running || text !== "";
    this.cursor.hidden = !running;
    this.shown?.();
  }
}

/**
 * Buttons for an answer: to go back to what was chosen before, to pin it beside those to come, to copy it.
 * @param {Answer} answer @param {HTMLElement} details  what it is the answer to
 * @param {() => any} [choice]  what is chosen, as JSON @param {(choice: any) => void} [choose]  chooses it again
 */
function answerTools(answer, details, choice, choose) {
  const past = [], pinned = make("div", { className: "nk-pinned", hidden: true });
  let now = null, kept = null;
  const record = () => {
    const next = JSON.stringify(choice?.() ?? null);
    if (now !== null && next !== now) past.push(now);
    now = next;
    undo.disabled = !past.length;
  };
  const undo = button("Undo", () => {
    record();
    if (past.length) choose(JSON.parse(now = past.pop()));
    undo.disabled = !past.length;
  }, "go back to what was chosen before");
  const compare = () => kept && pinned.lastChild.replaceChildren(...marked(kept, answer.text.textContent));
  const pin = button("Pin", () => {
    kept = pinned.hidden ? answer.text.textContent : null;
    pinned.hidden = kept === null;
    pin.ariaPressed = String(!pinned.hidden);
    pinned.replaceChildren(element("div", "nk-quiet", `pinned: ${details.textContent}`), answer.before.textContent, element("span"));
    compare();
  }, "keep this answer beside those to come; what differs is marked");
  const copy = button("Copy", () => {
    getSelection().selectAllChildren(answer.box); // to be copied by hand where the page may not
    navigator.clipboard?.writeText(answer.before.textContent + answer.text.textContent);
  }, "copy the prompt and the answer");
  const settled = debounced(300, record);
  answer.shown = () => { settled(); compare(); };
  answer.keepChoice = record; // before a choice that need not settle
  return make("div", {}, row(...(choice ? [undo] : []), pin, copy), pinned);
}

/** Tokens with a number each, and its bar; a row is a button where somebody hears of it. */
export class Bars {
  /** @param {(index: number) => void} [onPick] */
  constructor(onPick) {
    this.box = element("div", "nk-bars");
    this.onPick = onPick;
    this.rows = [];
    if (onPick) arrowKeys(this.box, "button");
  }

  /** @param {string[]} tokens @param {number[]} numbers @param {{most?: number, taken?: number, digits?: number}} options
   *   most: of a full bar; taken: the index of the token that the text has; chances: of being drawn, if they differ */
  show(tokens, numbers, { most = 1, taken = -1, digits = 3, chances = null } = {}) {
    if (this.rows.length !== tokens.length) {
      this.rows = tokens.map((_, i) => this.makeRow(i));
      this.box.replaceChildren(...this.rows.map(({ line }) => line));
    }
    this.box.classList.toggle("nk-chances", Boolean(chances));
    const scale = (value) => `scaleX(${Math.min(Math.max(value / most, 0.004), 1)})`;
    this.rows.forEach(({ line, token, number, bar, chance, hollow }, i) => {
      say(token, tokens[i]);
      say(number, numbers[i].toFixed(digits).replace("-", "−"));
      bar.style.transform = scale(numbers[i]);
      line.classList.toggle("nk-taken", i === taken);
      hollow.hidden = chance.hidden = !chances;
      if (!chances) return;
      say(chance, chances[i] ? `→ ${chances[i].toFixed(3)}` : "→ ruled out");
      hollow.style.transform = scale(chances[i]);
    });
  }

  makeRow(index) {
    const token = element("span", "nk-token"), number = element("span", "nk-number"), chance = element("span", "nk-quiet");
    const bar = element("span", "nk-bar"), hollow = element("span", "nk-bar nk-hollow");
    const line = this.onPick ? button("", () => this.onPick(index)) : element("div");
    line.className = "nk-bar-row";
    line.dataset.lmSuppressShortcuts = "true";
    line.append(token, number, chance, make("span", { className: "nk-track" }, bar, hollow));
    return { line, token, number, bar, chance, hollow };
  }
}

/** Runs along a line, each a block with a letter; a click goes there. */
class Strip {
  /** @param {(share: number) => void} onPick  hears the share of the width */
  constructor(onPick) {
    this.blocks = element("div", "nk-strip");
    this.mark = element("div", "nk-mark", "▲");
    this.box = make("div", { className: "nk-strip-box", ariaHidden: "true" }, this.blocks, this.mark); // its slider says the same
    this.blocks.onclick = (event) => {
      const { left, width } = this.blocks.getBoundingClientRect();
      onPick(Math.min(Math.max((event.clientX - left) / width, 0), 1));
    };
  }

  /** @param {{left: number, right: number, colour: string, letter?: string, title?: string}[]} runs  in shares of the width */
  show(runs) {
    this.blocks.replaceChildren(...runs.map(({ left, right, colour, letter = "", title = letter }) => {
      const block = make("span", { title }, right - left > 0.02 ? letter : "");
      block.style.cssText = `left:${100 * left}%;width:${100 * (right - left)}%;background:${colour}`;
      return block;
    }));
  }

  point(share) { this.mark.style.left = `${100 * share}%`; }
}

/** The entry of a legend: a letter on its colour, a text and a note; a press goes there. */
function legendEntry({ letter, colour }, text, note, onPick) {
  const patch = element("span", "nk-patch", letter);
  patch.style.backgroundImage = `linear-gradient(${colour}, ${colour})`; // over white: the letter is dark
  const entry = button("", onPick);
  entry.append(patch, element("bdi", "", text), element("span", "nk-quiet", note));
  return make("li", {}, entry);
}

export const OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"]; // palette.py

/**
 * A letter for each different text, in the order they come: A, B, … Z, A1, B1, …
 * @param {string[]} texts @returns {Map<string, string>}
 */
export const letters = (texts) => new Map([...new Set(texts)].map((text, i) =>
  [text, String.fromCharCode(65 + (i % 26)) + (i >= 26 ? Math.floor(i / 26) : "")]));

/** How many characters of a text agree with another, from the first on. */
function agreeing(text, other) {
  const characters = [...text], others = [...other];
  const differs = characters.findIndex((character, i) => character !== others[i]);
  return differs < 0 ? text.length : characters.slice(0, differs).join("").length;
}

/** The parts of a text, marked from where it differs from another. */
function marked(text, other) {
  const length = agreeing(text, other);
  return [text.slice(0, length), element("mark", "", text.slice(length))];
}

/** The runs of equal values. @param {any[]} values @returns {{start: number, end: number, value: any}[]} end: the last index */
function runsOf(values) {
  const starts = [...values.keys()].filter((i) => i === 0 || values[i] !== values[i - 1]);
  return starts.map((start, i) => ({ start, end: (starts[i + 1] ?? values.length) - 1, value: values[start] }));
}

/** Let the browser save rows as a CSV file. @param {Object[]} rows */
function saveCsv(rows, name) {
  const quoted = (value) => /[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  const names = Object.keys(rows[0] ?? {});
  const text = [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((cells) => cells.map(quoted).join(",") + "\r\n").join("");
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A slider over positions, and a button that plays it to its end in `time` milliseconds; `show` shows a position. */
class Player {
  constructor(name, title, time, show) {
    Object.assign(this, { name, time, show });
    this.range = make("input", { type: "range", min: 0, step: 1, value: 0, oninput: () => { this.pause(); show(this.position); } });
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

/** Leave arrow keys and Enter to the face's own parts: JupyterLab looks at what has the focus, and takes Enter. */
function keepKeys(el) {
  for (const part of el.querySelectorAll("canvas, input, select, textarea, button")) part.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (key !== "Enter" || !target.matches("input")) return;
    event.preventDefault();
    if (target.form) target.form.requestSubmit();
    else target.dispatchEvent(new Event("change"));
  });
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

  save_changes() {} // nothing to do: no kernel waits for it
}

