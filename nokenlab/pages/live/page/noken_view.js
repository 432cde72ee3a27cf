// One noken in a prompt: asks the engine whenever something changes, and shows its answer.

import { AnswerBox } from "./answer.js";
import { debounced, oncePerFrame, part, say } from "./dom.js";
import { Bars } from "./faces/elements.js";
import { Latest } from "./latest.js";
import { FIRST } from "./state.js";
import { around, count } from "./words.js";

const TOKENS = 40; // of an answer, after those that it is forced to begin with
const NEXT = 10; // likely next tokens that are shown
const NEAREST = 6; // and tokens nearest to the noken
const LONG = 100; // tokens of a prompt that take a while to read
const PAUSE = 250; // milliseconds without a change after which a typed text is answered, and nearest tokens are found

const TYPED = ["prompt", "word", "blend"];
const MOVED = ["at", "put", "seed", "size", "p", "forced", "view"];
const DIRECTION = ["put", "seed", "word", "blend", "p", "prompt"]; // what can change the nearest tokens

/** @typedef {import("./state.js").State} State */

export class NokenView {
  #plain = { prompt: null, text: "" };

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.steps = [];
    const remove = (number) => store.set({ forced: store.state.forced.slice(0, number) });
    this.answer = new AnswerBox(part("answer"), (number) => this.look(number), remove);
    this.next = new Bars((index) => this.force(this.leading[index].id));
    this.nearest = new Bars();
    part("next").replaceChildren(this.next.box);
    part("nearest").replaceChildren(this.nearest.box);
    this.showNearest([]);
    this.latest = new Latest((error) => this.failed(error));
    this.now = oncePerFrame(() => this.ask());
    store.on(TYPED, debounced(PAUSE, this.now));
    store.on(MOVED, this.now);
    store.on(DIRECTION, debounced(PAUSE, () => this.findNearest()));
    store.on(["put"], ({ put }) => put === "token" && this.showPlain(""));
    document.addEventListener("keydown", ({ key }) => key === "Escape" && this.stop());
  }

  /**
   * What is shown until the model is loaded.
   * @param {{tokens: import("./engine.js").PromptToken[], answer: string}} example
   */
  showExample({ tokens, answer }) {
    const { state } = this.store;
    if (JSON.stringify(state) !== JSON.stringify(FIRST))
      return this.answer.prompt("The answer is shown when the model is loaded.", null);
    this.answer.begin();
    this.answer.prompt(state.prompt, around(tokens, state.at));
    this.answer.step({ text: answer }, false);
    this.answer.rest();
  }

  /**
   * The model is loaded.
   * @param {import("./slots.js").Slots} slots @param {import("./engine.js").Loaded} loaded
   * @param {(speed: {steps: number, seconds: number}) => void} showSpeed
   */
  start(slots, loaded, showSpeed) {
    Object.assign(this, { slots, loaded, showSpeed, engine: slots.engine });
    this.ask();
    this.findNearest();
  }

  /** Escape ends the answer. */
  stop() {
    if (!this.engine || this.answer.box.ariaBusy !== "true") return;
    this.rest();
    this.answer.done(this.answer.text, " (stopped)");
  }

  rest() {
    this.latest.cancel();
    for (const lane of ["answer", "plain"]) this.engine?.stop(lane);
    this.answer.rest();
  }

  /** Answer the current state; an older run ends. Away from this view nothing runs. */
  ask() {
    if (!this.engine) return;
    if (this.store.state.view !== "noken") return this.rest();
    this.answer.begin();
    this.latest.run((isNewest) => this.answerTo(this.store.state, isNewest));
  }

  /** @param {State} state @param {() => boolean} isNewest */
  async answerTo(state, isNewest) {
    const tokens = await this.slots.tokens(state.prompt),
      prompt = await this.slots.prompt(state, tokens),
      { forced } = state,
      room = this.roomFor(prompt.length, forced.length);
    if (!isNewest()) return;
    this.begin(state, tokens);
    const options = { tokens: Math.min(TOKENS + forced.length, room), forced, top: NEXT };
    const answer = await this.engine.answer(prompt, options, (step) => isNewest() && this.step(step, state));
    if (!isNewest()) return;
    this.finish(answer);
    await this.answerPlain(state, tokens);
  }

  /** How many tokens fit behind a prompt; throws where there is no room. */
  roomFor(length, forced) {
    const { positions } = this.loaded,
      room = positions + 1 - length; // the last token of an answer is not read
    if (room > forced) return room;
    const chosen = forced ? ` and ${count(forced, "chosen token")}` : "";
    throw new Error(
      `This prompt has ${count(length, "token")}${chosen}; the model reads ${positions.toLocaleString("en")} ` +
        "in all, with its answer. Shorten it.",
    );
  }

  begin(state, tokens) {
    const at = Math.min(state.at, tokens.length - 1);
    this.answer.prompt(state.prompt, state.put === "token" ? null : around(tokens, at));
    if (tokens.length > LONG) {
      this.answer.clear(); // an old text would stand there for long
      this.answer.reading(` reading ${count(tokens.length, "token")} …`);
    }
    this.looked = state.forced.length;
    this.newSteps = []; // the old ones can be looked at until the first comes
  }

  /** @param {import("./engine.js").Step} step @param {State} state */
  step(step, state) {
    const number = this.newSteps.push(step) - 1;
    this.steps = this.newSteps;
    this.answer.step(step, number < state.forced.length);
    if (number === this.looked) this.look(number);
  }

  /** @param {import("./engine.js").Answer} answer */
  finish(answer) {
    const { text, steps, seconds } = answer,
      ending = this.ending(answer);
    this.answer.done(text, ending);
    if (this.looked >= this.steps.length) this.look(this.steps.length - 1);
    say(part("answer-status"), `${text}${ending}`);
    this.showSpeed({ steps, seconds });
  }

  ending({ ids, ended, full }) {
    if (!ids.length) return " (nothing: the model ended the text at once)";
    if (ended) return " (the model ended the text)";
    if (full) return ` (the text is full: the model reads ${this.loaded.positions.toLocaleString("en")} tokens)`;
    return " …";
  }

  failed({ message }) {
    this.steps = [];
    this.answer.fail(message);
    this.showNext([]);
    say(part("next-hint"), "");
    this.showPlain("");
  }

  /** Show the likely tokens where a token of the answer stands. */
  look(number) {
    const step = this.steps[number],
      { forced } = this.store.state;
    if (!step) return;
    this.looked = number;
    this.answer.look(number);
    this.showNext(step.leading, step.id);
    const what =
      number === forced.length
        ? "The most likely next tokens."
        : `Token ${number + 1} of the answer, “${step.shown}”, was chosen from these.`;
    say(part("next-hint"), `${what} Click one to continue from it.`);
  }

  /** @param {import("./engine.js").Likely[]} leading @param {number} [id]  of the token that the answer has here */
  showNext(leading, id) {
    this.leading = leading;
    const [shown, probabilities] = [leading.map((token) => token.shown), leading.map((token) => token.probability)];
    this.next.show(shown, probabilities, { taken: leading.findIndex((token) => token.id === id) });
  }

  /** @param {{shown: string, cosine: number}[]} tokens  none: there is no noken @param {string} note  about words */
  showNearest(tokens, note = "") {
    this.nearest.show(tokens.map(({ shown }) => shown), tokens.map(({ cosine }) => cosine), { digits: 2 });
    say(part("nearest-hint"), note + describe(tokens));
  }

  /** Force the answer to have a token where it is looked at. */
  force(id) {
    const before = this.steps.slice(0, this.looked).map((step) => step.id);
    this.store.set({ forced: [...before, id] });
  }

  /** Answer the prompt without a noken, to compare. */
  async answerPlain(state, tokens) {
    if (state.put === "token") return;
    if (this.#plain.prompt !== state.prompt) {
      this.showPlain("");
      const prompt = tokens.map(({ id }) => ({ id })),
        options = { tokens: Math.min(TOKENS, this.roomFor(prompt.length, 0)), top: 1, lane: "plain" },
        { text } = await this.engine.answer(prompt, options);
      this.#plain = { prompt: state.prompt, text };
    }
    this.showPlain(`Without a noken it says: ${this.#plain.text.trim() || "nothing"} …`);
  }

  showPlain(text) {
    say(part("plain"), text);
    part("plain").title = text; // the line may be cut
  }

  async findNearest() {
    if (!this.engine) return;
    try {
      const { state } = this.store,
        noken = await this.slots.noken(state);
      this.showNearest(noken ? await this.engine.nearest(noken, NEAREST) : [], await this.slots.notes(state));
    } catch {
      this.showNearest([]); // the answer's box says what is wrong
    }
  }
}

function describe([first]) {
  const scale = "1 is the same direction, 0 a right angle.";
  if (!first) return `The tokens with the highest cosine: ${scale}`;
  if (first.cosine > 0.995) return `It has the direction of “${first.shown}”.`;
  return `The nearest, “${first.shown}”, has a cosine of ${first.cosine.toFixed(2)}. ${scale}`;
}
