// A triangle of three words with a dot to drag: by mouse, touch or arrow keys.

import { say } from "./dom.js";

const HIGH = Math.sqrt(3) / 2;
const CORNERS = [
  [0, 0],
  [1, 0],
  [0.5, HIGH],
]; // left, right, above
const LEFT = -0.3,
  BELOW = -0.4,
  SIDE = 1.6; // of the square that is shown
const BOX = 320; // its side in the picture's own units

/** A place as the weights of the corners. */
export function weightsAt([x, y]) {
  const third = y / HIGH,
    second = x - third / 2;
  return [1 - second - third, second, third];
}

/** And back. @param {number[]} weights  they sum to 1 */
export function placeOf(weights) {
  return [0, 1].map((axis) => weights.reduce((sum, weight, i) => sum + weight * CORNERS[i][axis], 0));
}

const within = ([x, y]) => [
  Math.min(Math.max(x, LEFT), LEFT + SIDE),
  Math.min(Math.max(y, BELOW), BELOW + SIDE),
];
const pixel = ([x, y]) => [((x - LEFT) / SIDE) * BOX, (1 - (y - BELOW) / SIDE) * BOX];

function draw(tag, about, inside = []) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(about)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

/** The picture; `moved` hears the weights of the first two corners. */
export class Pad {
  constructor(moved) {
    this.moved = moved;
    this.place = placeOf([1 / 3, 1 / 3, 1 / 3]);
    this.names = CORNERS.map((corner, i) => {
      const [x, y] = pixel(corner);
      return draw("text", { x, y: i < 2 ? y + 24 : y - 12, "text-anchor": "middle" });
    });
    this.dot = draw("circle", { r: 12, class: "dot" });
    const edge = draw("polygon", { points: CORNERS.map((corner) => pixel(corner).join()).join(" ") });
    const ends = CORNERS.map((corner) =>
      draw("circle", { cx: pixel(corner)[0], cy: pixel(corner)[1], r: 5 }),
    );
    this.box = draw(
      "svg",
      {
        viewBox: `0 0 ${BOX} ${BOX}`,
        class: "pad",
        tabindex: 0,
        role: "application",
        "aria-label": "Plane through three words: arrow keys move the dot, with Shift by a little",
      },
      [edge, ...ends, ...this.names, this.dot],
    );
    this.box.onpointerdown = (event) => this.grab(event);
    this.box.onpointermove = (event) => this.dragging && this.put(this.placeAt(event));
    this.box.onpointerup = this.box.onpointercancel = () => {
      this.dragging = false;
    };
    this.box.onkeydown = (event) => this.key(event);
  }

  /** @param {string[]} words @param {number[]} weights */
  show(words, weights) {
    this.place = placeOf(weights);
    this.names.forEach((name, i) => say(name, words[i].length > 14 ? `${words[i].slice(0, 13)}…` : words[i]));
    const [x, y] = pixel(within(this.place));
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", y);
  }

  grab(event) {
    if (event.button) return;
    this.box.focus({ preventScroll: true });
    event.preventDefault();
    this.box.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.put(this.placeAt(event));
  }

  placeAt({ clientX, clientY }) {
    const { left, top, width, height } = this.box.getBoundingClientRect();
    return [LEFT + ((clientX - left) / width) * SIDE, BELOW + (1 - (clientY - top) / height) * SIDE];
  }

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!way) return;
    event.preventDefault();
    this.put(this.place.map((value, i) => value + way[i] * (event.shiftKey ? 0.01 : 0.05)));
  }

  put(place) {
    this.moved(
      weightsAt(within(place))
        .slice(0, 2)
        .map((weight) => Number(weight.toFixed(3))),
    );
  }
}
