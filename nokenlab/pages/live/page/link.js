// The state in the page's address, behind "#": what is not as it was at first. What stands there is checked.

import { FIRST } from "./state.js";

const LONGEST = 20_000; // letters of a prompt that a link holds
const MOST_FORCED = 200;
const LAST_TOKEN = 49_151; // of the model's vocabulary

const shown = (text) => `“${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`;

/** A reader of one entry: takes what stands in the link, or throws with what would be right. */
const one =
  (wanted, read) =>
  ([text], key) => {
    const value = read(text);
    if (value === undefined) throw new Error(`${key} must be ${wanted}, got ${shown(text)}`);
    return value;
  };
const text = one(`a text of up to ${LONGEST.toLocaleString("en")} letters`, (value) =>
  value.length <= LONGEST ? value : undefined,
);
const oneOf = (...names) =>
  one(names.join(", ").replace(/, ([^,]*)$/, " or $1"), (value) =>
    names.includes(value) ? value : undefined,
  );
const whole = (low, high) =>
  one(`a whole number from ${low} to ${high}`, (value) =>
    /^\d{1,9}$/.test(value) && Number(value) >= low && Number(value) <= high ? Number(value) : undefined,
  );
const isNumber = (value, low, high) =>
  /^-?\d+(\.\d+)?$/.test(value) && Number(value) >= low && Number(value) <= high;
const number = (low, high) =>
  one(`a number from ${low} to ${high}`, (value) => (isNumber(value, low, high) ? Number(value) : undefined));
const size = one("a number from 0.01 to 100, or own", (value) =>
  value === "own" ? value : isNumber(value, 0.01, 100) ? Number(value) : undefined,
);
const each = (count, reader) => (values, key) => {
  if (values.length !== count) throw new Error(`${key} must be there ${count} times, not ${values.length}`);
  return values.map((value) => reader([value], key));
};
const ids = ([value], key) => {
  const found = value.split("-").map((id) => whole(0, LAST_TOKEN)([id], key));
  if (found.length > MOST_FORCED)
    throw new Error(`${key} may hold up to ${MOST_FORCED} tokens, got ${found.length}`);
  return found;
};

/** Readers of what a link may hold. */
const READERS = {
  view: oneOf("noken", "between", "map"),
  prompt: text,
  at: whole(0, 9999),
  put: oneOf("token", "seed", "word", "blend", "point"),
  seed: whole(0, 99),
  size,
  word: text,
  blend: each(2, text),
  p: number(0, 1),
  corners: each(3, text),
  point: each(2, number(-9, 9)),
  forced: ids,
  from: text,
  to: text,
  way: oneOf("lerp", "slerp", "slerp about c"),
  along: number(0, 1),
};

/**
 * The state that a link holds; throws an Error, for people, at the first entry that is none.
 * @param {string} hash
 */
export function read(hash) {
  const entries = new URLSearchParams(hash.replace(/^#/, "")),
    state = { ...FIRST };
  for (const key of new Set(entries.keys())) {
    if (!Object.hasOwn(READERS, key)) throw new Error(`it says ${shown(key)}, which is nothing here`);
    state[key] = READERS[key](entries.getAll(key), key);
  }
  return state;
}

/**
 * What a link holds of a state.
 * @param {import("./state.js").State} state @returns {string} with its "#", or ""
 */
export function write(state) {
  const entries = new URLSearchParams();
  for (const key of Object.keys(READERS)) {
    if (JSON.stringify(state[key]) === JSON.stringify(FIRST[key])) continue;
    const values = key === "forced" ? [state.forced.join("-")] : [state[key]].flat();
    for (const value of values) entries.append(key, value);
  }
  const held = entries.toString();
  return held && `#${held}`;
}
