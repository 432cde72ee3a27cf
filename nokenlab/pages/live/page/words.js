// Texts that several parts of the page show.

/** A number of things, in words. */
export const count = (number, thing) => `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;

/** A size for people. @param {number} bytes */
export const megabytes = (bytes) => (bytes / 1e6).toFixed(0);

/** The end of a long text. */
export const tail = (text, most) => (text.length > most ? `… ${text.slice(-most)}` : text);

/** A message as a sentence; one that begins with a file's name keeps it. */
export function sentence(text) {
  const capital = /^[a-z]+[\s,]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/**
 * A prompt before and after one of its tokens; a space that the token begins with stays before it.
 * @param {import("./engine.js").PromptToken[]} tokens @returns {[string, string]}
 */
export function around(tokens, at) {
  const texts = tokens.map(({ text }) => text),
    space = texts[at].startsWith(" ") ? " " : "";
  return [texts.slice(0, at).join("") + space, texts.slice(at + 1).join("")];
}
