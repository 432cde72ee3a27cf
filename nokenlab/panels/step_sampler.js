// The decode loop by hand: what the model chooses from at each step, and the steps that were taken.

const HELP = "Click a token to force it. Full bar: the model's probability. Hollow bar: the chance of being drawn after "
  + "temperature, top-k and top-p. A click on a step goes back to it.";

class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    el.classList.add("nk", "nk-sampler");
    this.answer = new Answer();
    this.path = element("div", "nk-chips");
    arrowKeys(this.path, "button");
    this.bars = new Bars(this.live ? (index) => this.take("forced", this.model.get("shown").choices[index][3]) : undefined);
    const help = element("div", "nk-quiet", this.live ? HELP : "The likeliest next tokens:");
    el.append(...(this.live ? this.buildForm() : []), this.answer.box, answerTools(this.answer, element("div")), this.path, help, this.bars.box);
    keepKeys(el);
    model.on("change:shown", () => this.show());
    this.show();
  }

  take(kind, number = null) { this.model.send({ take: [kind, number] }); }

  buildForm() {
    const { temperature, top_k, top_p, seed } = this.model.get("settings"), { model } = this;
    const prompt = this.prompt = field("prompt", model.get("shown").prompt);
    prompt.onchange = () => prompt.value !== model.get("shown").prompt && model.send({ prompt: prompt.value });
    const numbers = { type: "number", min: 0, step: 1 };
    const draw = field("draw seed", seed, numbers), noken = field("noken seed", 0, numbers);
    draw.onchange = () => model.send({ set: { seed: Number(draw.value) } });
    this.undo = button("Undo", () => model.send({ undo: true }), "take back what was done last, an edit of the prompt too");
    return [
      row(labelled("prompt", prompt, "nk-wide"), button("Restart", () => model.send({ back: 0 }), "take no steps")),
      row(this.slider("temperature", "temperature", temperature, 0.1, 3, 0.1), this.slider("top-k", "top_k", top_k, 1, 100, 1),
        this.slider("top-p", "top_p", top_p, 0.05, 1, 0.05)),
      row(button("Likeliest", () => this.take("likeliest"), "take the likeliest token"),
        button("Draw", () => this.take("drawn"), "draw a token by the chances below, another one each time"),
        this.undo, labelled("draw seed", draw),
        button("Feed noken", () => this.take("noken", Number(noken.value)), "feed a random noken"), labelled("noken seed", noken)),
      noteLine(model),
    ];
  }

  slider(label, key, value, min, max, step) {
    const slider = labelledRange(label, 2, 0, () => {
      say(slider.readout, slider.range.value);
      this.model.send({ set: { [key]: Number(slider.range.value) } });
    });
    Object.assign(slider.range, { min, max: Math.max(max, value), step, value });
    say(slider.readout, String(value));
    return slider.label;
  }

  show() {
    const { prompt, before, text, path, choices, past } = this.model.get("shown");
    const columns = [0, 1, 2].map((column) => choices.map((choice) => choice[column]));
    say(this.answer.before, before);
    this.answer.show(text, true);
    this.path.replaceChildren(...path.map(([token, about], i) => this.step(token, about, i, path.length)));
    this.bars.show(columns[0], columns[1], { chances: this.live ? columns[2] : null });
    if (!this.live) return;
    this.undo.disabled = !past;
    if (document.activeElement !== this.prompt) this.prompt.value = prompt;
  }

  /** A step that was taken. */
  step(token, about, index, count) {
    const chip = make("button", { className: "nk-chip", type: "button", disabled: !this.live, title: `go back to step ${index + 1}` },
      token, element("small", "", about));
    chip.tabIndex = index === count - 1 ? 0 : -1;
    chip.onclick = () => this.model.send({ back: index + 1 });
    return chip;
  }
}

export default { render({ model, el }) { new Face(model, el); } };
