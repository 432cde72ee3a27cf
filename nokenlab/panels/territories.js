// The map of answers: a noken is dragged over it, by mouse, touch or arrow keys, and its answer stands beside it.

/**
 * A point [x, y] of the plane, in distances of the embedding space.
 * @typedef {[number, number]} Place
 *
 * A column with each different text once: text[of[i]] is that of cell i.
 * @typedef {{text: string[], of: number[]}} Coded
 *
 * The map, from territories_view.py. Cells are numbered from the lower left, x first; their centres run from
 * -reach to reach, `side` of them either way.
 * @typedef {Object} Territories
 * @property {string} before  the prompt before the noken
 * @property {string} after  and after it
 * @property {{label: string, x: number, y: number, note: string}[]} corners
 * @property {number} reach
 * @property {number} side
 * @property {{letter: string, colour: string, corner: string, begins: string}[]} territories
 * @property {number[]} territory  of each cell, a number into `territories`
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
const SHOWN = 6; // rows of the path on the page

// --- the plane

/** The half side of the picture: half a cell beyond the centres. @param {Territories} map */
const span = (map) => map.reach * map.side / (map.side - 1);

/** The number of the cell at a place. @param {Territories} map @param {Place} place */
function cellAt(map, place) {
  const [column, row] = place.map((value) => {
    const at = Math.round((value + map.reach) / (2 * map.reach) * (map.side - 1));
    return Math.min(Math.max(at, 0), map.side - 1);
  });
  return row * map.side + column;
}

/** The nearest place on the map. @param {Territories} map @param {Place} place @returns {Place} */
const within = (map, place) => place.map((value) => Math.min(Math.max(value, -map.reach), map.reach));

/** How much of each corner is in a place; sums to 1. @param {Territories} map @param {Place} place */
export function weightsAt(map, [x, y]) {
  const [a, b, c] = map.corners;
  const whole = (b.y - c.y) * (a.x - c.x) + (c.x - b.x) * (a.y - c.y);
  const first = ((b.y - c.y) * (x - c.x) + (c.x - b.x) * (y - c.y)) / whole;
  const second = ((c.y - a.y) * (x - c.x) + (a.x - c.x) * (y - c.y)) / whole;
  return [first, second, 1 - first - second];
}

/** The place at p between two. @param {Place} from @param {Place} to @param {number} p @returns {Place} */
const between = (from, to, p) => [from[0] + p * (to[0] - from[0]), from[1] + p * (to[1] - from[1])];

/** Whether two places are one. @param {Place} [one] @param {Place} [other] */
const same = (one, other) => Boolean(one && other) && one[0] === other[0] && one[1] === other[1];

/** The numbers of the cells beside one, above, below, left and right; null beyond the edge. */
function beside(map, cell) {
  const column = cell % map.side, n = map.side;
  return [
    cell + n < n * n ? cell + n : null,
    cell >= n ? cell - n : null,
    column > 0 ? cell - 1 : null,
    column < n - 1 ? cell + 1 : null,
  ];
}

/** How many cells each cell is from the next border or edge, at least 1. @param {Territories} map */
function rooms(map) {
  const found = new Array(map.territory.length).fill(0);
  let ring = found.map((_, cell) => cell).filter((cell) =>
    beside(map, cell).some((other) => other === null || map.territory[other] !== map.territory[cell]));
  for (let depth = 1; ring.length; depth++) {
    ring.forEach((cell) => { found[cell] = depth; });
    const next = ring.flatMap((cell) => beside(map, cell)).filter((cell) => cell !== null && !found[cell]);
    ring = [...new Set(next)];
  }
  return found;
}

/** The connected parts of the territories, each a list of cells, the largest first. @param {Territories} map */
function parts(map) {
  const seen = new Set(), found = [];
  for (let start = 0; start < map.territory.length; start++) {
    if (seen.has(start)) continue;
    const part = [start];
    seen.add(start);
    for (let i = 0; i < part.length; i++) {
      for (const cell of beside(map, part[i])) {
        if (cell === null || seen.has(cell) || map.territory[cell] !== map.territory[start]) continue;
        seen.add(cell);
        part.push(cell);
      }
    }
    found.push(part);
  }
  return found.sort((one, other) => other.length - one.length);
}

// --- the picture, drawn once to a layer that each frame copies

/** What is drawn on, with the places of the plane as pixels. */
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
    const whole = 2 * span(this.map);
    return [(x / whole + 0.5) * this.size, (0.5 - y / whole) * this.size];
  }

  /** The left, top, right and bottom of a cell, in whole device pixels. @param {number} cell */
  box(cell) {
    const { side } = this.map, column = cell % side, row = side - 1 - Math.floor(cell / side);
    const at = (i) => Math.round(i * this.canvas.width / side) * this.size / this.canvas.width;
    return [at(column), at(row), at(column + 1), at(row + 1)];
  }

  /** A text with a halo, in the middle of x above or below y; `false` where it would hide another. */
  write(text, x, y, { size = 12, weight = "", below = false, middle = false, free = false } = {}) {
    const pen = this.pen;
    pen.font = `${weight} ${size}px ${FONT}`;
    const half = pen.measureText(text).width / 2;
    x = Math.min(Math.max(x, half + 3), this.size - half - 3);
    const top = middle ? y - size / 2 : below ? y : y - size;
    const box = [x - half - 2, top - 1, x + half + 2, top + size + 1];
    if (!free && this.taken.some((other) => overlap(box, other))) return false;
    this.taken.push(box);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    pen.lineWidth = 3;
    pen.strokeStyle = "#ffffffcc";
    pen.strokeText(text, x, top + size / 2);
    pen.fillStyle = INK;
    pen.fillText(text, x, top + size / 2);
    return true;
  }

  dot(x, y, radius, fill, edge) {
    this.pen.beginPath();
    this.pen.arc(x, y, radius, 0, 2 * Math.PI);
    this.pen.fillStyle = fill;
    this.pen.fill();
    if (!edge) return;
    this.pen.lineWidth = 1.5;
    this.pen.strokeStyle = edge;
    this.pen.stroke();
  }
}

const overlap = (one, other) =>
  one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

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
    const [, top, right, bottom] = sheet.box(cell), left = sheet.box(cell)[0];
    const [above, , , after] = beside(map, cell);
    if (after !== null && map.territory[after] !== number) { pen.moveTo(right, top); pen.lineTo(right, bottom); }
    if (above !== null && map.territory[above] !== number) { pen.moveTo(left, top); pen.lineTo(right, top); }
  });
  pen.lineWidth = 1;
  pen.lineCap = "square";
  pen.strokeStyle = INK;
  pen.stroke();
}

/** The corners with their names, and the lines between them. @param {Sheet} sheet */
function drawTriangle(sheet) {
  const { map, pen } = sheet, at = map.corners.map(({ x, y }) => sheet.pixel([x, y]));
  pen.beginPath();
  at.forEach(([x, y]) => pen.lineTo(x, y));
  pen.closePath();
  pen.setLineDash([5, 4]);
  pen.stroke();
  pen.setLineDash([]);
  at.forEach(([x, y], i) => {
    sheet.dot(x, y, 5.5, "#000000", PAPER);
    const below = map.corners[i].y < 0;
    sheet.write(oneLine(map.corners[i].label), x, below ? y + 9 : y - 9, { size: 15, weight: "bold", below, free: true });
    sheet.taken.push([x - 8, y - 8, x + 8, y + 8]);
  });
}

/** The letter of each part of a territory where it is farthest from borders. @param {Sheet} sheet */
function drawLetters(sheet) {
  const { map } = sheet, room = rooms(map), seen = new Set();
  for (const part of parts(map)) {
    const number = map.territory[part[0]];
    if (part.length < 3 && seen.has(number)) continue;
    seen.add(number);
    const free = part.filter((cell) => !sheet.taken.some((box) => overlap(box, sheet.box(cell))));
    const best = (free.length ? free : part).reduce((one, other) => room[other] > room[one] ? other : one);
    const [left, top, right, bottom] = sheet.box(best);
    const size = Math.min(Math.max(1.5 * room[best] * (right - left), 10), 22);
    const look = { size, weight: "bold", middle: true, free: true };
    sheet.write(map.territories[number].letter, (left + right) / 2, (top + bottom) / 2, look);
  }
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

/** The names of the tokens nearest to the plane, where they hide nothing. @param {Sheet} sheet */
function drawNames(sheet) {
  const { token, x, y } = sheet.map.near;
  for (let i = 0, named = 0; i < Math.min(token.length, 200) && named < LABELS; i++) {
    const [left, top] = sheet.pixel([x[i], y[i]]), word = oneLine(token[i]).trim().slice(0, 20);
    if (!word || !sheet.write(word, left, top - 4, { size: 11, weight: "italic" })) continue;
    sheet.dot(left, top, 2.2, INK, PAPER);
    named++;
  }
}

/** What moves: the path, the line and the noken over the layer. @param {CanvasRenderingContext2D} pen */
function drawFrame(pen, sheet, { place, anchor, corner, path }) {
  const width = pen.canvas.width;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(sheet.canvas, 0, 0, width, width);
  pen.scale(width / sheet.size, width / sheet.size);
  const trace = (places) => {
    pen.beginPath();
    places.forEach((one) => pen.lineTo(...sheet.pixel(one)));
    pen.stroke();
  };
  const to = sheet.map.corners[corner];
  for (const [colour, line] of [[PAPER, 4], [INK, 2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = line;
    trace([anchor, [to.x, to.y]]);
  }
  pen.lineWidth = 1;
  trace(path.map((row) => [row.x, row.y]));
  const [x, y] = sheet.pixel(place);
  for (const [colour, line] of [[PAPER, 6], ["#000000", 2.5]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = line;
    pen.beginPath();
    pen.arc(x, y, 9, 0, 2 * Math.PI);
    pen.moveTo(x - 14, y); pen.lineTo(x - 5, y); pen.moveTo(x + 5, y); pen.lineTo(x + 14, y);
    pen.moveTo(x, y - 14); pen.lineTo(x, y - 5); pen.moveTo(x, y + 5); pen.lineTo(x, y + 14);
    pen.stroke();
  }
}

/** The territories along the line, a letter in each, and a pointer at p. @param {HTMLCanvasElement} strip */
function drawStrip(strip, letters, colours, p) {
  const pen = strip.getContext("2d"), width = strip.width / devicePixelRatio;
  pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  pen.clearRect(0, 0, width, 44);
  pen.font = `bold 14px ${FONT}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let start = 0, end; start < letters.length; start = end) {
    for (end = start + 1; letters[end] === letters[start];) end++;
    const left = start / letters.length * width, wide = (end - start) / letters.length * width;
    pen.fillStyle = colours[start];
    pen.fillRect(left, 0, wide, 26);
    pen.strokeStyle = pen.fillStyle = INK;
    pen.lineWidth = 1;
    pen.strokeRect(left + 0.5, 0.5, Math.max(wide - 1, 0), 25);
    if (wide > 14) pen.fillText(letters[start], left + wide / 2, 13);
  }
  pen.fillStyle = "#808080"; // seen on light and dark pages
  pen.fillText("▲", Math.min(Math.max(p * width, 7), width - 7), 36);
}

// --- the page

/** A token on one line, with ␣ for each space. */
const visible = (token) => oneLine(token).replaceAll(" ", "␣") || "(empty)";
const oneLine = (text) => text.replace(/[\n\r\u2028\u2029\t]/g, "↵");
const signed = (value) => value.toFixed(2).replace("-", "−");

/** Rows of tokens and their probabilities, made once and filled often; `most` is a full bar. */
function makeBars(count) {
  const box = element("div", "nk nk-bars"), rows = [];
  for (let i = 0; i < count; i++) {
    const row = ["nk-token", "nk-number", "nk-bar"].map((kind) => element(kind === "nk-bar" ? "div" : "span", kind));
    box.append(...row);
    rows.push(row);
  }
  const fill = (tokens, probabilities, most) => rows.forEach(([token, number, bar], i) => {
    say(token, visible(tokens[i]));
    say(number, probabilities[i].toFixed(3));
    bar.style.transform = `scaleX(${Math.min(Math.max(probabilities[i] / most, 0.004), 1)})`;
  });
  return { box, fill };
}

/** Rows as CSV. @param {Object[]} rows */
function toCsv(rows) {
  const quoted = (value) => /[",\n\r]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((cells) => cells.map(quoted).join(",") + "\r\n").join("");
}

/** Let the browser save a text as a file. */
function save(text, name) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A face, its parts and what it knows. */
class Face {
  constructor(model, el) {
    this.model = model;
    this.map = model.get("map");
    this.place = model.get("place");
    this.anchor = this.place; // where the line begins
    this.corner = 1; // where it ends
    this.p = 0; // where the noken is on it
    this.path = [...model.get("path")];
    this.build(el);
    this.listen();
    this.mapped();
    this.turned();
  }

  // - the parts

  build(el) {
    el.classList.add("nk", "nk-terr");
    this.canvas = element("canvas", "nk-terr-map");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "Map of answers: arrow keys move the noken by a cell, with Shift by a tenth");
    this.text = element("span", "nk-text");
    this.text.dir = "auto";
    this.before = element("span", "nk-before");
    this.cursor = element("span", "", "▌");
    this.cursor.ariaHidden = "true";
    const answer = element("div", "nk-answer nk-terr-answer");
    answer.append(this.before, this.text, this.cursor);
    this.where = element("div", "nk-quiet nk-place");
    this.source = element("div", "nk-quiet nk-source");
    this.bars = makeBars(this.map.leading.of[0].length);
    this.head = element("div", "nk-quiet nk-terr-head");
    this.status = element("div", "nk-terr-status");
    this.status.setAttribute("role", "status");
    this.legend = element("ul", "nk-terr-legend");
    const left = element("div", "nk-terr-left"), right = element("div", "nk-terr-right");
    left.append(this.canvas, this.buildLine());
    right.append(answer, this.where, this.source, this.head, this.bars.box, this.legend);
    el.append(left, right);
    if (this.model.get("live")) el.append(this.buildCorners());
    el.append(this.buildPath(), this.status);
    ownKeys(el);
  }

  buildLine() {
    const box = element("div", "nk-terr-line"), row = element("div", "nk-terr-row");
    this.to = element("select");
    this.range = Object.assign(element("input"), { type: "range", min: 0, max: 100, value: 0 });
    this.strip = element("canvas", "nk-terr-strip");
    this.strip.setAttribute("aria-hidden", "true"); // the slider says it
    const label = element("label", "", "Line to "), slider = element("label", "nk-terr-slider", "p ");
    label.append(this.to);
    slider.append(this.range);
    row.append(label, slider);
    if (this.model.get("live")) row.append(button("Answer the line", () => this.model.send({ line: this.corner, from: this.anchor })));
    box.append(row, this.strip);
    return box;
  }

  buildCorners() {
    const form = element("form", "nk-terr-row nk-terr-corners");
    const words = element("datalist");
    words.id = `nk-words-${++Face.count}`;
    this.words = words;
    this.inputs = ["left", "right", "above"].map((where) => {
      const label = element("label", "", `${where} `), input = element("input");
      input.setAttribute("list", words.id);
      label.append(input);
      form.append(label);
      return input;
    });
    const go = element("button", "nk-button", "Answer the map");
    this.progress = element("progress");
    form.append(go, button("Stop", () => this.model.send({ stop: true })), this.progress, words);
    form.onsubmit = (event) => {
      event.preventDefault();
      this.model.send({ corners: this.inputs.map((input) => input.value) });
    };
    return form;
  }

  buildPath() {
    const box = element("details", "nk-terr-path");
    this.summary = element("summary");
    this.table = element("table");
    const row = element("div", "nk-terr-row");
    row.append(
      button("Save as CSV", () => save(toCsv(this.path), "path.csv")),
      button("Clear", () => { this.path = []; this.schedule(); }),
    );
    box.append(this.summary, this.table, row);
    return box;
  }

  // - what happens

  listen() {
    const { canvas, model } = this;
    canvas.onpointerdown = (event) => this.grab(event);
    canvas.onpointermove = (event) => this.dragging && this.move(this.placeOf(event));
    canvas.onpointerup = canvas.onpointercancel = () => { this.dragging = false; };
    canvas.onkeydown = (event) => this.key(event);
    this.to.onchange = () => { this.corner = this.to.selectedIndex; this.begin(this.place); this.schedule(); };
    this.range.oninput = () => this.slide(this.range.value / 100);
    const heard = {
      map: () => { this.mapped(); this.schedule(); },
      place: () => { if (!same(model.get("place"), this.place)) this.move(model.get("place")); },
      exact: () => { this.keepExact(); this.schedule(); },
      line: () => this.schedule(),
      progress: () => showProgress(this.progress, model.get("progress")),
    };
    for (const [name, callback] of Object.entries(heard)) model.on(`change:${name}`, callback);
    this.watcher = new ResizeObserver(() => this.sized());
    this.watcher.observe(canvas);
    this.watcher.observe(this.strip);
  }

  /** Take hold of the noken, wherever the map is pressed; a corner's name opens its box. */
  grab(event) {
    if (event.button) return;
    this.canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.box = this.canvas.getBoundingClientRect();
    this.dragging = true;
    const place = this.placeOf(event);
    const near = this.map.corners.findIndex(({ x, y }) =>
      Math.hypot(x - place[0], y - place[1]) < 12 / this.box.width * 2 * span(this.map));
    this.move(near < 0 ? place : [this.map.corners[near].x, this.map.corners[near].y]);
    if (near >= 0 && this.inputs) this.inputs[near].select();
  }

  placeOf(event) {
    const { left, top, width } = this.box, whole = 2 * span(this.map);
    return within(this.map, [((event.clientX - left) / width - 0.5) * whole, (0.5 - (event.clientY - top) / width) * whole]);
  }

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const step = 2 * this.map.reach / (this.map.side - 1) / (event.shiftKey ? 10 : 1);
    this.move(within(this.map, this.place.map((value, i) => value + step * way[i])));
  }

  /** Put the noken somewhere; a line begins there. */
  move(place) {
    this.begin(place);
    this.put(place);
  }

  begin(place) {
    this.anchor = place;
    this.p = 0;
    if (this.range.value !== "0") this.range.value = 0;
  }

  /** Put the noken at p of the line. */
  slide(p) {
    const { x, y } = this.map.corners[this.corner];
    this.p = p;
    this.put(between(this.anchor, [x, y], p));
  }

  put(place) {
    this.place = place;
    this.schedule();
  }

  /** The map is another one. */
  mapped() {
    this.map = this.model.get("map");
    this.place = this.anchor = within(this.map, this.place);
    this.path = [];
    this.to.replaceChildren(...this.map.corners.map(({ label }) => element("option", "", label)));
    this.to.selectedIndex = this.corner;
    this.before.textContent = `${this.map.before.replace(/ $/, "")} ▢${this.map.after}`;
    this.inputs?.forEach((input, i) => { input.value = this.map.corners[i].label; });
    this.words?.replaceChildren(...this.map.near.token.slice(0, 200).map((token) =>
      Object.assign(element("option"), { value: token.trim() })));
    this.legend.replaceChildren(...this.map.territories.slice(0, 8).map(legendLine));
    const more = this.map.territories.length - 8;
    if (more > 0) this.legend.append(element("li", "nk-quiet", `and ${more} smaller ones`));
    this.most = Math.max(...this.map.leading.probability.map((row) => row[0]));
    say(this.head, `Next token (a full bar is ${this.most.toFixed(2)}, the most on the map):`);
    this.sheet = null;
    this.sized();
  }

  /** The room on the page is another one. */
  sized() {
    const size = this.canvas.clientWidth, dense = devicePixelRatio;
    if (!size) return;
    if (this.sheet?.size !== size) {
      this.sheet = drawMap(this.map, size);
      this.canvas.width = this.canvas.height = this.sheet.canvas.width;
    }
    this.strip.width = Math.round(this.strip.clientWidth * dense);
    this.strip.height = Math.round(44 * dense);
    this.schedule();
  }

  /** Ask for a frame; however much happens before it, there is one. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.turned(); });
  }

  /** One frame: the noken's place and answer. Reads no layout. */
  turned() {
    const cell = cellAt(this.map, this.place);
    if (this.cell !== cell || !this.path.length) this.keep(this.answerAt(cell), "cell");
    this.cell = cell;
    this.tell();
    if (this.sheet) {
      drawFrame(this.canvas.getContext("2d"), this.sheet, this);
      this.drawLine();
    }
    if (!same(this.model.get("place"), this.place)) {
      this.model.set("place", this.place);
      this.model.save_changes();
    }
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rested(), REST);
  }

  /** What the map has at a cell. */
  answerAt(cell) {
    const { map } = this, leading = map.leading, territory = map.territories[map.territory[cell]];
    return {
      text: map.response.text[map.response.of[cell]],
      territory: territory.letter,
      entropy: map.entropy[cell],
      tokens: leading.of[cell].map((number) => leading.token[number]),
      probabilities: leading.probability[cell],
      going: false,
    };
  }

  /** What the kernel has said of this very place, or null. */
  exactHere() {
    const exact = this.model.get("exact");
    if (!exact || !same(exact.place, this.place)) return null;
    const [tokens, probabilities] = [0, 1].map((i) => exact.leading.map((pair) => pair[i]));
    return { ...exact, tokens, probabilities };
  }

  /** Write what is known of this place. */
  tell() {
    const { map } = this, exact = this.exactHere(), known = exact ?? this.answerAt(this.cell);
    const share = weightsAt(map, this.place).map((weight, i) => `${Math.round(100 * weight)} % ${map.corners[i].label}`);
    const number = map.territories.findIndex(({ letter }) => letter === known.territory);
    const owner = map.territories[number]?.corner;
    const name = known.territory ? `territory ${known.territory}${owner ? ` (as ${owner})` : ""}` : "a territory that no cell is in";
    say(this.text, known.text || (known.going ? "" : "(nothing: the model ended the text)"));
    this.cursor.hidden = !known.going;
    say(this.where, `x ${signed(this.place[0])}, y ${signed(this.place[1])} · ${share.join(", ").replaceAll("-", "−")} · ${known.going ? "…" : name}`);
    const nearest = map.nearest.text[map.nearest.of[this.cell]];
    say(this.source, `${exact ? "answered exactly here" : "from the map’s cell"} · entropy ${known.entropy.toFixed(2)} bits · nearest token “${visible(nearest)}”`);
    this.bars.fill(known.tokens, known.probabilities, this.most);
  }

  drawLine() {
    const { map } = this, line = this.model.get("line"), { x, y } = map.corners[this.corner];
    const exact = line && same(line.from, this.anchor) && line.corner === this.corner;
    const numbers = exact
      ? line.territory.map((name) => map.territories.findIndex(({ letter }) => letter === name))
      : Array.from({ length: 101 }, (_, i) => map.territory[cellAt(map, between(this.anchor, [x, y], i / 100))]);
    const letters = numbers.map((number) => map.territories[number]?.letter ?? "?");
    const colours = numbers.map((number) => map.territories[number]?.colour ?? PAPER);
    drawStrip(this.strip, letters, colours, this.p);
  }

  /** A row of the path. */
  keep(known, answered) {
    const [a, b, c] = weightsAt(this.map, this.place);
    const [x, y] = this.place;
    this.path.push({ x, y, weight_a: a, weight_b: b, weight_c: c, territory: known.territory, response: known.text, answered });
  }

  keepExact() {
    const known = this.exactHere();
    if (known && !known.going) this.keep(known, "exactly");
  }

  /** The noken rests: what is slow, or would be too much to hear, is done now. */
  rested() {
    const { text } = this.exactHere() ?? this.answerAt(this.cell);
    say(this.status, `${this.where.textContent}. Answer: ${text}`);
    this.range.setAttribute("aria-valuetext", `p = ${this.p}: ${text}`);
    this.showPath();
    if (this.model.get("live") && this.model.get("path").length !== this.path.length) {
      this.model.set("path", [...this.path]);
      this.model.save_changes();
    }
  }

  showPath() {
    say(this.summary, `Path of the noken: ${this.path.length} ${this.path.length === 1 ? "place" : "places"}`);
    const names = ["x", "y", ...this.map.corners.map(({ label }) => label), "territory", "answered", "response"];
    const head = element("tr");
    head.append(...names.map((name) => element("th", "", name)));
    const rows = this.path.slice(-SHOWN).map((row) => {
      const line = element("tr"), numbers = [row.x, row.y, row.weight_a, row.weight_b, row.weight_c].map(signed);
      line.append(...[...numbers, row.territory, row.answered, row.response].map((text) => element("td", "", text)));
      return line;
    });
    this.table.replaceChildren(head, ...rows);
  }

  /** The page has no place for it any more. */
  end() {
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
  }
}
Face.count = 0;

/** A line of the legend: a letter on its colour, and how answers begin there. */
function legendLine({ letter, colour, corner, begins }) {
  const line = element("li"), patch = element("span", "nk-terr-patch", letter);
  const text = element("bdi", "", begins);
  patch.style.background = colour;
  line.append(patch, text);
  if (corner) line.append(element("span", "nk-quiet", ` as ${corner}`));
  return line;
}

export default {
  render({ model, el }) {
    const face = new Face(model, el);
    return () => face.end();
  },
};
