// In a page without a kernel: shows the panel whose state and module lie beside this script.
(async (box) => {
  const inlined = (kind) => box.querySelector(`:scope > script[type="${kind}"]`).textContent;
  const state = JSON.parse(inlined("application/json"));
  const address = URL.createObjectURL(new Blob([inlined("text/plain")], { type: "text/javascript" }));
  const { default: face, PageModel } = await import(address);
  const el = box.appendChild(document.createElement("div"));
  await face.render({ model: new PageModel(state), el });
  box.querySelector(":scope > .nk-still").hidden = true;
})(document.currentScript.parentElement);
