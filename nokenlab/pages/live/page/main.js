// The page: its state, the views that show it, and the engine that answers.

import { BetweenView } from "./between.js";
import { debounced, make, part, say } from "./dom.js";
import { Engine } from "./engine.js";
import { EXAMPLE, EXAMPLES } from "./examples.js";
import { read, write } from "./link.js";
import { MapView } from "./map.js";
import { NokenMenu } from "./noken_menu.js";
import { NokenView } from "./noken_view.js";
import { PromptRow } from "./prompt_row.js";
import { Slots } from "./slots.js";
import { FIRST, Store } from "./state.js";
import { loadEngine, showEngine } from "./status_line.js";
import { tabs } from "./tabs.js";

const SETTLED = 500; // milliseconds without a change after which a state is one to come back to

part("stuck").remove();
const store = new Store(FIRST);
openLink();

let slots = null; // until the model is loaded
const split = async (text) => {
  if (text === "") return [];
  if (!slots) return text === FIRST.prompt ? EXAMPLE.tokens : null;
  return slots.tokens(text).catch(() => []); // the answer says what is wrong
};
const noken = new NokenView(store),
  views = [noken, new BetweenView(store), new MapView(store)],
  row = new PromptRow(store, split, () => noken.now());
tabs(store);
new NokenMenu(store);
noken.showExample(EXAMPLE);
const link = (text, state) => make("a", { href: write({ ...FIRST, ...state }) || "#" }, text);
part("examples").append(...EXAMPLES.map(([text, state]) => link(text, state)));
keepLink();
start();

/** What stands behind the page's address for the state. */
function address() {
  return write(store.state) || location.pathname + location.search;
}

/** Read the state from the address; where that fails, show why and the first state. */
function openLink() {
  const wrong = part("wrong-link");
  try {
    store.set(read(location.hash));
    wrong.hidden = true;
  } catch ({ message }) {
    store.set(FIRST);
    say(wrong, `This link is broken: ${message}. The page is shown as at the start.`);
    wrong.hidden = false;
  }
  history.replaceState(null, "", address());
}

/** The address follows the state, a step of the browser's history at a time, and the state the address. */
function keepLink() {
  const keep = () => write(store.state) !== location.hash && history.pushState(null, "", address());
  store.on(Object.keys(FIRST), debounced(SETTLED, keep));
  window.addEventListener("hashchange", openLink);
  part("copy").onclick = async () => {
    const address = new URL(write(store.state) || "#", location.href).href;
    try {
      await navigator.clipboard.writeText(address);
      say(part("copied"), "copied");
    } catch {
      say(part("copied"), "not copied: the address of this page is the link"); // as on a page without https
    }
  };
}

async function start() {
  const { engine, loaded } = await loadEngine(() => new Engine());
  slots = new Slots(engine, loaded.medianNorm);
  const showSpeed = ({ steps, seconds } = {}) => showEngine(loaded, steps / seconds, engine.cancelled);
  showSpeed();
  await row.read();
  for (const view of views) view.start(slots, loaded, showSpeed);
}
