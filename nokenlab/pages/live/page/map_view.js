// A map of answers for the face of the panel: what panels/territories.py makes of a table.

import { OKABE_ITO, letters, withWhite } from "./colours.js";
import { spelled, visible } from "./words.js";

const STRONG = 0.25,
  PALE = 0.68; // how much white is in the colour of a corner's own answer, and of any other
export const LEADING = 5; // next tokens of a cell

/** @typedef {import("./engine.js").Row} Row @typedef {import("./plane_geometry.js").Plane} Plane */

/**
 * How many first tokens tell all answers, ids each, apart; all tokens, where two are the same.
 * @param {number[][]} answers
 */
export function fewest(answers) {
  const longest = Math.max(1, ...answers.map((ids) => ids.length));
  for (let k = 1; k < longest; k++)
    if (new Set(answers.map((ids) => ids.slice(0, k).join())).size === answers.length) return k;
  return longest;
}

/**
 * What territories.js documents as Territories.
 * @param {Object} known
 * @param {[string, string]} known.sides  the prompt before the noken and after it
 * @param {Plane} known.plane
 * @param {number} known.reach  half the map's side
 * @param {Row[]} known.rows  a cell each
 * @param {string[]} known.begins  what tells the territory of each
 * @param {string[]} known.own  and of each corner's own answer
 * @param {string[]} known.nearest  token of each cell
 * @param {{token: string[], x: number[], y: number[]}} known.near  tokens near the plane
 */
export function mapOf({ sides, plane, reach, rows, begins, own, nearest, near }) {
  const kinds = bySize(begins),
    names = letters(kinds),
    number = new Map(kinds.map((text, i) => [text, i]));
  const side = Math.sqrt(rows.length),
    territory = begins.map((text) => number.get(text));
  const corner = (text) =>
    plane.corners
      .filter((_, i) => own[i] === text)
      .map(({ label }) => label)
      .join(", ");
  const colours = colourOf(
    territory,
    side,
    kinds.map((text) => own.includes(text)),
    kinds.map((text) => names.get(text)),
  );
  return {
    before: sides[0],
    after: sides[1],
    corners: plane.corners.map((corner) => ({ ...corner, label: spelled(corner.label) })),
    reach,
    side,
    territories: kinds.map((text, i) => ({
      letter: names.get(text),
      colour: colours[i],
      corner: corner(text),
      begins: text,
    })),
    territory,
    response: coded(rows.map(({ text }) => text)),
    nearest: coded(nearest.map(visible)),
    entropy: rows.map(({ entropy }) => Number(entropy.toFixed(3))),
    leading: leadingOf(rows),
    near: { ...near, token: near.token.map((token) => spelled(token.trim())) },
  };
}

/** The different texts, the commonest first; of equals the one that came first. */
function bySize(texts) {
  const counts = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one));
}

/**
 * A colour for each territory, unlike those that touch it, where seven suffice; corners' own choose first,
 * in strong ones.
 */
function colourOf(territory, side, isOwn, names) {
  const areas = isOwn.map((_, kind) => territory.filter((other) => other === kind).length);
  const beside = touching(territory, side, isOwn.length),
    hues = new Map();
  const rank = isOwn
    .map((_, kind) => kind)
    .sort(
      (one, other) =>
        isOwn[other] - isOwn[one] || areas[other] - areas[one] || (names[one] < names[other] ? -1 : 1),
    );
  const count = (list, hue) => list.filter((other) => other === hue).length;
  for (const kind of rank) {
    const near = [...beside[kind]].map((other) => hues.get(other)),
      used = [...hues.values()];
    const order = [0, 1, 2, 3, 4, 5, 6].sort(
      (one, other) =>
        count(near, one) - count(near, other) || count(used, one) - count(used, other) || one - other,
    );
    hues.set(kind, order[0]);
  }
  return isOwn.map((own, kind) => withWhite(OKABE_ITO[hues.get(kind)], own ? STRONG : PALE));
}

/** For each territory those that share a square of four cells with it. @returns {Set<number>[]} */
function touching(territory, side, kinds) {
  const beside = Array.from({ length: kinds }, () => new Set());
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const at = row * side + column,
        four = [at, at + 1, at + side, at + side + 1].map((cell) => territory[cell]);
      for (const one of four) for (const other of four) if (one !== other) beside[one].add(other);
    }
  }
  return beside;
}

/**
 * The leading next tokens: which there are, the numbers of each cell's own in them, and their
 * probabilities.
 */
function leadingOf(rows) {
  const tokens = coded(rows.flatMap(({ leading }) => leading.slice(0, LEADING).map(({ text }) => visible(text))));
  return {
    token: tokens.text,
    of: rows.map((_, row) => tokens.of.slice(row * LEADING, (row + 1) * LEADING)),
    probability: rows.map(({ leading }) =>
      leading.slice(0, LEADING).map(({ probability }) => Number(probability.toFixed(4))),
    ),
  };
}

/** A column with each different text once: text[of[i]] is that of row i. */
function coded(column) {
  const text = [...new Set(column)],
    number = new Map(text.map((one, i) => [one, i]));
  return { text, of: column.map((one) => number.get(one)) };
}
