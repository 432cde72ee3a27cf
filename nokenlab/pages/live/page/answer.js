// What the model says, as it says it: the prompt, the tokens that it was made to say, and its own.

import { make, say } from "./dom.js";
import { sentence, tail } from "./words.js";

const BEFORE = 240; // letters of the prompt that are shown on either side of the noken

const bytes = new TextEncoder(),
  letters = new TextDecoder();
const escaped = /^(\\x[0-9a-f]{2})+$/; // bytes that are no whole letter

/**
 * The prompt on both sides of a token; the token's own space stays before it.
 * @param {string} prompt @param {import("./engine.js").Token[]} tokens
 */
export function around(prompt, tokens, at) {
  const length = ({ text }) => (escaped.test(text) ? text.length / 4 : bytes.encode(text).length);
  const ends = tokens.slice(0, at + 1).map(length),
    before = ends.slice(0, -1).reduce((sum, size) => sum + size, 0);
  const whole = bytes.encode(prompt);
  const sides = [whole.slice(0, before), whole.slice(before + ends.at(-1))].map((some) =>
    letters.decode(some),
  );
  return [sides[0] + (tokens[at].text.startsWith(" ") ? " " : ""), sides[1]];
}

/** The box. Its text has a part a token: a click on one asks what else it could have been. */
export class AnswerBox {
  /**
   * @param {HTMLElement} box
   * @param {{looked: (number: number) => void, taken: (number: number) => void}} heard
   */
  constructor(box, heard) {
    this.box = box;
    this.before = make("span", { className: "before" });
    this.said = make("span", { className: "said", dir: "auto" });
    this.cursor = make("span", { className: "cursor", ariaHidden: "true", hidden: true }, "▌");
    this.end = make("span", { className: "end" });
    box.replaceChildren(this.before, this.said, this.cursor, this.end);
    this.said.onclick = ({ target }) => {
      const piece = target.closest("[data-at]");
      if (piece) heard[piece.matches(".forced") ? "taken" : "looked"](Number(piece.dataset.at));
    };
    this.said.onkeydown = (event) => {
      if (["Enter", " ", "Delete", "Backspace"].includes(event.key)) {
        event.preventDefault();
        event.target.click();
      }
    };
  }

  /** A new run begins: what stands here is old until its first token comes. */
  begin() {
    this.fresh = true;
    this.box.classList.add("old");
    this.box.ariaBusy = "true";
  }

  /** The prompt is read, which takes long where it is long. @param {string} words */
  reading(words) {
    say(this.end, words);
  }

  /** The prompt it answers. @param {?[string, string]} sides  of the noken, or null: there is none */
  prompt(prompt, sides) {
    if (!sides) return this.before.replaceChildren(tail(prompt, 2 * BEFORE));
    const [before, after] = sides,
      rest = after.length > BEFORE ? `${after.slice(0, BEFORE / 2)} … ${after.slice(-BEFORE / 2)}` : after;
    this.before.replaceChildren(tail(before, BEFORE), make("b", { className: "noken" }, "▢"), rest);
  }

  /** The next token. @param {import("./engine.js").Step} step @param {boolean} forced */
  step(step, forced) {
    if (this.fresh) this.clear();
    const piece = make("span", {
      className: forced ? "piece forced" : "piece",
      role: "button",
      tabIndex: forced ? 0 : -1,
    });
    piece.textContent = step.whole.slice(this.whole.length);
    piece.title = forced
      ? "you chose this token: click to take it away, with those behind it"
      : "click: what else could have stood here?";
    piece.dataset.at = this.said.childElementCount;
    this.whole = step.whole;
    this.said.append(piece);
    if (this.box.scrollHeight > this.box.clientHeight) this.box.scrollTop = this.box.scrollHeight;
  }

  clear() {
    this.fresh = false;
    this.whole = "";
    this.said.replaceChildren();
    this.cursor.hidden = false;
    say(this.end, "");
    this.box.classList.remove("old");
  }

  /** The text is whole. @param {string} text @param {string} words  about its end */
  done(text, words) {
    if (this.fresh) this.clear();
    if (text !== this.whole && text.startsWith(this.whole)) this.said.append(text.slice(this.whole.length));
    this.rest();
    say(this.end, words);
  }

  /** Nothing is said any more. */
  rest() {
    this.cursor.hidden = true;
    this.box.ariaBusy = "false";
    this.box.classList.remove("old");
  }

  /** What went wrong, in place of an answer. */
  fail(message) {
    this.clear();
    this.rest();
    this.before.replaceChildren(make("span", { className: "wrong" }, sentence(message)));
  }

  /** Mark the token that is looked at. */
  look(number) {
    [...this.said.children].forEach((piece, i) => piece.classList.toggle("looked", i === number));
  }
}
