/** Who is next where some work is waited for and other work is not. */
import { OVERTAKEN_BATCHES_MAX } from './limits.js';

/**
 * Interactive work goes first, but never more than some batches in a row while background work waits:
 * a program that asks without a pause would otherwise keep a store from ever being built.
 */
export class Overtaking {
  #overtaken = 0;

  /** Says whose turn it is, given how many wait of each, and counts it. */
  next(interactive: number, background: number): 'interactive' | 'background' {
    if (background === 0) {
      this.#overtaken = 0;
      return 'interactive';
    }
    if (interactive === 0 || this.#overtaken >= OVERTAKEN_BATCHES_MAX) {
      this.#overtaken = 0;
      return 'background';
    }
    this.#overtaken += 1;
    return 'interactive';
  }
}
