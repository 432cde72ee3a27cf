// The prompt box, and its tokens as you type: one of them can be replaced.

import { arrowKeys, make, part, say } from "./dom.js";
import { fillChips, tokenChip } from "./faces/elements.js";
import { count } from "./words.js";

/** @typedef {import("./engine.js").PromptToken} PromptToken */

const MOST_CHIPS = 400; // more are not drawn

/**
 * The position of a token after an edit: from the front if it is before the edit, from the end if it is behind.
 * @param {PromptToken[]} old @param {PromptToken[]} tokens @param {number} at
 */
export function follow(old, tokens, at) {
  const same = (i, j) => old[i] && tokens[j] && old[i].id === tokens[j].id;
  let before = 0,
    behind = 0;
  while (same(before, before)) before++;
  while (same(old.length - 1 - behind, tokens.length - 1 - behind)) behind++;
  const moved = at >= before && at >= old.length - behind ? at + tokens.length - old.length : at;
  return Math.max(0, Math.min(moved, tokens.length - 1));
}

/** The box and its chips. */
export class PromptRow {
  /** @type {?PromptToken[]} */
  tokens = null;

  /**
   * @param {import("./state.js").Store} store
   * @param {(text: string) => Promise<?PromptToken[]>} split  null: there is no tokenizer yet
   * @param {() => void} onEnter
   */
  constructor(store, split, onEnter) {
    Object.assign(this, { store, split, box: part("prompt"), chips: part("chips") });
    this.box.oninput = () => this.typed();
    this.box.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      onEnter();
    };
    this.chips.onclick = ({ target }) => this.clicked(target);
    arrowKeys(this.chips, "[role=radio]", (chip) => this.clicked(chip));
    store.on(["prompt"], ({ prompt }) => {
      if (this.box.value !== prompt) this.box.value = prompt;
      if (prompt !== this.text) this.read(prompt);
    });
    store.on(["at", "put", "view"], () => this.draw());
    this.box.value = store.state.prompt;
    this.read(store.state.prompt);
  }

  /** Split a prompt that was not typed here. */
  async read(prompt = this.store.state.prompt) {
    const tokens = await this.split(prompt);
    if (this.store.state.prompt !== prompt) return;
    this.show(prompt, tokens);
    if (tokens?.length) this.store.set({ at: Math.min(this.store.state.at, tokens.length - 1) });
  }

  async typed() {
    const prompt = this.box.value,
      old = this.tokens ?? [],
      tokens = await this.split(prompt);
    if (this.box.value !== prompt) return;
    const { state } = this.store,
      at = tokens?.length && old.length ? follow(old, tokens, state.at) : state.at;
    this.show(prompt, tokens);
    this.store.set({ prompt, at, forced: prompt === state.prompt ? state.forced : [] });
  }

  /** @param {?PromptToken[]} tokens */
  show(prompt, tokens) {
    this.text = prompt;
    this.loaded = tokens !== null;
    if (tokens?.length || prompt === "") this.tokens = tokens ?? [];
    this.draw();
  }

  draw() {
    const { at, put, view } = this.store.state,
      tokens = this.tokens ?? [],
      word = tokens[at]?.shown.replace(/^␣+(?=.)/, "");
    say(part("chips-hint"), this.hint(tokens));
    say(part("put-head"), word ? `In place of “${word}”` : "In its place");
    const onMap = view === "map",
      chips = tokens.slice(0, MOST_CHIPS).map((token, i) => {
        const noken = i === at && (onMap || put !== "token"),
          chip = tokenChip(token.shown, i, { selected: i === at, noken });
        return noken && !onMap ? make("span", { className: "held" }, chip, backButton(token)) : chip;
      });
    fillChips(this.chips, chips);
  }

  hint(tokens) {
    if (this.text === "") return "Write something: the model needs at least one character.";
    if (!this.loaded) return "Its tokens are shown as soon as the model is loaded.";
    if (!tokens.length) return "";
    const limit = tokens.length > MOST_CHIPS ? `, the first ${MOST_CHIPS} of them here` : "";
    return `${count(tokens.length, "token")}${limit}. Click one to replace it.`;
  }

  /** A click replaces a token by a noken, or puts it back. */
  clicked(target) {
    const button = target.closest("button");
    if (!button) return;
    const { put } = this.store.state;
    if (button.matches(".back")) this.store.set({ put: "token" });
    else this.store.set({ at: Number(button.dataset.at), put: put === "token" ? "seed" : put });
  }
}

/** A button that puts a token back. */
function backButton({ shown }) {
  const title = `put “${shown}” back`;
  return make("button", { type: "button", className: "back", title, ariaLabel: title }, "×");
}
