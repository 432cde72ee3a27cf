// Elements of the page. Texts are put in as text, never as HTML.

/**
 * An element: what it has as properties is set so, anything else is an attribute; then what is in it.
 * @param {string} tag @param {Object<string, any>} [about] @param {...(Node | string)} inside
 */
export function make(tag, about = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...inside);
  return made;
}

/** Set a text if it is another one. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The element of the page with an id. @param {string} id @returns {any} */
export const part = (id) => document.getElementById(id);

/** One call a frame, however often it is asked for. @param {() => void} job */
export function onceAFrame(job) {
  let frame = null;
  return () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      job();
    });
  };
}

/** One call once nothing was asked for `time` milliseconds. @param {() => void} job */
export function onceAtRest(time, job) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(job, time);
  };
}

/**
 * Arrow keys go from one of some elements to the next; one of them can be reached by Tab.
 * @param {HTMLElement} box
 */
export function arrowKeys(box, selector, moved = () => {}) {
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const all = [...box.querySelectorAll(selector)],
      at = all.indexOf(event.target);
    if (!step || at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = all[(at + step + all.length) % all.length];
    moved(next);
    (next.isConnected ? next : box.querySelector(`${selector}[tabindex="0"]`))?.focus();
  });
}
