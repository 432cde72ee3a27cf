// Runs that take time are on a lane, where the newest wins: an older one ends at its next token.

/** Why a run was ended before it was through. */
export class Ended extends Error {}

export class Lanes {
  #newest = new Map();

  /**
   * Run a job as the newest on its lane. Before each of its steps it awaits `check`.
   * @param {(check: () => Promise<void>) => Promise<any>} job
   */
  run(lane, job) {
    const me = {};
    this.#newest.set(lane, me);
    return job(async () => {
      await messages();
      if (this.#newest.get(lane) !== me) throw new Ended("A newer run has ended this one.");
    });
  }

  /** End what runs on a lane. */
  stop(lane) {
    this.#newest.delete(lane);
  }
}

const { port1, port2 } = new MessageChannel(), waiting = [];
port1.onmessage = () => waiting.shift()();

/** Let the worker hear what was sent to it meanwhile: a timer would, too, but waits for 4 ms. */
const messages = () => new Promise((done) => { waiting.push(done); port2.postMessage(null); });
