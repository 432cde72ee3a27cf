// Jobs of which a newer one cancels the older, and the line that says how they are going.

import { say } from "./dom.js";
import { Cancelled } from "./engine.js";
import { sentence } from "./words.js";

export class Latest {
  #newest = 0;

  /** @param {(error: Error) => void} onError  of the newest job */
  constructor(onError) {
    this.onError = onError;
  }

  /**
   * Do a job; `isNewest` tells it whether to go on. Returns whether it is still the newest when it ends.
   * @param {(isNewest: () => boolean) => Promise<void>} job
   */
  async run(job) {
    const number = ++this.#newest,
      isNewest = () => number === this.#newest;
    try {
      await job(isNewest);
    } catch (error) {
      if (isNewest() && !(error instanceof Cancelled)) this.onError(error);
    }
    return isNewest();
  }

  cancel() {
    this.#newest++;
  }
}

/**
 * A line about work. Screen readers read results and errors, but not each number of progress.
 * @param {HTMLElement} line
 */
export function noteIn(line) {
  const write = (text, wrong, live) => {
    line.ariaLive = live;
    line.classList.toggle("wrong", wrong);
    say(line, text);
  };
  return {
    progress: (text) => write(text, false, "off"),
    done: (text) => write(text, false, "polite"),
    fail: ({ message }) => write(sentence(message), true, "assertive"),
  };
}
