// In a page with no kernel: the state that lies beside this script, and a stand-in for anywidget's model over it.
(async (box) => {
  const inlined = (kind) => box.querySelector(`:scope > script[type="${kind}"]`).textContent;
  const state = JSON.parse(inlined("application/json"));
  const heard = {}; // event -> the functions to call
  const model = {
    get: (key) => state[key],
    set(key, value) {
      if (state[key] === value) return;
      state[key] = value;
      (heard[`change:${key}`] ?? []).forEach((callback) => callback());
    },
    on: (event, callback) => { (heard[event] ??= []).push(callback); },
    off: (event, callback) => { heard[event] = (heard[event] ?? []).filter((other) => other !== callback); },
    save_changes() {},
    send() {},
  };
  const address = URL.createObjectURL(new Blob([inlined("text/plain")], { type: "text/javascript" }));
  const { default: face } = await import(address);
  const el = box.appendChild(document.createElement("div"));
  await face.render({ model, el });
  box.querySelector(":scope > .nk-still").hidden = true;
})(document.currentScript.parentElement);
