// The prompt box, and its tokens as you type: one of them gives its place to something else.

import { arrowKeys, make, part, say } from "./dom.js";
import { count, spelled } from "./words.js";

/** @typedef {import("./engine.js").Token} Token */

const MOST_CHIPS = 400; // more are not drawn

/**
 * Where a place is in a prompt that was edited: what stands before the edit keeps its number, what stands behind it
 * its number from the end. @param {Token[]} old @param {Token[]} now @param {number} at
 */
export function follow(old, now, at) {
  const alike = (i, j) => old[i] && now[j] && old[i].id === now[j].id;
  let before = 0,
    behind = 0;
  while (alike(before, before)) before++;
  while (alike(old.length - 1 - behind, now.length - 1 - behind)) behind++;
  const moved = at >= before && at >= old.length - behind ? at + now.length - old.length : at;
  return Math.max(0, Math.min(moved, now.length - 1));
}

/** The box and its chips. */
export class PromptRow {
  /** @type {?Token[]} */
  tokens = null;

  /**
   * @param {import("./state.js").Store} store @param {(text: string) => Promise<?Token[]>} cut
   * @param {() => void} entered  hears Enter
   */
  constructor(store, cut, entered) {
    Object.assign(this, { store, cut, box: part("prompt"), chips: part("chips"), hint: part("chips-hint") });
    this.box.oninput = () => this.typed();
    this.box.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      entered();
    };
    this.chips.onclick = ({ target }) => this.pressed(target);
    arrowKeys(this.chips, "[role=radio]", (chip) => this.pressed(chip));
    store.on(["prompt"], ({ prompt }) => {
      if (this.box.value !== prompt) this.box.value = prompt;
      if (prompt !== this.text) this.read(prompt);
    });
    store.on(["at", "put", "view"], () => this.draw());
    this.box.value = store.state.prompt;
    this.read(store.state.prompt);
  }

  /** Cut a prompt that did not come from the box. */
  async read(prompt = this.store.state.prompt) {
    const tokens = await this.cut(prompt);
    if (this.store.state.prompt !== prompt) return;
    this.show(prompt, tokens);
    if (tokens?.length) this.store.set({ at: Math.min(this.store.state.at, tokens.length - 1) });
  }

  /** The box holds another text. */
  async typed() {
    const prompt = this.box.value,
      old = this.tokens ?? [];
    const tokens = await this.cut(prompt);
    if (this.box.value !== prompt) return;
    const at = tokens?.length && old.length ? follow(old, tokens, this.store.state.at) : this.store.state.at;
    this.show(prompt, tokens);
    this.store.set({ prompt, at, forced: prompt === this.store.state.prompt ? this.store.state.forced : [] });
  }

  /** Show a prompt's tokens; null: there is no tokenizer yet. @param {?Token[]} tokens */
  show(prompt, tokens) {
    this.text = prompt;
    if (tokens?.length || prompt === "") this.tokens = tokens ?? [];
    this.known = tokens !== null;
    this.draw();
  }

  draw() {
    const { at, put, view } = this.store.state,
      tokens = this.tokens ?? [],
      focused = this.chips.contains(document.activeElement);
    say(this.hint, this.words(tokens));
    say(
      part("put-head"),
      tokens[at] ? `In the place of “${spelled(tokens[at].text).trim() || "␣"}”` : "In its place",
    );
    this.chips.replaceChildren(
      ...tokens
        .slice(0, MOST_CHIPS)
        .map((token, i) =>
          chip(token, i, i === at, i === at && (put !== "token" || view === "map"), view === "map"),
        ),
    );
    if (focused) this.chips.querySelector("[tabindex='0']")?.focus();
  }

  words(tokens) {
    if (this.text === "") return "Write something: the model needs at least one letter to read.";
    if (!this.known) return "Its tokens come as soon as the model is loaded.";
    if (!tokens.length) return "";
    const more = tokens.length > MOST_CHIPS ? `, the first ${MOST_CHIPS} of them here` : "";
    return `Its ${count(tokens.length, "token")}${more}. Click one: something else takes its place.`;
  }

  /** A chip gives its place; where nothing else is put in yet, to a random noken. */
  pressed(target) {
    const chip = target.closest("button");
    if (!chip) return;
    const { put } = this.store.state;
    if (chip.matches(".back")) this.store.set({ put: "token" });
    else this.store.set({ at: Number(chip.dataset.at), put: put === "token" ? "seed" : put });
  }
}

/**
 * A token as a button, or what stands in its place, with a button that takes it out.
 * @param {Token} token @param {boolean} chosen @param {boolean} noken
 * @param {boolean} stays  it cannot be taken out
 */
function chip(token, at, chosen, noken, stays) {
  const text = spelled(token.text),
    word = text.trimStart();
  const radio = make("button", {
    type: "button",
    role: "radio",
    className: noken ? "chip noken" : "chip",
    tabIndex: chosen ? 0 : -1,
  });
  radio.dataset.at = at;
  radio.setAttribute("aria-checked", String(noken));
  if (noken) {
    radio.title = `instead of “${text}”`;
    radio.append("▢ noken");
  } else radio.append(make("i", {}, "␣".repeat(text.length - word.length)), word);
  if (!noken || stays) return radio;
  const back = make(
    "button",
    { type: "button", className: "back", title: `put “${text}” back`, ariaLabel: `put “${text}” back` },
    "×",
  );
  return make("span", { className: "held" }, radio, back);
}
