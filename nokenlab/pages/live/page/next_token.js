// The ten likeliest next tokens as bars; a click makes the answer say one.

import { arrowKeys, make, say } from "./dom.js";
import { visible } from "./words.js";

const SHOWN = 10;

/** Rows that are made once and filled often, so that nothing jumps. */
export class NextToken {
  /** @param {HTMLElement} box @param {(id: number) => void} taken  hears which token was clicked */
  constructor(box, taken) {
    this.rows = Array.from({ length: SHOWN }, () => {
      const token = make("span", { className: "token" }),
        number = make("span", { className: "number" }),
        bar = make("i");
      const row = make(
        "button",
        { type: "button", className: "row", disabled: true },
        token,
        number,
        make("span", { className: "track" }, bar),
      );
      row.onclick = () => taken(Number(row.dataset.id));
      return { row, token, number, bar };
    });
    box.replaceChildren(...this.rows.map(({ row }) => row));
    arrowKeys(box, "button:enabled");
  }

  /**
   * @param {import("./engine.js").Likely[]} leading @param {number} [said]  the one that the answer has there
   */
  show(leading, said) {
    this.rows.forEach(({ row, token, number, bar }, i) => {
      const one = leading[i];
      row.disabled = !one;
      row.dataset.id = one?.id ?? "";
      row.classList.toggle("said", Boolean(one) && one.id === said);
      say(token, one ? visible(one.text) : "");
      say(number, one ? one.probability.toFixed(3) : "");
      bar.style.transform = `scaleX(${one?.probability ?? 0})`;
      row.title = one ? `make the answer say “${visible(one.text)}” here` : "";
    });
  }
}
