// The smallest face: a button that adds one to `count`, beside the state's text.
export default {
  render({ model, el }) {
    const press = button("", () => {
      model.set("count", model.get("count") + 1);
      model.save_changes();
      model.send({ pressed: model.get("count") });
    });
    const show = () => say(press, `${model.get("name")} ${model.get("count")}`);
    model.on("change:count", show);
    el.append(press, element("span", "probe-text", model.get("text")));
    show();
  },
};
