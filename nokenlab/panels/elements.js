// What the faces share; face.py puts it before each of them.

/** An element with a class and a text. */
function element(tag, kind = "", text = "") {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

/** A button that does something when it is pressed. */
function button(text, pressed, title = "") {
  const made = Object.assign(element("button", "nk-button", text), { type: "button", title });
  made.onclick = pressed;
  return made;
}

/** Set a text if it differs. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A slider over places, and a button that plays it to its end in `time` milliseconds. `turn` shows a place. */
class Player {
  constructor(name, title, time, turn) {
    Object.assign(this, { name, time, turn });
    this.range = Object.assign(element("input"), { type: "range", min: 0, step: 1, value: 0 });
    this.range.oninput = () => { this.pause(); turn(this.place); };
    this.button = button("▶", () => (this.playing ? this.pause() : this.start()), title);
    this.button.ariaLabel = name;
  }

  get place() { return Number(this.range.value); }

  get last() { return Number(this.range.max); }

  start() {
    this.playing = setInterval(() => {
      if (this.place >= this.last || !this.range.isConnected) this.pause();
      else this.turn(this.place + 1);
    }, Math.max(20, this.time / (this.last + 1)));
    if (this.place === this.last) this.turn(0);
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

/** Arrows and Enter are the parts' own, not JupyterLab's, which looks at what has the focus. */
function ownKeys(el) {
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

