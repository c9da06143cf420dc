/** Fusion and diversity, by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { byScore, type Scored } from '../../../../src/memory/nearest.js';
import { diversify, fuseByRank, fuseByWeight } from '../../../../src/memory/text/fusion.js';
import { seed } from '../support.js';

function list(...entries: readonly (readonly [string, number])[]): Scored[] {
  return entries.map(([id, score]) => ({ id, score }));
}

describe('reciprocal rank fusion', () => {
  it('adds 1 / (60 + rank) of each list', () => {
    const words = list(['a', 9], ['b', 8], ['c', 1]);
    const vectors = list(['c', 0.9], ['a', 0.2]);
    const fused = fuseByRank([words, vectors]);
    expect(fused.map(({ id }) => id)).toEqual(['a', 'c', 'b']);
    expect(fused[0]!.score).toBeCloseTo(1 / 61 + 1 / 62, 15);
    expect(fused[1]!.score).toBeCloseTo(1 / 63 + 1 / 61, 15);
    expect(fused[2]!.score).toBeCloseTo(1 / 62, 15);
  });

  it('orders ties by id and takes lists that are empty', () => {
    const fused = fuseByRank([list(['b', 1]), list(['a', 5]), []]);
    expect(fused.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(fuseByRank([])).toEqual([]);
  });

  it('takes another constant, and refuses those that are none', () => {
    expect(fuseByRank([list(['a', 1])], 0)).toEqual([{ id: 'a', score: 1 }]);
    for (const constant of [-1, Number.NaN, Infinity]) {
      expect(() => fuseByRank([], constant)).toThrow(expect.objectContaining({ code: 'invalid' }));
    }
  });
});

describe('the weighted sum', () => {
  it('adds scores scaled to the range of their list', () => {
    const words = { hits: list(['a', 30], ['b', 20], ['c', 10]), weight: 1 };
    const vectors = { hits: list(['b', 0.9], ['d', 0.5], ['a', 0.1]), weight: 3 };
    const fused = fuseByWeight([words, vectors]);
    // b: 0.25 * 0.5 + 0.75 * 1, d: 0.75 * 0.5, a: 0.25 * 1 + 0.75 * 0, c: 0.
    expect(fused.map(({ id }) => id)).toEqual(['b', 'd', 'a', 'c']);
    expect(fused.map(({ score }) => score)).toEqual([0.875, expect.closeTo(0.375), 0.25, 0]);
  });

  it('counts a list of equal scores as one each', () => {
    const fused = fuseByWeight([{ hits: list(['b', 7], ['a', 7]), weight: 2 }]);
    expect(fused).toEqual(list(['a', 1], ['b', 1]));
  });

  it('refuses weights and scores that mean nothing', () => {
    const hits = list(['a', 1]);
    for (const weight of [-1, 0, Number.NaN, Infinity]) {
      expect(() => fuseByWeight([{ hits, weight }])).toThrow(
        expect.objectContaining({ code: 'invalid' }),
      );
    }
    expect(() => fuseByWeight([{ hits: list(['a', Number.NaN]), weight: 1 }])).toThrow(
      expect.objectContaining({ code: 'invalid' }),
    );
  });

  it('stays within 0 and 1, whatever the lists', () => {
    const score = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    const hits = fc
      .uniqueArray(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), score }), {
        selector: ({ id }) => id,
      })
      .map((found) => found.sort(byScore));
    const weighted = fc.record({ hits, weight: fc.double({ min: 0.01, max: 100, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(weighted, { minLength: 1, maxLength: 4 }), (lists) => {
        const fused = fuseByWeight(lists);
        expect(fused).toEqual([...fused].sort(byScore));
        for (const { score } of fused) {
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1 + 1e-12);
        }
      }),
      { seed: seed(), numRuns: 500 },
    );
  });
});

describe('maximal marginal relevance', () => {
  const hits = list(['a', 10], ['b', 9], ['c', 6], ['d', 0]);
  /** a and b say the same. */
  const similarity = (x: string, y: string): number => ([x, y].sort().join('') === 'ab' ? 1 : 0.1);

  it('puts the copy of what was taken behind what is new', () => {
    // After a: b is worth 0.5 * 0.9 - 0.5 * 1 < c with 0.5 * 0.6 - 0.5 * 0.1, then b < d at -0.05.
    const chosen = diversify(hits, { lambda: 0.5, limit: 4, similarity });
    expect(chosen.map(({ id }) => id)).toEqual(['a', 'c', 'b', 'd']);
    expect(chosen[1]).toBe(hits[2]);
    const least = diversify(hits, { lambda: 0.3, limit: 4, similarity });
    expect(least.map(({ id }) => id)).toEqual(['a', 'c', 'd', 'b']);
  });

  it('is the order by score at lambda 1', () => {
    const chosen = diversify(hits, { lambda: 1, limit: 3, similarity });
    expect(chosen).toEqual(hits.slice(0, 3));
  });

  it('looks at the most similar of all that were taken', () => {
    const line = list(['0', 3], ['10', 2], ['5', 1]);
    const near = (x: string, y: string): number => 1 / (1 + Math.abs(Number(x) - Number(y)));
    const chosen = diversify([...line, { id: '1', score: 1 }], {
      lambda: 0,
      limit: 4,
      similarity: near,
    });
    expect(chosen.map(({ id }) => id)).toEqual(['0', '10', '5', '1']);
  });

  it('refuses a lambda and a limit out of range, and takes no hits', () => {
    for (const options of [
      { lambda: -0.1, limit: 1 },
      { lambda: 1.1, limit: 1 },
      { lambda: Number.NaN, limit: 1 },
      { lambda: 1, limit: 0 },
      { lambda: 1, limit: 1.5 },
    ]) {
      expect(() => diversify(hits, { ...options, similarity })).toThrow(
        expect.objectContaining({ code: 'invalid' }),
      );
    }
    expect(diversify([], { lambda: 0.5, limit: 3, similarity })).toEqual([]);
  });
});
