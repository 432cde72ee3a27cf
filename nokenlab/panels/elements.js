// What the faces share; face.py puts it before each of them.

/** An element with a class and a text. */
function element(tag, kind = "", text = "") {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

/** A button that does something when it is pressed. */
function button(text, pressed, title = "") {
  const made = Object.assign(element("button", "nk-button", text), { type: "button", title });
  made.onclick = pressed;
  return made;
}

/** Set a text if it is another one. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Arrows and Enter are the parts' own, not JupyterLab's, which looks at what has the focus. */
function ownKeys(el) {
  const parts = el.querySelectorAll("canvas, input, select, button");
  parts.forEach((part) => { part.dataset.lmSuppressShortcuts = "true"; });
}

/** Show a progress bar for [done, of], and none while `of` is 0. */
function showProgress(bar, [done, of]) {
  bar.classList.toggle("nk-going", of > 0);
  bar.max = of || 1;
  bar.value = done;
}

