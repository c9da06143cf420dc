/** Turns of the event loop, shared by the queries of one store. */
import { GraphError } from './error.js';
import { QUERIES_MAX } from './limits.js';
import type { Work } from './work.js';

/**
 * Gives each turn of the event loop to one query. Without this, the slices of all queries that wait
 * would run one after the other before anything else.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #isScheduled = false;

  /**
   * Runs steps until the last one; pauses at each `yield`. `check` is asked after every pause and
   * throws when the work makes no sense any more. Throws `overloaded`.
   */
  async run<T>(steps: Generator<undefined, T>, work: Work, check: () => void): Promise<T> {
    if (this.#running >= QUERIES_MAX) {
      throw new GraphError('overloaded', `${QUERIES_MAX} queries wait already; ask again later`);
    }
    this.#running += 1;
    try {
      if (this.#waiting.length > 0) await this.#pause();
      for (;;) {
        check();
        work.resume();
        const next = steps.next();
        if (next.done === true) return next.value;
        await this.#pause();
      }
    } finally {
      this.#running -= 1;
      // What the steps hold open (a dump) is closed by them.
      steps.return(undefined as T);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
