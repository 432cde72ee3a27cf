// A triangle of three words with a dot to drag: by mouse, touch or arrow keys.

import { say } from "./dom.js";

const HEIGHT = Math.sqrt(3) / 2; // of a triangle with sides of length 1
const CORNERS = [
  [0, 0],
  [1, 0],
  [0.5, HEIGHT],
]; // left, right, above
const LEFT = -0.3,
  BOTTOM = -0.4,
  SIDE = 1.6; // of the square that is shown
const BOX = 320; // its side in the picture's own units
const LONGEST = 14; // characters of a word beside its corner
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

/** The weights of the corners at a point. */
export function weightsAt([x, y]) {
  const third = y / HEIGHT,
    second = x - third / 2;
  return [1 - second - third, second, third];
}

/** The point with these weights of the corners, which sum to 1. @param {number[]} weights */
export const pointOf = (weights) =>
  [0, 1].map((axis) => weights.reduce((sum, weight, i) => sum + weight * CORNERS[i][axis], 0));

const clamp = (value, low) => Math.min(Math.max(value, low), low + SIDE);
const within = ([x, y]) => [clamp(x, LEFT), clamp(y, BOTTOM)];
const pixel = ([x, y]) => [((x - LEFT) / SIDE) * BOX, (1 - (y - BOTTOM) / SIDE) * BOX];

function draw(tag, attributes, ...content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** The picture. */
export class Pad {
  /** @param {(weights: [number, number]) => void} onMove  hears the weights of the first two corners */
  constructor(onMove) {
    this.onMove = onMove;
    const corners = CORNERS.map(pixel),
      dots = corners.map(([cx, cy]) => draw("circle", { cx, cy, r: 5 }));
    this.names = corners.map(([x, y], i) =>
      draw("text", { x, y: i < 2 ? y + 24 : y - 12, "text-anchor": "middle" }),
    );
    this.dot = draw("circle", { r: 12, class: "dot" });
    this.box = draw(
      "svg",
      {
        viewBox: `0 0 ${BOX} ${BOX}`,
        class: "pad",
        tabindex: 0,
        role: "application",
        "aria-label": "Plane through three words: arrow keys move the dot, with Shift by a little",
      },
      draw("polygon", { points: corners.join(" ") }),
      ...dots,
      ...this.names,
      this.dot,
    );
    this.box.onpointerdown = (event) => this.grab(event);
    this.box.onpointermove = (event) => this.dragging && this.move(this.pointAt(event));
    this.box.onpointerup = this.box.onpointercancel = () => {
      this.dragging = false;
    };
    this.box.onkeydown = (event) => this.pressed(event);
  }

  /** @param {string[]} words @param {number[]} weights */
  show(words, weights) {
    this.point = pointOf(weights);
    this.names.forEach((name, i) => {
      say(name, words[i].length > LONGEST ? `${words[i].slice(0, LONGEST - 1)}…` : words[i]);
    });
    const [x, y] = pixel(within(this.point));
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", y);
  }

  grab(event) {
    if (event.button) return;
    this.box.focus({ preventScroll: true });
    event.preventDefault();
    this.box.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.move(this.pointAt(event));
  }

  pointAt({ clientX, clientY }) {
    const { left, top, width, height } = this.box.getBoundingClientRect();
    return [LEFT + ((clientX - left) / width) * SIDE, BOTTOM + (1 - (clientY - top) / height) * SIDE];
  }

  pressed(event) {
    const direction = ARROWS[event.key];
    if (!direction) return;
    event.preventDefault();
    const step = event.shiftKey ? 0.01 : 0.05;
    this.move(this.point.map((value, i) => value + direction[i] * step));
  }

  move(point) {
    const [first, second] = weightsAt(within(point));
    this.onMove([first, second].map((weight) => Number(weight.toFixed(3))));
  }
}
