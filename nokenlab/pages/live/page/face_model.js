// A stand-in for anywidget's model: the panels' faces run in this page, and the engine is their kernel.

/** @typedef {{render: (context: {model: FaceModel, el: HTMLElement}) => () => void}} Face */

export class FaceModel {
  #state;
  #heard = {};

  /**
   * @param {object} state @param {(message: object) => void} hear  what the face sends
   * @param {(key: string) => void} [saved]  what it set
   */
  constructor(state, hear, saved = () => {}) {
    this.#state = { live: true, progress: [0, 0], ...state };
    this.send = hear;
    this.saved = saved;
  }

  get(key) {
    return this.#state[key];
  }

  set(key, value) {
    if (this.#state[key] === value) return;
    this.#state[key] = value;
    (this.#heard[`change:${key}`] ?? []).forEach((callback) => callback());
    this.saved(key);
  }

  on(event, callback) {
    (this.#heard[event] ??= []).push(callback);
  }

  off(event, callback) {
    this.#heard[event] = (this.#heard[event] ?? []).filter((other) => other !== callback);
  }

  save_changes() {} // every set is heard at once
}
