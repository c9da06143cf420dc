import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TimeIndex } from '../../../src/memory/time-index.js';
import { seed } from './support.js';

describe('the index of times', () => {
  it('finds what looking at everything finds, over many blocks', () => {
    const change = fc.record({
      id: fc.nat(1500).map(String),
      timeMs: fc.option(fc.nat(40), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 2000, maxLength: 4000 }),
        fc.array(fc.tuple(fc.nat(45), fc.nat(45)), { minLength: 5, maxLength: 5 }),
        (changes, ranges) => {
          const index = new TimeIndex();
          const times = new Map<string, number>();
          for (const { id, timeMs } of changes) {
            if (timeMs === undefined) {
              index.delete(id);
              times.delete(id);
            } else {
              index.put(id, timeMs);
              times.set(id, timeMs);
            }
          }
          for (const [from, to] of ranges) {
            const expected = [...times].filter(([, time]) => time >= from && time <= to);
            const ids = expected.map(([id]) => id).sort();
            expect([...index.between(from, to)].sort()).toEqual(ids);
          }
        },
      ),
      { seed: seed(), numRuns: 20 },
    );
  });
});
