// One noken in a prompt: asks the engine whenever something is moved, and shows what comes.

import { AnswerBox, around } from "./answer.js";
import { onceAFrame, onceAtRest, part, say } from "./dom.js";
import { Latest } from "./latest.js";
import { Nearest, SHOWN as NEAREST } from "./nearest.js";
import { NextToken } from "./next_token.js";
import { FIRST } from "./state.js";
import { count, visible } from "./words.js";

const TOKENS = 40; // of an answer, beside those that it was made to say
const LONG = 100; // tokens of a prompt that are not read at once
const TYPING = 250; // milliseconds without a key after which a text is answered
const RESTING = 250; // and without a move, after which the nearest tokens are looked for

const TYPED = ["prompt", "word", "blend", "corners"];
const MOVED = ["at", "put", "seed", "size", "p", "point", "forced", "view"];

/** @typedef {import("./state.js").State} State */

export class NokenView {
  #plain = { prompt: null, text: "" };

  /** @param {import("./state.js").Store} store */
  constructor(store) {
    this.store = store;
    this.steps = [];
    this.answer = new AnswerBox(part("answer"), {
      looked: (number) => this.look(number),
      taken: (number) => store.set({ forced: store.state.forced.slice(0, number) }),
    });
    this.next = new NextToken(part("next"), (id) => this.force(id));
    this.nearest = new Nearest(part("nearest"), part("nearest-hint"));
    this.latest = new Latest((error) => this.failed(error));
    this.now = onceAFrame(() => this.ask());
    const typed = onceAtRest(TYPING, () => this.now()),
      rested = onceAtRest(RESTING, () => this.findNearest());
    store.on(TYPED, typed);
    store.on(MOVED, this.now);
    store.on(["put", "seed", "word", "blend", "p", "corners", "point", "prompt"], rested);
    store.on(["put"], ({ put }) => put === "token" && this.sayPlain(""));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stop();
    });
  }

  /**
   * What is said at first, until there is a model to say it.
   * @param {{tokens: import("./engine.js").Token[], answer: string}} example
   */
  showExample({ tokens, answer }) {
    const { state } = this.store;
    if (JSON.stringify(state) !== JSON.stringify(FIRST))
      return this.answer.prompt("The answer comes when the model is loaded.", null);
    this.answer.begin();
    this.answer.prompt(state.prompt, around(state.prompt, tokens, state.at));
    this.answer.step({ whole: answer }, false);
    this.answer.rest();
  }

  /**
   * There is a model now.
   * @param {import("./slots.js").Slots} slots @param {import("./engine.js").Loaded} loaded
   */
  start(slots, loaded, told) {
    Object.assign(this, { slots, loaded, told, engine: slots.engine });
    this.ask();
    this.findNearest();
  }

  /** Escape: no more of this answer. */
  stop() {
    if (!this.engine || this.answer.box.ariaBusy !== "true") return;
    this.rest();
    this.answer.done(this.answer.whole, " (stopped)");
  }

  /** End what runs. */
  rest() {
    this.latest.end();
    for (const lane of ["answer", "plain"]) this.engine?.stop(lane);
    this.answer.rest();
  }

  /** Answer what is there now; an older run ends. Away from this view what runs is stopped. */
  ask() {
    if (!this.engine) return;
    if (this.store.state.view !== "noken") return this.rest();
    this.answer.begin();
    this.latest.run((here) => this.answerTo(this.store.state, here));
  }

  /** @param {State} state @param {() => boolean} here */
  async answerTo(state, here) {
    const tokens = await this.slots.tokens(state.prompt),
      prompt = await this.slots.prompt(state, tokens);
    const room = this.roomFor(prompt.length, state.forced.length);
    if (!here()) return;
    this.begun(state, tokens);
    const wish = { tokens: Math.min(TOKENS + state.forced.length, room), forced: state.forced, top: 10 };
    const answer = await this.engine.answer(prompt, wish, (step) => here() && this.heard(step, state));
    if (!here()) return;
    this.through(answer);
    await this.answerPlain(state, tokens);
  }

  /** How many tokens may be said behind a prompt; throws where there is no room. */
  roomFor(length, forced) {
    const { positions } = this.loaded,
      room = positions + 1 - length; // the last one said is not read
    if (room > forced) return room;
    const said = forced ? ` and ${count(forced, "chosen token")}` : "";
    throw new Error(
      `This prompt has ${count(length, "token")}${said}; the model reads ${positions.toLocaleString("en")} ` +
        "in all, with its answer. Shorten it.",
    );
  }

  begun(state, tokens) {
    const at = Math.min(state.at, tokens.length - 1);
    this.answer.prompt(state.prompt, state.put === "token" ? null : around(state.prompt, tokens, at));
    if (tokens.length > LONG) this.answer.reading(` reading ${count(tokens.length, "token")} …`);
    this.looked = state.forced.length;
    this.coming = [];
  }

  /** @param {import("./engine.js").Step} step @param {State} state */
  heard(step, state) {
    const number = this.coming.push(step) - 1;
    this.steps = this.coming;
    this.answer.step(step, number < state.forced.length);
    if (number === this.looked) this.look(number);
  }

  /** @param {import("./engine.js").Answer} answer */
  through({ text, ids, ended, full, steps, seconds }) {
    const positions = this.loaded.positions.toLocaleString("en");
    const words = !ids.length
      ? " (nothing: the model ended the text at once)"
      : ended
        ? " (the model ended the text)"
        : full
          ? ` (the text is full: the model reads ${positions} tokens)`
          : " …";
    this.answer.done(text, words);
    if (this.looked >= this.steps.length) this.look(this.steps.length - 1);
    say(part("answer-status"), `${text}${words}`);
    this.told({ steps, seconds });
  }

  failed({ message }) {
    this.steps = [];
    this.answer.fail(message);
    this.next.show([]);
    say(part("next-hint"), "");
    this.sayPlain("");
  }

  /** Show what a token of the answer was taken from. */
  look(number) {
    const step = this.steps[number],
      { forced } = this.store.state;
    if (!step) return;
    this.looked = number;
    this.answer.look(number);
    this.next.show(step.leading, step.id);
    const where =
      number === forced.length
        ? "What the model holds likely next."
        : `Token ${number + 1} of the answer, “${visible(step.text)}”, was taken from these.`;
    say(part("next-hint"), `${where} Click one: the answer goes on from it.`);
  }

  /** Have the answer say a token where it is looked at. */
  force(id) {
    const before = this.steps.slice(0, this.looked).map((step) => step.id);
    this.store.set({ forced: [...before, id] });
  }

  /** What is said when nothing is put in: read it to compare. */
  async answerPlain(state, tokens) {
    if (state.put === "token") return;
    if (this.#plain.prompt !== state.prompt) {
      this.sayPlain("");
      const prompt = tokens.map(({ id }) => ({ id }));
      const { text } = await this.engine.answer(prompt, {
        tokens: Math.min(TOKENS, this.roomFor(prompt.length, 0)),
        top: 1,
        lane: "plain",
      });
      this.#plain = { prompt: state.prompt, text };
    }
    this.sayPlain(`With nothing put in, it says: ${this.#plain.text.trim() || "nothing"} …`);
  }

  sayPlain(text) {
    say(part("plain"), text);
    part("plain").title = text; // it may be cut
  }

  async findNearest() {
    const { state } = this.store;
    if (!this.engine) return;
    try {
      const noken = await this.slots.noken(state);
      this.nearest.show(noken ? await this.engine.nearest(noken, NEAREST) : []);
    } catch {
      this.nearest.show([]); // the answer's box says what is wrong
    }
  }
}
