// The map of answers: a noken is dragged over it by mouse, touch or arrow keys, with its answer beside the map.

/**
 * A point [x, y] of the plane, in distances of the embedding space.
 * @typedef {[number, number]} Place
 *
 * A column with each different text once: text[of[i]] is that of cell i.
 * @typedef {{text: string[], of: number[]}} Coded
 *
 * The map, from territories.py. Tokens are spelled for people. Cells are numbered from the lower left, x first;
 * their centres run from -reach to reach, `side` of them in each direction.
 * @typedef {Object} Territories
 * @property {string} [prompt]  where it can be edited
 * @property {string} before  the prompt before the noken
 * @property {string} after  and after it
 * @property {{label: string, x: number, y: number, note: string}[]} corners
 * @property {number} reach
 * @property {number} side
 * @property {{letter: string, colour: string, corner: string, begins: string}[]} territories
 * @property {number[]} territory  of each cell, an index of `territories`
 * @property {Coded} response
 * @property {Coded} nearest  real token
 * @property {number[]} entropy  of the next token, bits
 * @property {{token: string[], of: number[][], probability: number[][]}} leading  next tokens of each cell
 * @property {{token: string[], x: number[], y: number[]}} near  tokens near the plane, the nearest first
 */

const INK = "#262626", PAPER = "#ffffff";
const FONT = "system-ui, sans-serif";
const REST = 200; // milliseconds after which a noken that has not moved is at rest
const LABELS = 14; // near tokens that are named, where there is room
const CANDIDATES = 200; // near tokens that are tried for a name, and offered for corners
const CLOSE = 12; // pixels from a corner within which a press means the corner
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const signed = (value) => value.toFixed(2).replace("-", "−");

// --- the plane

/** Half the side of the picture: half a cell beyond the outer centres. @param {Territories} map */
const span = (map) => map.reach * map.side / (map.side - 1);

/** The number of the cell at a point. @param {Territories} map @param {Place} place */
function cellAt(map, place) {
  const [column, row] = place.map((value) =>
    clamp(Math.round((value + map.reach) / (2 * map.reach) * (map.side - 1)), 0, map.side - 1));
  return row * map.side + column;
}

/** The nearest point on the map. @param {Territories} map @param {Place} place @returns {Place} */
const within = (map, place) => place.map((value) => clamp(value, -map.reach, map.reach));

/** The weight of each corner at a point; they sum to 1. @param {Territories} map @param {Place} place */
export function weightsAt(map, [x, y]) {
  const [a, b, c] = map.corners;
  const area = (b.y - c.y) * (a.x - c.x) + (c.x - b.x) * (a.y - c.y);
  const first = ((b.y - c.y) * (x - c.x) + (c.x - b.x) * (y - c.y)) / area;
  const second = ((c.y - a.y) * (x - c.x) + (a.x - c.x) * (y - c.y)) / area;
  return [first, second, 1 - first - second];
}

/** Whether two points are equal. @param {Place} [a] @param {Place} [b] */
const same = (a, b) => Boolean(a && b) && a[0] === b[0] && a[1] === b[1];

/** The cells above, below, left and right of a cell; null beyond the edge. */
function neighbours(map, cell) {
  const n = map.side, column = cell % n;
  return [
    cell + n < n * n ? cell + n : null,
    cell >= n ? cell - n : null,
    column > 0 ? cell - 1 : null,
    column < n - 1 ? cell + 1 : null,
  ];
}

/** How many cells each cell is from the nearest border or edge, at least 1. @param {Territories} map */
function depths(map) {
  const depth = new Array(map.territory.length).fill(0);
  const isOutermost = (cell) =>
    neighbours(map, cell).some((other) => other === null || map.territory[other] !== map.territory[cell]);
  let ring = [...depth.keys()].filter(isOutermost);
  for (let steps = 1; ring.length; steps++) {
    for (const cell of ring) depth[cell] = steps;
    const next = ring.flatMap((cell) => neighbours(map, cell)).filter((cell) => cell !== null && !depth[cell]);
    ring = [...new Set(next)];
  }
  return depth;
}

/** The cell of a territory that is farthest from its borders, if possible a free one. @param {Territories} map */
function heart(map, depth, number, isFree = () => true) {
  const cells = [...map.territory.keys()].filter((cell) => map.territory[cell] === number), free = cells.filter(isFree);
  return (free.length ? free : cells).reduce((best, cell) => depth[cell] > depth[best] ? cell : best);
}

/** The centre of a cell. @param {Territories} map @returns {Place} */
const centre = (map, cell) =>
  [cell % map.side, Math.floor(cell / map.side)].map((i) => map.reach * (2 * i / (map.side - 1) - 1));

/** What is drawn on, with points of the plane as pixels. */
class Sheet {
  /** @param {Territories} map @param {number} size  of its side in CSS pixels */
  constructor(map, size) {
    this.map = map;
    this.size = size;
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.canvas.height = Math.round(size * devicePixelRatio);
    this.pen = this.canvas.getContext("2d");
    this.pen.scale(this.canvas.width / size, this.canvas.width / size);
    this.taken = []; // boxes [left, top, right, bottom] that hold a text
  }

  /** @param {Place} place */
  pixel([x, y]) {
    const side = 2 * span(this.map);
    return [(x / side + 0.5) * this.size, (0.5 - y / side) * this.size];
  }

  /** The left, top, right and bottom of a cell, in whole device pixels. @param {number} cell */
  box(cell) {
    const { side } = this.map, column = cell % side, row = side - 1 - Math.floor(cell / side);
    const pixel = (i) => Math.round(i * this.canvas.width / side) * this.size / this.canvas.width;
    return [pixel(column), pixel(row), pixel(column + 1), pixel(row + 1)];
  }

  isFree(box) { return !this.taken.some((other) => overlap(box, other)); }

  /** A text with a halo, centred on x, its top at `top`; false where it would hide another text, unless `force`. */
  write(text, x, top, size, weight, force = true) {
    const pen = this.pen;
    pen.font = `${weight} ${size}px ${FONT}`;
    const half = pen.measureText(text).width / 2;
    x = clamp(x, half + 3, this.size - half - 3);
    const box = [x - half - 2, top - 1, x + half + 2, top + size + 1];
    if (!force && !this.isFree(box)) return false;
    this.taken.push(box);
    Object.assign(pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 3 });
    pen.strokeStyle = "#ffffffcc";
    pen.strokeText(text, x, top + size / 2);
    pen.fillStyle = INK;
    pen.fillText(text, x, top + size / 2);
    return true;
  }

  dot(x, y, radius, fill) {
    this.pen.beginPath();
    this.pen.arc(x, y, radius, 0, 2 * Math.PI);
    Object.assign(this.pen, { fillStyle: fill, strokeStyle: PAPER, lineWidth: 1.5 });
    this.pen.fill();
    this.pen.stroke();
  }
}

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** Everything that does not move. @param {Territories} map @param {number} size @returns {Sheet} */
function drawMap(map, size) {
  const sheet = new Sheet(map, size);
  map.territory.forEach((number, cell) => {
    const [left, top, right, bottom] = sheet.box(cell);
    sheet.pen.fillStyle = map.territories[number].colour;
    sheet.pen.fillRect(left, top, right - left, bottom - top);
  });
  drawBorders(sheet);
  drawDots(sheet);
  drawTriangle(sheet);
  drawLetters(sheet);
  drawNames(sheet);
  return sheet;
}

/** @param {Sheet} sheet */
function drawBorders(sheet) {
  const { map, pen } = sheet;
  pen.beginPath();
  map.territory.forEach((number, cell) => {
    const [left, top, right, bottom] = sheet.box(cell), [above, , , after] = neighbours(map, cell);
    if (after !== null && map.territory[after] !== number) { pen.moveTo(right, top); pen.lineTo(right, bottom); }
    if (above !== null && map.territory[above] !== number) { pen.moveTo(left, top); pen.lineTo(right, top); }
  });
  Object.assign(pen, { lineWidth: 1, lineCap: "square", strokeStyle: INK });
  pen.stroke();
}

/** A dot for each token near the plane; where there are thousands they are faint. @param {Sheet} sheet */
function drawDots(sheet) {
  const { x, y } = sheet.map.near;
  sheet.pen.fillStyle = INK;
  sheet.pen.globalAlpha = Math.min(0.6, 30 / Math.sqrt(x.length * 20));
  x.forEach((_, i) => {
    const [left, top] = sheet.pixel([x[i], y[i]]);
    sheet.pen.fillRect(left - 0.75, top - 0.75, 1.5, 1.5);
  });
  sheet.pen.globalAlpha = 1;
}

/** The corners with their names, and the lines between them. @param {Sheet} sheet */
function drawTriangle(sheet) {
  const { map, pen } = sheet, points = map.corners.map(({ x, y }) => sheet.pixel([x, y]));
  pen.beginPath();
  points.forEach(([x, y]) => pen.lineTo(x, y));
  pen.closePath();
  pen.setLineDash([5, 4]);
  pen.stroke();
  pen.setLineDash([]);
  points.forEach(([x, y], i) => {
    sheet.dot(x, y, 5.5, "#000000");
    sheet.write(map.corners[i].label, x, map.corners[i].y < 0 ? y + 9 : y - 24, 15, "bold");
    sheet.taken.push([x - 8, y - 8, x + 8, y + 8]);
  });
}

/** The letter of each territory, where it is farthest from borders. @param {Sheet} sheet */
function drawLetters(sheet) {
  const { map } = sheet, depth = depths(map);
  map.territories.forEach(({ letter }, number) => {
    const cell = heart(map, depth, number, (other) => sheet.isFree(sheet.box(other)));
    const [left, top, right, bottom] = sheet.box(cell), size = clamp(1.5 * depth[cell] * (right - left), 10, 22);
    sheet.write(letter, (left + right) / 2, (top + bottom - size) / 2, size, "bold");
  });
}

/** The names of the tokens nearest to the plane, where they hide nothing. @param {Sheet} sheet */
function drawNames(sheet) {
  const { token, x, y } = sheet.map.near;
  for (let i = 0, named = 0; i < Math.min(token.length, CANDIDATES) && named < LABELS; i++) {
    const [left, top] = sheet.pixel([x[i], y[i]]), word = token[i].slice(0, 20);
    if (!word || !sheet.write(word, left, top - 15, 11, "italic", false)) continue;
    sheet.dot(left, top, 2.2, INK);
    named++;
  }
}

/** What moves: the noken, over the layer. @param {CanvasRenderingContext2D} pen */
function drawFrame(pen, sheet, place) {
  const width = pen.canvas.width, [x, y] = sheet.pixel(place);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(sheet.canvas, 0, 0, width, width);
  pen.scale(width / sheet.size, width / sheet.size);
  for (const [strokeStyle, lineWidth] of [[PAPER, 6], ["#000000", 2.5]]) {
    Object.assign(pen, { strokeStyle, lineWidth });
    pen.beginPath();
    pen.arc(x, y, 9, 0, 2 * Math.PI);
    for (const [dx, dy] of Object.values(ARROWS)) {
      pen.moveTo(x + 5 * dx, y + 5 * dy);
      pen.lineTo(x + 14 * dx, y + 14 * dy);
    }
    pen.stroke();
  }
}

// --- the page

/** A map with its parts, and the noken on it. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.live = model.get("live");
    this.map = model.get("map");
    this.place = model.get("place");
    el.classList.add("nk", "nk-terr");
    this.schedule = oncePerFrame(() => this.drawNow()); // however much happens before a frame
    this.rest = debounced(REST, () => this.speak());
    this.build(el);
    this.listen();
    this.showMap();
    this.drawNow();
  }

  // - the parts

  build(el) {
    const ariaLabel = "Map of answers: arrow keys move the noken by a cell, with Shift by a tenth";
    this.canvas = make("canvas", { className: "nk-terr-map", tabIndex: 0, role: "application", ariaLabel });
    this.answer = new Answer();
    this.answer.box.classList.add("nk-terr-answer");
    this.details = element("div", "nk-quiet nk-place");
    this.source = element("div", "nk-quiet nk-source");
    this.bars = new Bars();
    this.head = element("div", "nk-quiet nk-terr-head");
    this.status = spokenStatus();
    this.legend = element("ul", "nk-legend");
    arrowKeys(this.legend, "button");
    const tools = answerTools(this.answer, this.details, () => this.choice(), (choice) => this.choose(choice));
    el.append(
      make("div", { className: "nk-terr-left" }, this.canvas),
      make("div", { className: "nk-terr-right" }, this.answer.box, tools, this.details, this.source, this.head, this.bars.box, this.legend),
    );
    if (this.live) el.append(this.buildCorners(), noteLine(this.model));
    el.append(this.status);
    keepKeys(el);
  }

  buildCorners() {
    const id = `nk-words-${++Face.count}`;
    this.words = make("datalist", { id });
    this.inputs = ["left", "right", "above"].map((name) => field(name, "", { list: id }));
    this.progress = element("progress");
    this.prompt = field("prompt", "");
    const hasPrompt = this.map.prompt !== undefined;
    const form = make("form", { className: "nk-terr-corners" }, ...(hasPrompt ? [row(labelled("prompt", this.prompt, "nk-wide"))] : []), row(
      ...this.inputs.map((input) => labelled(input.name, input)),
      element("button", "nk-button", "Answer the map"),
      ...(hasPrompt ? [button("Refine", () => this.answerMap(true), "answer nokens between these too")] : []),
      button("Stop", () => this.model.send({ stop: true })),
      this.progress,
    ), this.words);
    form.onsubmit = (event) => { event.preventDefault(); this.answerMap(); };
    return form;
  }

  // - what happens

  listen() {
    const { canvas, model } = this;
    canvas.onpointerdown = (event) => this.grab(event);
    canvas.onpointermove = (event) => this.dragging && this.move(this.placeOf(event));
    canvas.onpointerup = canvas.onpointercancel = () => { this.dragging = false; };
    canvas.onkeydown = (event) => this.moveByKey(event);
    const callbacks = {
      map: () => { this.showMap(); this.schedule(); },
      place: () => { if (!same(model.get("place"), this.place)) this.move(model.get("place")); },
      exact: () => this.schedule(),
      progress: () => showProgress(this.progress, model.get("progress")),
    };
    for (const [key, callback] of Object.entries(callbacks)) model.on(`change:${key}`, callback);
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(canvas);
  }

  answerMap(refine = false) {
    this.model.send({ corners: this.inputs.map((input) => input.value), prompt: this.prompt.value, refine });
  }

  /** What is chosen: the map and the noken on it. */
  choice() { return { prompt: this.map.prompt, corners: this.map.corners.map(({ label }) => label), place: this.place }; }

  /** Go back to a choice; a map that is gone is answered again. */
  choose({ prompt, corners, place }) {
    const now = this.choice(), isOther = JSON.stringify([prompt, corners]) !== JSON.stringify([now.prompt, now.corners]);
    this.move(place);
    if (!isOther || !this.live) return;
    this.prompt.value = prompt;
    this.inputs.forEach((input, i) => { input.value = corners[i]; });
    this.answerMap();
  }

  /** Take hold of the noken, wherever the map is pressed; pressing a corner selects its box. */
  grab(event) {
    if (event.button) return;
    this.canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.box = this.canvas.getBoundingClientRect();
    this.dragging = true;
    const [px, py] = this.placeOf(event), close = CLOSE / this.box.width * 2 * span(this.map);
    const corner = this.map.corners.findIndex(({ x, y }) => Math.hypot(x - px, y - py) < close);
    this.move(corner < 0 ? [px, py] : [this.map.corners[corner].x, this.map.corners[corner].y]);
    if (corner >= 0) this.inputs?.[corner].select();
  }

  placeOf(event) {
    const { left, top, width } = this.box, side = 2 * span(this.map);
    return within(this.map, [((event.clientX - left) / width - 0.5) * side, (0.5 - (event.clientY - top) / width) * side]);
  }

  moveByKey(event) {
    const direction = ARROWS[event.key];
    if (!direction) return;
    event.preventDefault();
    event.stopPropagation();
    const step = 2 * this.map.reach / (this.map.side - 1) / (event.shiftKey ? 10 : 1);
    this.move(within(this.map, this.place.map((value, i) => value + step * direction[i])));
  }

  /** Put the noken at a point. */
  move(place) {
    this.place = place;
    this.schedule();
  }

  /** Show a new map. */
  showMap() {
    const map = this.map = this.model.get("map");
    this.place = within(map, this.place);
    this.answer.before.textContent = `${map.before.replace(/ $/, "")} ▢${map.after}`;
    if (this.prompt) this.prompt.value = map.prompt;
    this.inputs?.forEach((input, i) => { input.value = map.corners[i].label; });
    this.words?.replaceChildren(...map.near.token.slice(0, CANDIDATES).map((value) =>
      Object.assign(element("option"), { value })));
    const depth = depths(map);
    this.legend.replaceChildren(...map.territories.map((territory, number) => {
      const cell = heart(map, depth, number), rest = this.answerAt(cell).text.slice(territory.begins.length);
      const corner = territory.corner && ` · as ${territory.corner}`;
      return legendEntry(territory, territory.begins, rest + corner, () => this.move(centre(map, cell)));
    }));
    this.most = Math.max(...map.leading.probability.map((row) => row[0]));
    say(this.head, `Next token (a full bar is ${this.most.toFixed(2)}, the most on the map):`);
    this.sheet = null;
    this.resize();
  }

  /** Fit the pictures to the page. */
  resize() {
    const size = this.canvas.clientWidth;
    if (!size) return;
    if (this.sheet?.size !== size) {
      this.sheet = drawMap(this.map, size);
      this.canvas.width = this.canvas.height = this.sheet.canvas.width;
    }
    this.schedule();
  }

  /** One frame: the noken's place and answer. Reads no layout. */
  drawNow() {
    this.cell = cellAt(this.map, this.place);
    this.showAnswer();
    if (this.sheet) drawFrame(this.canvas.getContext("2d"), this.sheet, this.place);
    if (!same(this.model.get("place"), this.place)) {
      this.model.set("place", this.place);
      this.model.save_changes();
    }
    this.rest();
  }

  /** What the map has at a cell. */
  answerAt(cell) {
    const { map } = this, leading = map.leading;
    return {
      text: map.response.text[map.response.of[cell]],
      territory: map.territories[map.territory[cell]].letter,
      entropy: map.entropy[cell],
      tokens: leading.of[cell].map((number) => leading.token[number]),
      probabilities: leading.probability[cell],
      going: false,
    };
  }

  /** What the kernel has answered at this very point, or null. */
  exactAnswer() {
    const exact = this.model.get("exact");
    if (!exact || !same(exact.place, this.place)) return null;
    const [tokens, probabilities] = unzip(exact.leading);
    return { ...exact, tokens, probabilities };
  }

  showAnswer() {
    const { map } = this, exact = this.exactAnswer(), answer = exact ?? this.answerAt(this.cell);
    const shares = weightsAt(map, this.place).map((weight, i) => `${Math.round(100 * weight)} % ${map.corners[i].label}`);
    this.answer.show(answer.text, answer.going);
    say(this.details, `x ${signed(this.place[0])}, y ${signed(this.place[1])} · ${shares.join(", ").replaceAll("-", "−")} · `
      + (answer.going ? "…" : this.territoryName(answer.territory)));
    say(this.source, `${exact ? "answered exactly here" : "from the map’s cell"} · entropy ${answer.entropy.toFixed(2)} bits · `
      + `nearest token “${map.nearest.text[map.nearest.of[this.cell]]}”`);
    this.bars.show(answer.tokens, answer.probabilities, { most: this.most });
  }

  territoryName(letter) {
    if (!letter) return "a territory that no cell is in";
    const corner = this.map.territories.find((territory) => territory.letter === letter)?.corner;
    return `territory ${letter}${corner ? ` (as ${corner})` : ""}`;
  }

  /** The noken is at rest: before, it would be too much to hear. */
  speak() {
    const { text } = this.exactAnswer() ?? this.answerAt(this.cell);
    say(this.status, `${this.details.textContent}. Answer: ${text}`);
  }
}
Face.count = 0;

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.watcher.disconnect();
  },
};
