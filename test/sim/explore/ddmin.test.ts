import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ddmin } from '../../../sim/explore/ddmin.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`ddmin: SEED=${seed}`);

describe('ddmin', () => {
  it('finds exactly the items that are needed, and keeps their order', () => {
    const cause = fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: 8 });
    fc.assert(
      fc.property(cause, fc.integer({ min: 64, max: 100 }), (needed, length) => {
        const items = Array.from({ length }, (_, i) => i);
        const found = ddmin(items, (subset) => needed.every((one) => subset.includes(one)));
        expect(found).toEqual(needed.toSorted((a, b) => a - b));
      }),
      { seed },
    );
  });

  it('is 1-minimal for any way to fail', () => {
    // Fails if at least so many of each of two kinds are there, whichever: not monotone in items.
    const kinds = fc.array(fc.constantFrom('x', 'y', 'z'), { minLength: 1, maxLength: 40 });
    const quota = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(kinds, quota, quota, fc.boolean(), (items, xs, ys, odd) => {
        const fails = (subset: readonly string[]): boolean => {
          const count = (kind: string): number => subset.filter((one) => one === kind).length;
          const isOdd = !odd || count('z') % 2 === items.filter((one) => one === 'z').length % 2;
          return count('x') >= xs && count('y') >= ys && isOdd;
        };
        fc.pre(fails(items));
        const found = ddmin(items, fails);
        expect(fails(found)).toBe(true);
        for (const leftOut of found.keys()) {
          expect(fails(found.filter((_, at) => at !== leftOut))).toBe(false);
        }
      }),
      { seed },
    );
  });

  it('tells each smaller list, and asks a number of times that grows slowly', () => {
    const items = Array.from({ length: 1_024 }, (_, i) => i);
    let asked = 0;
    const kept: number[] = [];
    const fails = (subset: readonly number[]): boolean => {
      asked += 1;
      return subset.includes(300) && subset.includes(301);
    };
    const found = ddmin(items, fails, (subset) => kept.push(subset.length));
    expect(found).toEqual([300, 301]);
    expect(kept).toEqual(kept.toSorted((a, b) => b - a));
    expect(asked).toBeLessThan(100);
  });

  it.each([[[]], [[1]]])('leaves out everything of %j if nothing is needed', (items) => {
    expect(ddmin(items, () => true)).toEqual([]);
  });
});
