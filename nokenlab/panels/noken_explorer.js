// The noken explorer on a page with no kernel: nokens of some seeds and sizes, answered beforehand.

/**
 * The answers, from noken_explorer_grid.py.
 * @typedef {Object} Grid
 * @property {string} before  the prompt before the noken
 * @property {string} after  and after it
 * @property {number} position  of the noken
 * @property {string[]} names  of nokens
 * @property {number[]} sizes  in norms of their own, which for a seed is that of a token
 * @property {number[][]} norms  of each noken at each size
 * @property {string[]} nearest  real token of each noken
 * @property {number[]} cosine  to it
 * @property {string[][]} response  of each noken at each size
 */

/** A slider over so many places, with its label and what it stands at. */
function slider(name, count, value, moved) {
  const label = element("label", "", name), readout = element("output");
  const range = Object.assign(element("input"), { type: "range", min: 0, max: count - 1, step: 1 });
  range.value = value; // after max, which would cut it
  range.oninput = moved;
  label.append(range, readout);
  return { label, range, readout };
}

export default {
  render({ model, el }) {
    /** @type {Grid} */
    const grid = model.get("grid");
    const noken = slider("noken", grid.names.length, 0, () => show());
    const size = slider("size ×", grid.sizes.length, grid.sizes.indexOf(1), () => show());
    const text = element("span", "nk-text"), where = element("div", "nk-quiet nk-place");
    const nothing = element("span", "nk-quiet", " (nothing: the model ended the text)");
    const answer = element("div", "nk-answer"), row = element("div", "nk-grid-row");
    text.dir = "auto";
    answer.append(element("span", "nk-before", `${grid.before}▢${grid.after}`), text, nothing);
    row.append(noken.label, size.label);
    el.classList.add("nk", "nk-grid");
    el.append(row, where, answer);

    function show() {
      const s = Number(noken.range.value), n = Number(size.range.value), said = grid.response[s][n];
      noken.readout.textContent = grid.names[s];
      size.readout.textContent = grid.sizes[n];
      where.textContent = `position ${grid.position} · norm ${grid.norms[s][n].toFixed(2)} · ` +
        `nearest token “${grid.nearest[s]}”, cosine ${grid.cosine[s].toFixed(3)}`;
      text.textContent = said;
      nothing.hidden = said !== "";
      noken.range.setAttribute("aria-valuetext", `${grid.names[s]}: ${said}`);
      size.range.setAttribute("aria-valuetext", `${grid.sizes[n]} times its norm: ${said}`);
    }
    show();
  },
};
