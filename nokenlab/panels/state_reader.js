// A prompt's hidden states, layer by token: what each says when it is read out, and what lies between two says.

/**
 * What does not change, and the table, from state_reader_view.py. Cells are numbered by layer, then token.
 * @typedef {Object} View
 * @property {string} before  what is asked, ▢ for the state
 * @property {string[]} tokens
 * @property {number} layers  and one: the last row is what leaves the last layer
 * @property {{name: string, tip: string}[]} readings
 *
 * @typedef {Object} Cells
 * @property {string} reading  the way in which these were read out
 * @property {[string, number][][]} leading  of each cell: the likeliest next tokens and their probabilities
 * @property {number[]} norm  of what was put into the prompt
 *
 * What is on show: a cell [layer, token], or p of the way to another one.
 * @typedef {{reading: string, from: number[], to: ?number[], p: number, way: string}} Place
 */

const PLAY = 6000; // milliseconds from one state to the other
const STEPS = 20; // of the slider
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** A select with a label. */
function choice(name, options, chosen) {
  const label = element("label", "nk-state-label", name), select = element("select");
  select.append(...options.map(({ name: text, tip }) => Object.assign(element("option", "", text), { title: tip })));
  select.onchange = () => chosen(select.value);
  label.append(select);
  return { label, select };
}

/** A reader, its parts and the place that is on show. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    this.view = model.get("view");
    this.place = model.get("place");
    el.classList.add("nk", "nk-state");
    const frame = element("div", "nk-state-frame");
    frame.append(this.buildTable());
    el.append(this.buildPage(), frame);
    ownKeys(el);
    model.on("change:answer", () => this.tell());
    model.on("change:cells", () => { this.paint(); this.tell(); });
    this.paint();
    this.tell();
  }

  // - the parts

  buildPage() {
    const page = element("div", "nk-state-page"), answer = element("div", "nk-answer");
    this.where = element("div", "nk-quiet nk-place");
    this.text = element("span", "nk-text");
    this.text.dir = "auto";
    this.cursor = element("span", "", "▌");
    this.cursor.ariaHidden = "true";
    answer.append(element("span", "nk-before", this.view.before), this.text, this.cursor);
    this.source = element("div", "nk-quiet nk-source");
    this.bars = element("div", "nk-bars");
    this.status = element("div", "nk-state-unseen");
    this.status.setAttribute("role", "status");
    const how = `Read out ${this.place.reading}. Click a cell, or move by arrows and press Enter.`;
    page.append(...(this.live ? this.buildControls() : [element("div", "nk-quiet", how)]));
    page.append(this.where, answer, this.source, this.bars, this.status);
    return page;
  }

  buildControls() {
    const read = element("div", "nk-state-row"), slide = element("div", "nk-state-row");
    this.reading = choice("read out", this.view.readings, (reading) => this.put({ reading }));
    this.way = choice("way", this.model.get("ways"), (way) => this.put({ way }));
    this.aim = button("Slide to…", () => this.aimAt(this.aim.ariaPressed !== "true"), "then choose another cell");
    this.aimAt(false);
    this.player = new Player("Play", "slide by itself", PLAY, (step) => this.put({ p: step / STEPS }));
    this.player.range.max = STEPS;
    const label = element("label", "nk-state-slider", "p");
    label.append(this.player.range);
    read.append(this.reading.label);
    slide.append(this.aim, this.way.label, this.player.button, label);
    const how = "Click a cell, or move by arrows and press Enter: read that state out. Drag it onto another cell, or press"
      + " “Slide to…” and choose one: slide from state to state.";
    return [read, slide, element("div", "nk-quiet", how)];
  }

  buildTable() {
    const { view } = this, table = element("table"), head = element("tr");
    table.ariaLabel = "hidden states: rows are layers, columns tokens";
    head.append(element("th", "", "layer"), ...view.tokens.map((token) => element("th", "", token)));
    table.append(head);
    this.cells = [];
    for (let layer = 0; layer < view.layers; layer++) {
      const row = element("tr");
      row.append(element("th", "", layer < view.layers - 1 ? String(layer) : "out"));
      view.tokens.forEach((_, token) => row.append(this.buildCell([layer, token])));
      table.append(row);
    }
    return table;
  }

  buildCell(cell) {
    const outside = element("td"), inside = button("", () => this.choose(cell));
    inside.onkeydown = (event) => this.move(event, cell);
    inside.onpointerdown = (event) => { this.held = event.pointerType === "mouse" ? cell : null; };
    inside.onpointerup = () => {
      if (this.held && !same(this.held, cell)) this.slide(this.held, cell);
      this.held = null;
    };
    outside.append(inside);
    this.cells.push(inside);
    return outside;
  }

  // - what happens

  choose(cell) {
    if (this.aim?.ariaPressed === "true") this.slide(this.place.from, cell);
    else this.put({ from: cell, to: null, p: 0 });
  }

  slide(from, to) {
    if (!this.live || same(from, to)) return;
    this.aimAt(false);
    this.put({ from, to, p: 0 });
  }

  /** Whether the cell that is chosen next is where to slide to. */
  aimAt(on) { this.aim.ariaPressed = String(on); }

  move(event, [layer, token]) {
    const by = ARROWS[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const row = layer + by[0], column = token + by[1];
    const inside = row >= 0 && column >= 0 && row < this.view.layers && column < this.view.tokens.length;
    if (inside) this.cells[this.number([row, column])].focus();
  }

  number([layer, token]) { return layer * this.view.tokens.length + token; }

  /** Show another place, and ask what is said there. */
  put(change) {
    this.place = { ...this.place, ...change };
    if (change.from) this.player?.pause();
    this.model.set("place", this.place);
    this.model.save_changes();
    this.paint();
    this.tell();
  }

  // - what is seen

  /** Where a cell is, in words. */
  named([layer, token]) {
    const where = layer < this.view.layers - 1 ? `what enters layer ${layer}` : "what leaves the last layer";
    return `${where} at “${this.view.tokens[token]}”`;
  }

  /** The table. */
  paint() {
    const { from, to, p } = this.place, { leading } = this.model.get("cells"), many = this.view.tokens.length;
    this.cells.forEach((cell, i) => {
      const [token, probability] = leading[i][0];
      say(cell, token);
      cell.style.setProperty("--p", `${(100 * probability).toFixed(0)}%`);
      cell.title = `${this.named([Math.floor(i / many), i % many])}: ${token} ${probability.toFixed(3)}`;
      cell.ariaLabel = cell.title;
      cell.tabIndex = i === this.number(from) ? 0 : -1;
      cell.classList.toggle("nk-state-from", i === this.number(from));
      cell.classList.toggle("nk-state-to", Boolean(to) && i === this.number(to));
    });
    if (!this.live) return;
    this.player.range.disabled = this.player.button.disabled = this.way.select.disabled = !to;
    this.player.range.value = Math.round(p * STEPS);
  }

  /** What is known of this place: from the kernel, or its first token from the table. */
  known() {
    const answer = this.model.get("answer"), cells = this.model.get("cells"), { from, to, p, reading } = this.place;
    if (answer && same(answer.place, this.place)) return answer;
    const end = p === 0 ? from : p === 1 ? to : null;
    if (!end || cells.reading !== reading) return null;
    const i = this.number(end), leading = cells.leading[i];
    return { text: leading[0][0].replaceAll("␣", " "), leading, norm: cells.norm[i], nearest: [], going: false };
  }

  tell() {
    const known = this.known(), { from, to, p } = this.place;
    say(this.where, to ? `p = ${p} of the way from ${this.named(from)} to ${this.named(to)}` : this.named(from));
    this.cursor.hidden = Boolean(known) && !known.going;
    if (!known) return;
    say(this.text, known.text);
    const near = known.nearest.map(([token, cosine]) => `\u2068${token}\u2069 ${cosine.toFixed(2)}`).join(", ");
    const into = Number.isInteger(known.into) ? `put into layer ${known.into} · ` : "";
    say(this.source, `${into}norm ${known.norm.toFixed(1)}${near && ` · nearest tokens by cosine: ${near}`}`);
    this.bars.replaceChildren(...known.leading.flatMap(([token, probability]) => {
      const bar = element("div", "nk-bar");
      bar.style.width = `${100 * probability}%`;
      return [element("span", "nk-token", token), element("span", "nk-number", probability.toFixed(3)), bar];
    }));
    if (!known.going) say(this.status, `${this.where.textContent}: ${known.text}`);
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.player?.pause();
  },
};
