// Text to tokens and back, as nokenlab has it: no start token, and bytes that are no whole letter as \xNN.

/** The byte behind each letter of a piece: a printable one stands for itself, the others are U+0100 and on. */
const BYTES = new Map();
{
  const plain = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) BYTES.set(String.fromCharCode(plain(byte) ? byte : next++), byte);
}

const utf8 = () => new TextDecoder("utf-8", { ignoreBOM: true });

export class Tokens {
  /** @param {object} definition  tokenizer.json @param {object} config  tokenizer_config.json */
  constructor(Tokenizer, definition, config) {
    const { vocab } = definition.model;
    this.tokenizer = new Tokenizer(definition, config);
    const cut = this.tokenizer.pre_tokenizer; // bytes that no token has go before pieces are joined, as in nokenlab
    this.tokenizer.pre_tokenizer = (text, options) =>
      cut(text, options).map((word) => [...word].filter((letter) => Object.hasOwn(vocab, letter)).join(""));
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
    if (/\p{Surrogate}/u.test(text)) throw new Error("The prompt has half a letter in it, a lone surrogate: take it out.");
    return Array.from(this.tokenizer.encode(text, { add_special_tokens: false }).ids, Number);
  }

  /** The id of the last token of a word with a space before it. */
  word(word) {
    if (typeof word !== "string" || !word.trim()) throw new Error("There is no word: write one.");
    return this.ids(` ${word}`).at(-1);
  }

  /** A token as a reader sees it. */
  shown(id) {
    const bytes = this.#bytes(id), text = utf8().decode(bytes);
    if (!text.includes("\ufffd")) return text;
    if ([...this.pieces[id]].some((letter) => !BYTES.has(letter))) return this.pieces[id];
    return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  }

  /** The text of ids, without special tokens. @param {number[]} ids */
  text(ids) {
    const stream = this.stream();
    ids.forEach((id) => stream.push(id));
    return stream.end();
  }

  /** A text that grows: `push` gives all of it that is whole, `end` all. */
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

  /** The bytes of a token. */
  #bytes(id) {
    const letters = [...this.pieces[id]], bytes = letters.map((letter) => BYTES.get(letter));
    return bytes.includes(undefined) ? new TextEncoder().encode(this.pieces[id]) : Uint8Array.from(bytes);
  }
}
