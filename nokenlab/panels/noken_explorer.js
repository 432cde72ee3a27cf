// The noken explorer on a page without a kernel: nokens of several seeds and sizes, answered in advance.

/**
 * The answers, from noken_explorer.py.
 * @typedef {Object} Grid
 * @property {string} before  the prompt before the noken
 * @property {string} after  and after it
 * @property {number} position  of the noken
 * @property {string[]} names  of nokens
 * @property {number[]} sizes  factors of a noken's norm, which for a seed is that of a token
 * @property {number[][]} norms  of each noken at each size
 * @property {string[]} nearest  real token of each noken
 * @property {number[]} cosine  to it
 * @property {string[][]} response  of each noken at each size
 */

export default {
  render({ model, el }) {
    /** @type {Grid} */
    const grid = model.get("grid");
    const noken = labelledRange("noken", grid.names.length, 0, show);
    const size = labelledRange("size ×", grid.sizes.length, grid.sizes.indexOf(1), show);
    const answer = new Answer(`${grid.before}▢${grid.after}`), details = element("div", "nk-quiet nk-place");
    el.classList.add("nk", "nk-grid");
    el.append(row(noken.label, size.label), details, answer.box);

    function show() {
      const i = Number(noken.range.value), j = Number(size.range.value), text = grid.response[i][j];
      noken.readout.textContent = grid.names[i];
      size.readout.textContent = grid.sizes[j];
      details.textContent = `position ${grid.position} · norm ${grid.norms[i][j].toFixed(2)} · ` +
        `nearest token “${grid.nearest[i]}”, cosine ${grid.cosine[i].toFixed(3)}`;
      answer.show(text);
      noken.range.setAttribute("aria-valuetext", `${grid.names[i]}: ${text}`);
      size.range.setAttribute("aria-valuetext", `${grid.sizes[j]} times its norm: ${text}`);
    }
    show();
  },
};
