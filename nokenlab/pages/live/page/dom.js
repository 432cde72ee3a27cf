// Elements of the page. Texts are inserted as text, never as HTML.

export { say } from "./faces/elements.js";

/**
 * An element: its properties and attributes, then what is in it.
 * @param {string} tag @param {Object<string, any>} [settings] @param {...(Node | string)} content
 */
export function make(tag, settings = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

/** The element of the page with an id. @param {string} id @returns {any} */
export const part = (id) => document.getElementById(id);

/** A function that does a job at most once per frame. @param {() => void} job */
export function oncePerFrame(job) {
  let frame = null;
  return () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      job();
    });
  };
}

/** A function that does a job when it was not called again for `time` milliseconds. @param {() => void} job */
export function debounced(time, job) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(job, time);
  };
}

/**
 * Arrow keys move the focus among the elements of a box that match `selector`; `moved` hears of each move.
 * @param {HTMLElement} box
 */
export function arrowKeys(box, selector, moved = () => {}) {
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key],
      all = [...box.querySelectorAll(selector)],
      at = all.indexOf(event.target);
    if (!step || at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = all[(at + step + all.length) % all.length];
    moved(next);
    (next.isConnected ? next : box.querySelector(`${selector}[tabindex="0"]`))?.focus();
  });
}
