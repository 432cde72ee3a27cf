// The real tokens that point most nearly as a noken does.

import { make, say } from "./dom.js";
import { visible } from "./words.js";

export const SHOWN = 6;

/** Rows that are made once and filled often. */
export class Nearest {
  /** @param {HTMLElement} box @param {HTMLElement} hint */
  constructor(box, hint) {
    this.hint = hint;
    this.rows = Array.from({ length: SHOWN }, () => {
      const [token, number] = ["token", "number"].map((className) => make("span", { className })),
        bar = make("i");
      return {
        token,
        number,
        bar,
        row: make("li", { className: "row" }, token, number, make("span", { className: "track" }, bar)),
      };
    });
    box.replaceChildren(...this.rows.map(({ row }) => row));
    this.show([]);
  }

  /** @param {{text: string, cosine: number}[]} tokens  none: there is no noken */
  show(tokens) {
    this.rows.forEach(({ token, number, bar }, i) => {
      const one = tokens[i];
      say(token, one ? visible(one.text) : "");
      say(number, one ? one.cosine.toFixed(2).replace("-", "−") : "");
      bar.style.transform = `scaleX(${Math.max(one?.cosine ?? 0, 0)})`;
    });
    say(this.hint, words(tokens));
  }
}

/** What the nearest one says. */
function words([first]) {
  if (!first)
    return "Which tokens point most nearly the same way: 1 is the very same direction, 0 none of it.";
  const cosine = first.cosine.toFixed(2);
  if (first.cosine > 0.995)
    return `It points as “${visible(first.text)}” does: its direction is that token’s.`;
  const nearest = `The nearest, “${visible(first.text)}”, has a cosine of ${cosine}`;
  return `${nearest}: 1 is the same direction, 0 none of it.`;
}
