// The page: the state, what shows it, and the engine that answers.

import { BetweenView } from "./between.js";
import { make, onceAtRest, part, say } from "./dom.js";
import { Engine } from "./engine.js";
import { EXAMPLE, EXAMPLES } from "./examples.js";
import { read, write } from "./link.js";
import { loadEngine, sayEngine } from "./loading.js";
import { MapView } from "./map.js";
import { NokenMenu } from "./noken_menu.js";
import { NokenView } from "./noken_view.js";
import { PromptRow } from "./prompt_row.js";
import { Slots } from "./slots.js";
import { FIRST, Store } from "./state.js";
import { tabs } from "./tabs.js";

part("stuck").remove();
const store = new Store(FIRST);
openLink();

let slots = null; // until the model is loaded
const cut = async (text) => {
  if (text === "") return [];
  if (!slots) return text === FIRST.prompt ? EXAMPLE.tokens : null;
  return slots.tokens(text).catch(() => []); // the answer says what is wrong
};
const noken = new NokenView(store),
  views = [noken, new BetweenView(store), new MapView(store)];
const row = new PromptRow(store, cut, () => noken.now());
tabs(store);
new NokenMenu(store);
noken.showExample(EXAMPLE);
part("examples").append(
  ...EXAMPLES.map(([text, state]) => make("a", { href: write({ ...FIRST, ...state }) || "#" }, text)),
);
keepLink();
begin();

/** The state of the address; where there is none, a word and the state as it is. */
function openLink() {
  const wrong = part("wrong-link");
  try {
    store.set(read(location.hash));
    wrong.hidden = true;
  } catch ({ message }) {
    store.set(FIRST);
    say(wrong, `This link is broken: ${message}. Here is the page as it begins.`);
    wrong.hidden = false;
  }
}

/** The address follows the state, and the state an address that is typed in. */
function keepLink() {
  const keep = onceAtRest(200, () =>
    history.replaceState(null, "", write(store.state) || location.pathname + location.search),
  );
  store.on(Object.keys(FIRST), keep);
  window.addEventListener("hashchange", openLink);
  part("copy").onclick = async () => {
    const address = new URL(write(store.state) || "#", location.href).href;
    const copied = await navigator.clipboard?.writeText(address).then(
      () => true,
      () => false,
    );
    say(part("copied"), copied ? "copied" : "the address of this page is the link");
  };
}

async function begin() {
  const { engine, loaded } = await loadEngine(() => new Engine());
  slots = new Slots(engine, loaded.medianNorm);
  const told = ({ steps, seconds } = {}) => sayEngine(loaded, steps / seconds, engine.ended);
  told();
  await row.read();
  for (const view of views) view.start(slots, loaded, told);
}
