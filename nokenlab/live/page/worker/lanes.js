// Runs that take time are on a lane, on which the newest wins: an older one ends at its next token.

/** Why a run was ended before it was through. */
export class Ended extends Error {}

export class Lanes {
  #newest = new Map();

  /** Run a job as the newest on its lane. It calls `check` before each of its steps. @param {(check: () => Promise<void>) => Promise<any>} job */
  run(lane, job) {
    const me = {};
    this.#newest.set(lane, me);
    return job(async () => {
      await messages();
      if (this.#newest.get(lane) !== me) throw new Ended("a newer run has ended this one");
    });
  }

  /** End what runs on a lane. */
  stop(lane) {
    this.#newest.delete(lane);
  }
}

/** Let the worker hear what was sent to it meanwhile. */
const channel = new MessageChannel(), waiting = [];
channel.port1.onmessage = () => waiting.shift()();
const messages = () => new Promise((done) => { waiting.push(done); channel.port2.postMessage(null); });
