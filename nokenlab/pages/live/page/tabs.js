// The views of the page, one at a time.

import { arrowKeys, part } from "./dom.js";
import { EXAMPLES } from "./examples.js";
import { FIRST } from "./state.js";

const MAP = EXAMPLES.at(-1)[1]; // its prompt, where nobody has written one: answers differ more

/** @param {import("./state.js").Store} store */
export function tabs(store) {
  const box = part("tabs"),
    all = [...box.children];
  const open = ({ dataset: { view } }) => store.set(view === "map" && store.state.prompt === FIRST.prompt ? MAP : { view });
  box.onclick = ({ target }) => target.dataset.view && open(target);
  arrowKeys(box, "[role=tab]", open);
  store.follow(["view"], ({ view }) => {
    for (const tab of all) {
      const selected = tab.dataset.view === view;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      part(tab.getAttribute("aria-controls")).hidden = !selected;
    }
    part("prompt-row").hidden = view === "between";
  });
}
