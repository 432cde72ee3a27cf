// A blend of two prompts for the slider's face: what panels/lerp_slider.py makes of tables.

import { OKABE_ITO, letters } from "./colours.js";
import { visible } from "./words.js";

const LEADING = 6; // next tokens that are shown

/** @typedef {import("./engine.js").Row} Row @typedef {import("./engine.js").Token} Token */

/**
 * What lerp_slider.js documents as a View. `p` ascends; `rows` are their answers.
 * @param {[string, string]} prompts @param {[Token[], Token[]]} tokens @param {number[]} p
 * @param {Row[]} rows
 * @param {{after: string, rows: Row[]}} parting  the token where the answers first part
 */
export function viewOf(prompts, tokens, p, rows, parting) {
  const { plateaus, of } = plateausOf(
    p,
    rows.map(({ text }) => text),
  );
  return { prompts, before: common(tokens), p, plateaus, of, leading: leadingOf(parting) };
}

/** What both prompts say, with ▢ for each token that is blended. */
const common = ([a, b]) => a.map(({ text }, i) => (text === b[i].text ? text : "▢")).join("");

/** Runs of equal answers, and the part of the way that is theirs: flips lie half way between two p. */
export function plateausOf(p, texts) {
  const starts = texts.flatMap((text, i) => (i === 0 || text !== texts[i - 1] ? [i] : []));
  const names = letters(texts),
    order = [...names.keys()];
  const flip = (run) => (p[starts[run] - 1] + p[starts[run]]) / 2;
  const plateaus = starts.map((start, run) => {
    const end = (starts[run + 1] ?? texts.length) - 1,
      response = texts[start];
    return {
      letter: names.get(response),
      colour: OKABE_ITO[order.indexOf(response) % 7],
      from: p[start],
      to: p[end],
      left: run === 0 ? p[0] : flip(run),
      right: run === starts.length - 1 ? p.at(-1) : flip(run + 1),
      response,
    };
  });
  return {
    plateaus,
    of: starts.flatMap((start, run) => Array((starts[run + 1] ?? texts.length) - start).fill(run)),
  };
}

/** How many first tokens all rows share. @param {number[][]} rows  ids */
export function shared(rows) {
  let length = 0;
  while (length < rows[0].length && rows.every((ids) => ids[length] === rows[0][length])) length++;
  return length;
}

/**
 * The next tokens that peak highest anywhere on the way, and their probabilities; 0: not among those that
 * were kept.
 */
function leadingOf({ after, rows }) {
  const peak = new Map(),
    text = new Map();
  for (const { leading } of rows) {
    for (const one of leading) {
      peak.set(one.id, Math.max(peak.get(one.id) ?? 0, one.probability));
      text.set(one.id, one.text);
    }
  }
  const ids = [...peak.keys()].sort((a, b) => peak.get(b) - peak.get(a) || a - b).slice(0, LEADING);
  const probability = rows.map(({ leading }) => {
    const at = new Map(leading.map((one) => [one.id, one.probability]));
    return ids.map((id) => at.get(id) ?? 0);
  });
  return { after, token: ids.map((id) => visible(text.get(id))), probability };
}
