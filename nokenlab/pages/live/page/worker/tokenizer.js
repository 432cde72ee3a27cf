// Text to tokens and back, as nokenlab does it: without a start token.

/** The byte of each character of a piece: a printable one stands for itself, the others are U+0100 and on. */
const BYTES = new Map();
{
  const isPrintable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) BYTES.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte);
}

const utf8 = () => new TextDecoder("utf-8", { ignoreBOM: true });

export class Tokens {
  /**
   * @param {object} definition  tokenizer.json @param {object} config  tokenizer_config.json
   * @param {string[]} spellings  each token as it is shown to people
   */
  constructor(Tokenizer, definition, config, spellings) {
    const { vocab } = definition.model;
    this.spellings = spellings;
    this.tokenizer = new Tokenizer(definition, config);
    const preTokenize = this.tokenizer.pre_tokenizer; // as in nokenlab, bytes without a token are dropped before merges
    this.tokenizer.pre_tokenizer = (text, options) =>
      preTokenize(text, options).map((word) => [...word].filter((letter) => Object.hasOwn(vocab, letter)).join(""));
    this.pieces = [];
    this.special = new Set();
    for (const [piece, id] of Object.entries(vocab)) this.pieces[id] = piece;
    for (const { content, id, special } of definition.added_tokens) {
      this.pieces[id] = content;
      if (special) this.special.add(id);
    }
  }

  /** The ids of a text. @param {string} text @returns {number[]} */
  ids(text) {
    if (typeof text !== "string" || text === "") throw new Error("The prompt is empty: write at least one letter.");
    if (/\p{Surrogate}/u.test(text)) throw new Error("The prompt contains a lone surrogate, half a character: remove it.");
    return Array.from(this.tokenizer.encode(text, { add_special_tokens: false }).ids, Number);
  }

  /** The tokens of a text. @returns {import("../engine.js").PromptToken[]} */
  split(text) {
    const decoder = utf8(); // a character of several tokens is part of the last
    return this.ids(text).map((id) => (
      { id, shown: this.shown(id), text: decoder.decode(this.#bytes(id), { stream: true }) }));
  }

  /** The id of the last token of a word with a space before it. */
  word(word) {
    if (typeof word !== "string" || !word.trim()) throw new Error("There is no word: write one.");
    return this.ids(` ${word}`).at(-1);
  }

  /** A token as it is shown to people. */
  shown(id) { return this.spellings[id]; }

  /** The text of ids, without special tokens. @param {number[]} ids */
  text(ids) {
    const stream = this.stream();
    ids.forEach((id) => stream.push(id));
    return stream.end();
  }

  /** A text that grows: `push` returns its complete characters so far, `end` all of it. */
  stream() {
    const decoder = utf8();
    let text = "";
    return {
      push: (id) => {
        if (!this.special.has(id)) text += decoder.decode(this.#bytes(id), { stream: true });
        return text;
      },
      end: () => text + decoder.decode(),
    };
  }

  #bytes(id) {
    const bytes = [...this.pieces[id]].map((letter) => BYTES.get(letter));
    return bytes.includes(undefined) ? new TextEncoder().encode(this.pieces[id]) : Uint8Array.from(bytes);
  }
}
