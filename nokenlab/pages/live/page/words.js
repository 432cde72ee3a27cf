// What the page says more than once.

/** A token on one line, as nokenlab shows it: ␣ for each space, what has no look of its own as \n, \u200b. */
export function visible(token) {
  return spelled(token).replaceAll(" ", "␣") || "(empty)";
}

/** A text on one line. */
export function spelled(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu, (letter) => (letter === " " ? letter : escaped(letter)));
}

const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(letter) {
  const code = letter.codePointAt(0),
    hex = code.toString(16);
  if (SHORT[letter]) return SHORT[letter];
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** A number of things, in words. */
export const count = (number, thing) => `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;

/** A size for people. @param {number} bytes */
export const megabytes = (bytes) => (bytes / 1e6).toFixed(0);

/** Texts that are cut where they are long, at their front. */
export const tail = (text, most) => (text.length > most ? `… ${text.slice(-most)}` : text);

/** A message as a sentence; one that begins with a file's name keeps it. */
export function sentence(text) {
  const begun = /^[a-z]+[\s,]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
