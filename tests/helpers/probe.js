// The smallest face: a button that adds one to `count`, beside the state's text.
export default {
  render({ model, el }) {
    const button = document.createElement("button"), text = document.createElement("span");
    const show = () => { button.textContent = `${model.get("name")} ${model.get("count")}`; };
    button.onclick = () => {
      model.set("count", model.get("count") + 1);
      model.save_changes();
      model.send({ pressed: model.get("count") });
    };
    model.on("change:count", show);
    text.className = "probe-text";
    text.textContent = model.get("text");
    el.append(button, text);
    show();
  },
};
