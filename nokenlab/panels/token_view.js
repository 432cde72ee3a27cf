// A box to type in, and the tokens of what is typed, framed by the kernel as the notebook frames them.

export default {
  render({ model, el }) {
    const frames = element("div"), show = () => { frames.innerHTML = model.get("frames"); }; // escaped there
    el.classList.add("nk");
    if (model.get("live")) {
      const box = field("text", model.get("text"), { rows: 3 }, [], "textarea");
      box.oninput = () => { model.set("text", box.value); model.save_changes(); };
      el.append(labelled("text", box, "nk-wide"), noteLine(model));
    }
    el.append(frames);
    keepKeys(el);
    model.on("change:frames", show);
    show();
  },
};
