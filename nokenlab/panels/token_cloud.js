// Every token as a point on the plane where tokens differ most: dragged, zoomed, searched, picked, joined by lines.

const CLOSE = 12; // pixels from a point within which a press means it
const NAMED = 50; // points in sight that are all named
const MATCHES = 12, MARKED = 1000; // of a search that are listed, and seen in the cloud
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = "Drag the cloud; zoom with + and −, or with the wheel once it is clicked; click a point to pick it.";

class Face {
  constructor(model, el) {
    Object.assign(this, { model, el, live: model.get("live"), corners: [], matches: [], picked: null, hovered: null });
    Object.assign(this, this.start = { zoom: model.get("zoom"), x: 0, y: 0 });
    this.names = model.get("names").split("\n");
    this.nokens = [...this.names.keys()].slice(model.get("count")); // they come after the tokens
    const bytes = Uint8Array.from(atob(model.get("points")), (letter) => letter.charCodeAt(0));
    this.points = new Int16Array(bytes.buffer); // x and y of each, -32767 to 32767
    this.draw = oncePerFrame(() => this.drawNow());
    el.classList.add("nk", "nk-cloud");
    el.append(...this.buildSearch(), this.buildCanvas(), ...this.buildAnswer());
    keepKeys(el);
    for (const key of ["picked", "prompt"]) model.on(`change:${key}`, () => this.showPicked());
    this.watchers = [new ResizeObserver(this.draw), new MutationObserver(this.draw)];
    this.watchers[0].observe(this.canvas);
    this.watchers[1].observe(document.body, { attributeFilter: ["data-jp-theme-light"] }); // other colours
  }

  // - the parts

  buildSearch() {
    const search = field("search", ""), list = this.list = element("div", "nk-chips");
    search.oninput = debounced(100, () => this.search(search.value));
    search.onchange = () => { this.search(search.value); if (this.matches.length) this.pick(this.matches[0]); };
    arrowKeys(list, "button");
    const zoom = (text, factor) => button(text, () => this.zoomBy(factor), "zoom");
    const all = button("All", () => { Object.assign(this, this.start); this.draw(); }, "see all tokens");
    const about = element("div", "nk-quiet", this.model.get("about"));
    return [about, row(labelled("search", search, "nk-wide"), zoom("+", 1.5), zoom("−", 1 / 1.5), all), list];
  }

  buildCanvas() {
    const ariaLabel = "All tokens: arrow keys move the cloud, + and − zoom; the box above picks a token";
    const canvas = this.canvas = make("canvas", { tabIndex: 0, role: "application", ariaLabel });
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.dragged = { x: event.clientX, y: event.clientY, far: false };
    };
    canvas.onpointermove = (event) => this.pointAt(event);
    canvas.onpointerup = () => {
      if (this.dragged && !this.dragged.far && this.hovered !== null) this.pick(this.hovered);
      this.dragged = null;
    };
    canvas.onpointerleave = () => { this.hovered = null; this.draw(); };
    canvas.onwheel = (event) => {
      if (document.activeElement !== canvas) return; // the page scrolls
      event.preventDefault();
      this.zoomBy(1.0015 ** -event.deltaY, event);
    };
    canvas.onkeydown = (event) => {
      const [dx, dy] = KEYS[event.key] ?? [0, 0], factor = { "+": 1.5, "-": 1 / 1.5 }[event.key];
      if (!dx && !dy && !factor) return;
      event.preventDefault();
      event.stopPropagation();
      if (factor) this.zoomBy(factor);
      else this.moveBy(-40 * dx, -40 * dy);
    };
    return canvas;
  }

  buildAnswer() {
    this.answer = new Answer();
    this.answer.box.hidden = true; // until a point is picked
    this.details = element("div", "nk-quiet nk-place");
    this.near = new Bars((index) => this.pick(this.model.get("picked").near[index][0]));
    this.chosen = element("div", "nk-row");
    const parts = [element("div", "nk-quiet", HELP), this.details];
    if (!this.live) return parts;
    const prompt = this.prompt = field("prompt", this.model.get("prompt"));
    prompt.onchange = () => this.model.send({ prompt: prompt.value });
    this.join = button("Add to the line", () => this.addCorner(), "two tokens make a line, three a triangle");
    this.open = button("", () => this.model.send({ open: this.corners }));
    const clear = button("Clear", () => { this.corners = []; this.showCorners(); }, "no line");
    this.showCorners();
    const tools = answerTools(this.answer, this.details, () => this.picked, (picked) => this.goTo(picked));
    return [...parts, noteLine(this.model), row(labelled("prompt", prompt, "nk-wide")), this.answer.box, tools,
      row(this.join, this.chosen, this.open, clear), element("div", "nk-quiet", "Nearest tokens, by cosine:"), this.near.box];
  }

  // - what happens

  /** Pixels of the canvas per unit of a point. */
  get scale() { return this.zoom * Math.min(this.canvas.width, this.canvas.height) / 65534 * 0.96; }

  /** Where a point is drawn, in pixels of the canvas. */
  pixel(i) {
    const { canvas, points, scale } = this;
    return [canvas.width / 2 + (points[2 * i] - this.x) * scale, canvas.height / 2 - (points[2 * i + 1] - this.y) * scale];
  }

  pointAt({ clientX, clientY }) {
    const { dragged } = this;
    if (dragged) {
      dragged.far ||= Math.hypot(clientX - dragged.x, clientY - dragged.y) > 4;
      if (!dragged.far) return;
      this.moveBy(clientX - dragged.x, clientY - dragged.y);
      return Object.assign(dragged, { x: clientX, y: clientY });
    }
    this.hovered = this.nearestTo(clientX, clientY);
    this.draw();
  }

  /** The point nearest to one of the page, or null. */
  nearestTo(clientX, clientY) {
    const { left, top } = this.canvas.getBoundingClientRect(), { points, scale } = this;
    const x = this.x + ((clientX - left) * devicePixelRatio - this.canvas.width / 2) / scale;
    const y = this.y - ((clientY - top) * devicePixelRatio - this.canvas.height / 2) / scale;
    let best = null, least = (CLOSE * devicePixelRatio / scale) ** 2;
    for (let i = 0; i < points.length; i += 2) {
      const distance = (points[i] - x) ** 2 + (points[i + 1] - y) ** 2;
      if (distance <= least) [least, best] = [distance, i / 2]; // of equals the last: nokens come last
    }
    return best;
  }

  /** Move the cloud by pixels of the page. */
  moveBy(dx, dy) {
    this.x -= dx * devicePixelRatio / this.scale;
    this.y += dy * devicePixelRatio / this.scale;
    this.draw();
  }

  isSeen(i) {
    const [x, y] = this.pixel(i);
    return x > 0 && y > 0 && x < this.canvas.width && y < this.canvas.height;
  }

  /** Move the cloud so that a point is in the middle. */
  centre(i) { [this.x, this.y] = this.points.subarray(2 * i, 2 * i + 2); }

  /** Zoom about a point of the page, by default the middle, where what is picked comes to be. */
  zoomBy(factor, { clientX, clientY } = {}) {
    if (clientX === undefined && this.picked !== null && this.isSeen(this.picked)) this.centre(this.picked);
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const dx = clientX === undefined ? 0 : clientX - left - width / 2, dy = clientX === undefined ? 0 : clientY - top - height / 2;
    this.moveBy(-dx, -dy);
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.5), 5000);
    this.moveBy(dx, dy);
  }

  search(text) {
    const wanted = text.trim().toLowerCase(), plain = (i) => this.names[i].replaceAll("␣", "").toLowerCase();
    this.matches = wanted ? [...this.names.keys()].filter((i) => plain(i).includes(wanted)) : [];
    const same = (i) => this.names[i].replaceAll("␣", "") === text.trim(), isWord = (i) => this.names[i].startsWith("␣");
    const rank = (i) => 4 * this.nokens.includes(i) + 2 * same(i) + isWord(i); // of tokens of equal length
    this.matches.sort((i, j) => plain(i).length - plain(j).length || rank(j) - rank(i) || i - j);
    this.list.replaceChildren(...this.matches.slice(0, MATCHES).map((i) => {
      const chip = button(this.names[i], () => this.pick(i));
      chip.className = "nk-chip";
      return chip;
    }), element("span", "nk-quiet", wanted && `${this.matches.length.toLocaleString("en")} tokens have it`));
    this.draw();
  }

  pick(i) {
    if (this.picked !== null) this.answer.keepChoice();
    this.goTo(i);
  }

  goTo(i) {
    if (!this.isSeen(i)) this.centre(i);
    this.picked = i;
    if (this.live) this.model.send({ pick: i });
    this.showPicked();
  }

  addCorner() {
    if (this.picked === null) return;
    this.corners = [...this.corners.filter((i) => i !== this.picked), this.picked].slice(-3);
    this.showCorners();
  }

  // - what is seen

  showCorners() {
    this.chosen.replaceChildren(this.corners.map((i) => this.names[i]).join(" — "));
    say(this.open, this.corners.length > 2 ? "Open the map" : "Open the slider");
    this.open.disabled = this.corners.length < 2;
    this.draw();
  }

  showPicked() {
    const answer = this.model.get("picked"), isAnswered = this.picked !== null && answer.point === this.picked;
    say(this.details, this.picked === null ? "" : `“${this.names[this.picked]}”`);
    this.answer.box.hidden = !isAnswered;
    if (isAnswered) {
      this.details.append(` · norm ${answer.norm.toFixed(2)} · ${answer.off.toFixed(2)} off this plane`);
      say(this.answer.before, answer.before);
      this.answer.show(answer.text, answer.running);
      this.near.show(answer.near.map(([i]) => this.names[i]), answer.near.map(([, cosine]) => cosine), { digits: 2 });
    }
    this.draw();
  }

  drawNow() {
    const { canvas } = this, [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
    if (!width) return;
    const pen = this.pen = canvas.getContext("2d");
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (this.picture?.width !== width || this.picture.height !== height) this.picture = pen.createImageData(width, height);
    const seen = this.drawPoints(width, height);
    const style = getComputedStyle(this.el), answer = this.model.get("picked"), near = answer.point === this.picked ? answer.near : [];
    Object.assign(pen, { font: `${13 * devicePixelRatio}px system-ui, sans-serif`, strokeStyle: style.color, lineWidth: devicePixelRatio });
    this.lines(near.map(([i]) => [this.picked, i]));
    this.lines(this.corners.map((i, k, all) => [i, all[(k + 1) % all.length]]), [6, 5]);
    const named = new Set([...(seen.length <= NAMED ? seen : []), ...near.map(([i]) => i), ...this.nokens, ...this.corners]);
    Object.assign(pen, { fillStyle: style.color, lineWidth: 3 * devicePixelRatio, lineJoin: "round" });
    pen.strokeStyle = style.getPropertyValue("--jp-layout-color0") || style.getPropertyValue("--ground") || "#fff"; // behind names
    pen.setLineDash([]);
    this.labels = []; // where names stand
    for (const i of named) this.mark(i, this.nokens.includes(i) ? "▢ " : "", true);
    pen.fillStyle = style.getPropertyValue("--nk-noken");
    for (const i of this.matches.slice(0, MARKED)) this.mark(i, "", false);
    this.labels = []; // these two are named in any case
    for (const i of [this.picked, this.hovered]) if (i !== null) this.mark(i, "", true);
  }

  /** All points as one picture, since there are hundreds of thousands. Returns those in sight, at most one more than are named. */
  drawPoints(width, height) {
    const { points, scale, pen, picture } = this, shades = new Uint32Array(picture.data.buffer).fill(0);
    const [red, green, blue] = getComputedStyle(this.el).getPropertyValue("--nk-line").match(/\w\w/g).map((part) => parseInt(part, 16));
    const colour = red | green << 8 | blue << 16, size = Math.round(devicePixelRatio * Math.min(1 + Math.log2(Math.max(this.zoom, 1)) / 2, 4)), seen = [];
    const left = width / 2 - this.x * scale, top = height / 2 + this.y * scale;
    for (let i = 0; i < points.length; i += 2) {
      const x = left + points[i] * scale | 0, y = top - points[i + 1] * scale | 0;
      if (x < 0 || y < 0 || x >= width - size || y >= height - size) continue;
      if (seen.length <= NAMED) seen.push(i / 2);
      for (let row = y; row < y + size; row++) {
        for (let at = row * width + x, end = at + size; at < end; at++) shades[at] = Math.min(255, (shades[at] >>> 24) + 90) << 24 | colour;
      }
    }
    pen.putImageData(picture, 0, 0);
    return seen;
  }

  /** Lines between pairs of points. */
  lines(pairs, dash = []) {
    this.pen.beginPath();
    for (const [i, j] of pairs) {
      this.pen.moveTo(...this.pixel(i));
      this.pen.lineTo(...this.pixel(j));
    }
    this.pen.setLineDash(dash.map((length) => length * devicePixelRatio));
    this.pen.stroke();
  }

  /** A point as a dot, with its name where it hides no other. */
  mark(i, sign, isNamed) {
    const [x, y] = this.pixel(i), size = devicePixelRatio;
    this.pen.fillRect(x - 2 * size, y - 2 * size, 4 * size, 4 * size);
    if (!isNamed || this.labels.some(([left, top]) => Math.abs(left - x) < 60 * size && Math.abs(top - y) < 14 * size)) return;
    this.labels.push([x, y]);
    for (const write of ["strokeText", "fillText"]) this.pen[write](sign + this.names[i], x + 5 * size, y - 4 * size);
  }
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.watchers.forEach((watcher) => watcher.disconnect());
  },
};
