// Work of which the newest wins, as the panels' latest.py has it.

import { Ended } from "./engine.js";
import { sentence } from "./words.js";

export class Latest {
  #run = 0;

  /** @param {(error: Error) => void} failed  hears what went wrong in the newest job */
  constructor(failed) {
    this.failed = failed;
  }

  /**
   * Do a job, which asks `here` whether it is still the newest.
   * @param {(here: () => boolean) => Promise<void>} job
   */
  async run(job) {
    const run = ++this.#run,
      here = () => run === this.#run;
    try {
      await job(here);
    } catch (error) {
      if (here() && !(error instanceof Ended)) this.failed(error);
    }
    return here();
  }

  /** No job is the newest any more. */
  end() {
    this.#run++;
  }
}

/**
 * A line about work; a screen reader says what is settled, not each number on the way.
 * @param {HTMLElement} line
 */
export function noteIn(line) {
  const write = (text, wrong, live) => {
    line.ariaLive = live;
    line.classList.toggle("wrong", wrong);
    if (line.textContent !== text) line.textContent = text;
  };
  return {
    tell: (text) => write(text, false, "off"),
    settle: (text) => write(text, false, "polite"),
    fail: ({ message }) => write(sentence(message), true, "assertive"),
  };
}
