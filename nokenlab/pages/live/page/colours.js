// The colours of figures/style.py, which colour-blind people tell apart, and letters for what is said.

export const OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];

/**
 * A letter for each different text, in the order they come: A, B, … Z, A1, B1, …
 * @param {string[]} texts @returns {Map<string, string>}
 */
export function letters(texts) {
  const different = [...new Set(texts)];
  return new Map(
    different.map((text, i) => [
      text,
      String.fromCharCode(65 + (i % 26)) + (i >= 26 ? Math.floor(i / 26) : ""),
    ]),
  );
}

/** A colour with a share of white. @param {string} colour  #rrggbb @param {number} share */
export function withWhite(colour, share) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  return `#${parts
    .map((value) =>
      Math.round(255 * (share + (1 - share) * value))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}
