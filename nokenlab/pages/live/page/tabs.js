// The views of the page, one at a time.

import { arrowKeys, part } from "./dom.js";

/** @param {import("./state.js").Store} store */
export function tabs(store) {
  const box = part("tabs"),
    all = [...box.children];
  box.onclick = ({ target }) => target.dataset.view && store.set({ view: target.dataset.view });
  arrowKeys(box, "[role=tab]", (tab) => store.set({ view: tab.dataset.view }));
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
