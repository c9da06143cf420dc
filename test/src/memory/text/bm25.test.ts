/** The formula, by hand, and what the pruning rests on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  inverseDocumentFrequency,
  TermWeight,
  UNITS_PER_ONE,
} from '../../../../src/memory/text/bm25.js';
import { TextIndex } from '../../../../src/memory/text/text-index.js';
import { seed } from '../support.js';

describe('BM25', () => {
  it('is the formula of Robertson and Zaragoza', () => {
    // Three documents of 2, 3 and 4 tokens, mean 3. "fox" is in two of them: ln(1 + 1.5 / 2.5).
    const index = new TextIndex();
    index.put('a', 'red fox');
    index.put('b', 'fox fox sky');
    index.put('c', 'sky over the sea');
    const idf = 0.470_003_629_245_735_5;
    expect(inverseDocumentFrequency(3, 2)).toBeCloseTo(idf, 12);
    // b: 2 / (1.2 (0.25 + 0.75 * 3/3) + 2) = 0.625; a: 1 / (1.2 (0.25 + 0.75 * 2/3) + 1) = 1/1.9.
    const hits = index.search('fox', { limit: 5 });
    expect(hits.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(hits[0]!.score).toBeCloseTo(idf * 0.625, 8);
    expect(hits[1]!.score).toBeCloseTo(idf / 1.9, 8);
    // "red" is in one of three: ln(1 + 2.5 / 1.5).
    const [first] = index.search('red fox', { limit: 1 });
    expect(first!.id).toBe('a');
    expect(first!.score).toBeCloseTo((idf + Math.log(1 + 2.5 / 1.5)) / 1.9, 8);
  });

  it('never falls with the count, nor rises with the length, and stays within one and its ceiling', () => {
    const numbers = fc.record({
      documents: fc.integer({ min: 1, max: 16_777_216 }),
      mean: fc.double({ min: 0.01, max: 20_000, noNaN: true }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      count: fc.integer({ min: 1, max: 20_000 }),
      more: fc.integer({ min: 0, max: 50 }),
      length: fc.integer({ min: 1, max: 20_000 }),
      longer: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(numbers, ({ documents, mean, part, count, more, length, longer }) => {
        const tokens = Math.ceil(documents * mean);
        const weight = new TermWeight({ documents, tokens }, Math.floor(documents * part));
        const units = weight.units(count, length);
        expect(weight.units(count + more, length)).toBeGreaterThanOrEqual(units);
        expect(weight.units(count, length + longer)).toBeLessThanOrEqual(units);
        expect(Number.isSafeInteger(units)).toBe(true);
        expect(units).toBeGreaterThanOrEqual(1);
        expect(units).toBeLessThanOrEqual(weight.ceiling);
        // The sum over all words of a query is exact.
        expect(256 * weight.ceiling).toBeLessThan(Number.MAX_SAFE_INTEGER);
        expect(weight.ceiling / UNITS_PER_ONE).toBeGreaterThan(0);
      }),
      { seed: seed(), numRuns: 3000 },
    );
  });
});
