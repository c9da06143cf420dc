import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WINDOW_NUMBERS } from '../../../src/topics/limits.js';
import { ReplayWindow } from '../../../src/topics/replay-window.js';

/** What the window stands for: every number that was seen, without a bound. */
class Model {
  readonly #seen = new Set<string>();
  #epoch = 0;
  #highest = 0;

  isNew(epoch: number, sequence: number): boolean {
    if (epoch < this.#epoch) return false;
    if (epoch > this.#epoch) return true;
    return sequence > this.#highest - WINDOW_NUMBERS && !this.#seen.has(`${epoch} ${sequence}`);
  }

  add(epoch: number, sequence: number): void {
    if (epoch > this.#epoch) this.#highest = 0;
    this.#epoch = epoch;
    this.#highest = Math.max(this.#highest, sequence);
    this.#seen.add(`${epoch} ${sequence}`);
  }
}

const numbers = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 3 * WINDOW_NUMBERS }),
  fc.constantFrom(2 ** 31, 2 ** 32 + 5, 2 ** 53 - 2, 2 ** 53 - 1),
);
const arrivals = fc.array(fc.tuple(fc.constantFrom(1, 1, 1, 1, 2, 3), numbers), {
  maxLength: 200,
});

describe('the replay window', () => {
  // fast-check prints its seed and path; { seed, path } as second argument of assert repeats it.
  it('knows what was seen, as far as it reaches, in any order and any epochs', () => {
    fc.assert(
      fc.property(arrivals, (all) => {
        const window = new ReplayWindow();
        const model = new Model();
        for (const [epoch, sequence] of all) {
          const isNew = window.isNew(epoch, sequence);
          expect(isNew).toBe(model.isNew(epoch, sequence));
          if (!isNew) continue;
          window.add(epoch, sequence);
          model.add(epoch, sequence);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reaches as far back as it says', () => {
    const window = new ReplayWindow();
    window.add(1, WINDOW_NUMBERS + 1);
    expect(window.isNew(1, 2)).toBe(true);
    expect(window.isNew(1, 1)).toBe(false);
  });
});
