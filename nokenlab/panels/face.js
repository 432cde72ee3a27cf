// In a page without a kernel: shows the panel whose state and module lie beside this script.
(async (box) => {
  const inlined = (kind) => box.querySelector(`:scope > script[type="${kind}"]`).textContent;
  const state = JSON.parse(inlined("application/json"));
  const address = URL.createObjectURL(new Blob([inlined("text/plain")], { type: "text/javascript" }));
  const { default: face, PageModel } = await import(address);
  const el = box.appendChild(document.createElement("div"));
  const columns = box.closest(".nk-beside"); // panels of several models, see columns.py
  const changed = (key) => state.shared?.includes(key) &&
    columns?.dispatchEvent(new CustomEvent("nk-change", { detail: { key, value: state[key] } }));
  const model = new PageModel(state, { changed });
  columns?.addEventListener("nk-change", ({ detail: { key, value } }) => model.set(key, value));
  await face.render({ model, el });
  box.querySelector(":scope > .nk-still").hidden = true;
})(document.currentScript.parentElement);
