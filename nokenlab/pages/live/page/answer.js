// What the model says, as it says it: the prompt, the tokens that it was forced to say, and its own.

import { make, say } from "./dom.js";
import { sentence, tail } from "./words.js";

const CONTEXT = 240; // characters of the prompt that are shown on either side of the noken

/** The box. Each token of its text is a part that can be clicked. */
export class AnswerBox {
  /**
   * @param {HTMLElement} box
   * @param {(number: number) => void} onLook  hears the number of a token that was clicked
   * @param {(number: number) => void} onRemove  and of a forced one
   */
  constructor(box, onLook, onRemove) {
    this.box = box;
    this.before = make("span", { className: "before" });
    this.said = make("span", { className: "said", dir: "auto" });
    this.cursor = make("span", { className: "cursor", ariaHidden: "true", hidden: true }, "▌");
    this.end = make("span", { className: "end" });
    box.replaceChildren(this.before, this.said, this.cursor, this.end);
    this.said.onclick = ({ target }) => {
      const piece = target.closest("[data-at]");
      if (piece) (piece.matches(".forced") ? onRemove : onLook)(Number(piece.dataset.at));
    };
    this.said.onkeydown = (event) => {
      if (["Enter", " ", "Delete", "Backspace"].includes(event.key)) {
        event.preventDefault();
        event.target.click();
      }
    };
  }

  /** A new run begins: the old text is shown until its first token comes. */
  begin() {
    this.old = true;
    this.box.classList.add("old");
    this.box.ariaBusy = "true";
  }

  /** The prompt is being read, which takes long where it is long. */
  reading(text) {
    say(this.end, text);
  }

  /** @param {string} prompt @param {?[string, string]} sides  of the noken; null: there is none */
  prompt(prompt, sides) {
    if (!sides) return this.before.replaceChildren(tail(prompt, 2 * CONTEXT));
    const [before, after] = sides,
      half = CONTEXT / 2,
      shown = after.length > CONTEXT ? `${after.slice(0, half)} … ${after.slice(-half)}` : after;
    this.before.replaceChildren(tail(before, CONTEXT), make("b", { className: "noken" }, "▢"), shown);
  }

  /** The next token. @param {{text: string}} step  all text so far @param {boolean} forced */
  step({ text }, forced) {
    if (this.old) this.clear();
    const piece = make("span", {
      className: forced ? "piece forced" : "piece",
      role: "button",
      tabIndex: forced ? 0 : -1,
      textContent: text.slice(this.text.length),
      title: forced
        ? "you chose this token; click to remove it and the ones after it"
        : "click to see the other likely tokens here",
    });
    piece.dataset.at = this.said.childElementCount;
    this.text = text;
    this.said.append(piece);
    if (this.box.scrollHeight > this.box.clientHeight) this.box.scrollTop = this.box.scrollHeight;
  }

  clear() {
    this.old = false;
    this.text = "";
    this.said.replaceChildren();
    this.cursor.hidden = false;
    say(this.end, "");
    this.box.classList.remove("old");
  }

  /** The answer is complete. @param {string} text @param {string} ending  what is shown behind it */
  done(text, ending) {
    if (this.old) this.clear();
    if (text !== this.text && text.startsWith(this.text)) this.said.append(text.slice(this.text.length));
    this.rest();
    say(this.end, ending);
  }

  /** Nothing is running. */
  rest() {
    this.cursor.hidden = true;
    this.box.ariaBusy = "false";
    this.box.classList.remove("old");
  }

  /** An error in place of an answer. */
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
