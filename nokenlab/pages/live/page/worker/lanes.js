// Runs that take time are on a lane, where a newer run cancels the older at its next token.

/** A run was cancelled. */
export class Cancelled extends Error {}

export class Lanes {
  #newest = new Map();

  /**
   * Run a job as the newest on its lane. Before each of its steps it awaits `check`, which may throw Cancelled.
   * @param {(check: () => Promise<void>) => Promise<any>} job
   */
  run(lane, job) {
    const id = Symbol(lane);
    this.#newest.set(lane, id);
    return job(async () => {
      await receiveMessages();
      if (this.#newest.get(lane) !== id) throw new Cancelled("A newer run has cancelled this one.");
    });
  }

  /** Cancel what runs on a lane. */
  stop(lane) {
    this.#newest.delete(lane);
  }
}

const { port1, port2 } = new MessageChannel(), waiting = [];
port1.onmessage = () => waiting.shift()();

/** Let the worker receive the messages that have arrived: a timer would, too, but waits for 4 ms. */
const receiveMessages = () => new Promise((resolve) => { waiting.push(resolve); port2.postMessage(null); });
