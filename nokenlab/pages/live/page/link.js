// The state in the page's address, behind "#": the entries that differ from the first state. All are checked.

import { FIRST } from "./state.js";

const LONGEST = 20_000; // characters of a prompt in a link
const MOST_FORCED = 200;
const LAST_TOKEN = 49_151; // of the model's vocabulary

const quoted = (text) => `“${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`;

/** A reader of one value; `parse` gives undefined for a text that is not `kind`. */
function reader(kind, parse) {
  return ([text], key) => {
    const value = parse(text);
    if (value === undefined) throw new Error(`${key} must be ${kind}, got ${quoted(text)}`);
    return value;
  };
}

/** A reader of a list of `length` values. */
function list(length, readOne) {
  return (texts, key) => {
    if (texts.length !== length) throw new Error(`${key} must be given ${length} times, not ${texts.length}`);
    return texts.map((text) => readOne([text], key));
  };
}

const oneOf = (...names) => reader(`one of ${names.join(", ")}`, (text) => names.find((name) => name === text));

function number(low, high, pattern = /^-?\d+(\.\d+)?$/, kind = "a number") {
  return reader(`${kind} from ${low} to ${high}`, (text) =>
    pattern.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined,
  );
}

const integer = (low, high) => number(low, high, /^\d{1,9}$/, "a whole number");
const text = reader(`a text of up to ${LONGEST.toLocaleString("en")} characters`, (value) =>
  value.length <= LONGEST ? value : undefined,
);
const size = ([value], key) => (value === "own" ? value : number(0.01, 100)([value], key));

function ids([value], key) {
  const texts = value.split("-");
  if (texts.length > MOST_FORCED) throw new Error(`${key} may hold up to ${MOST_FORCED} tokens, got ${texts.length}`);
  return texts.map((id) => integer(0, LAST_TOKEN)([id], key));
}

/** Readers of what a link may hold. */
const READERS = {
  view: oneOf("noken", "between", "map"),
  prompt: text,
  at: integer(0, 9999),
  put: oneOf("token", "seed", "word", "blend"),
  seed: integer(0, 99),
  size,
  word: text,
  blend: list(2, text),
  p: number(0, 1),
  corners: list(3, text),
  point: list(2, number(-9, 9)),
  forced: ids,
  from: text,
  to: text,
  interpolation: oneOf("lerp", "slerp", "slerp about c"),
  along: number(0, 1),
};

/** The state in a link; throws an Error, for people, at the first entry that is not valid. @param {string} hash */
export function read(hash) {
  const entries = new URLSearchParams(hash.replace(/^#/, "")),
    state = { ...FIRST };
  for (const key of new Set(entries.keys())) {
    if (!Object.hasOwn(READERS, key)) throw new Error(`${quoted(key)} is not an entry of a link`);
    state[key] = READERS[key](entries.getAll(key), key);
  }
  return state;
}

/** The link of a state, from its "#" on, or "". @param {import("./state.js").State} state */
export function write(state) {
  const entries = new URLSearchParams();
  for (const key of Object.keys(READERS)) {
    if (JSON.stringify(state[key]) === JSON.stringify(FIRST[key])) continue;
    const values = key === "forced" ? [state.forced.join("-")] : [state[key]].flat();
    for (const value of values) entries.append(key, value);
  }
  const link = entries.toString();
  return link && `#${link}`;
}
