// Tokens with a number and a bar each: the likeliest next tokens, and the tokens nearest to a noken.

import { arrowKeys, make, say } from "./dom.js";

const NEXT = 10;
export const NEAREST = 6;

/** The parts of a row. Rows are made once and filled often, so that nothing on the page moves. */
function makeRow(tag, settings) {
  const token = make("span", { className: "token" }),
    number = make("span", { className: "number" }),
    bar = make("i"),
    row = make(tag, { className: "row", ...settings }, token, number, make("span", { className: "track" }, bar));
  const fill = (shown, value, digits) => {
    say(token, shown);
    say(number, value === undefined ? "" : value.toFixed(digits).replace("-", "−"));
    bar.style.transform = `scaleX(${Math.max(value ?? 0, 0)})`;
  };
  return { row, fill };
}

/** The likeliest next tokens; a click continues the answer with one. */
export class NextTokens {
  /** @param {HTMLElement} box @param {(id: number) => void} onPick */
  constructor(box, onPick) {
    this.rows = Array.from({ length: NEXT }, () => makeRow("button", { type: "button", disabled: true }));
    for (const { row } of this.rows) row.onclick = () => onPick(Number(row.dataset.id));
    box.replaceChildren(...this.rows.map(({ row }) => row));
    arrowKeys(box, "button:enabled");
  }

  /** @param {import("./engine.js").Likely[]} leading @param {number} [taken]  the id that the answer has here */
  show(leading, taken) {
    this.rows.forEach(({ row, fill }, i) => {
      const token = leading[i];
      row.disabled = !token;
      row.dataset.id = token?.id ?? "";
      row.classList.toggle("said", Boolean(token) && token.id === taken);
      row.title = token ? `continue the answer with “${token.shown}”` : "";
      fill(token?.shown ?? "", token?.probability, 3);
    });
  }
}

/** The real tokens whose directions are nearest to that of a noken. */
export class NearestTokens {
  /** @param {HTMLElement} box @param {HTMLElement} hint */
  constructor(box, hint) {
    this.hint = hint;
    this.rows = Array.from({ length: NEAREST }, () => makeRow("li"));
    box.replaceChildren(...this.rows.map(({ row }) => row));
    this.show([]);
  }

  /** @param {{shown: string, cosine: number}[]} tokens  none: there is no noken */
  show(tokens) {
    this.rows.forEach(({ fill }, i) => fill(tokens[i]?.shown ?? "", tokens[i]?.cosine, 2));
    say(this.hint, describe(tokens));
  }
}

function describe([first]) {
  const scale = "1 is the same direction, 0 a right angle.";
  if (!first) return `The tokens with the highest cosine: ${scale}`;
  if (first.cosine > 0.995) return `It has the direction of “${first.shown}”.`;
  return `The nearest, “${first.shown}”, has a cosine of ${first.cosine.toFixed(2)}. ${scale}`;
}
