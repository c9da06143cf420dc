/** The text index against a reference that scores every document. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TextIndex } from '../../../../src/memory/text/text-index.js';
import { seed } from '../support.js';
import { Reference } from './reference.js';
import { TextSource } from './source.js';

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const text = fc
  .array(fc.constantFrom('red', 'Fox', 'blue', 'sky', 'été', '7'), { maxLength: 6 })
  .map((words) => words.join(', '));
const action = fc.oneof(
  fc.record({ do: fc.constant('put' as const), id, text }),
  fc.record({ do: fc.constant('delete' as const), id }),
  fc.record({ do: fc.constant('search' as const), text, limit: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ do: fc.constant('compact' as const) }),
);

describe('the text index', () => {
  it('answers as the reference does, whatever was put, replaced and deleted', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const index = new TextIndex();
        const reference = new Reference();
        for (const step of actions) {
          if (step.do === 'put') {
            index.put(step.id, step.text);
            reference.put(step.id, step.text);
          } else if (step.do === 'delete') {
            expect(index.delete(step.id)).toBe(reference.delete(step.id));
          } else if (step.do === 'search') {
            const { limit } = step;
            expect(index.search(step.text, { limit })).toEqual(reference.search(step.text, limit));
          } else {
            for (const _ of index.compactInSteps());
          }
          expect(index.size).toBe(reference.size);
        }
      }),
      { seed: seed(), numRuns: 500 },
    );
  });

  it('gives to the last bit what reading every posting gives, through segments and merges', () => {
    const start = seed();
    const source = new TextSource(start, 3000);
    const { random } = source;
    const index = new TextIndex();
    const reference = new Reference();
    let [segmentsMost, searches] = [0, 0];
    for (let round = 0; round < 14_000; round += 1) {
      const name = `m${random.integer(0, 9000)}`;
      if (random.fraction() < 0.2) {
        expect(index.delete(name)).toBe(reference.delete(name));
      } else {
        const words = source.text(0, random.integer(1, 40));
        index.put(name, words);
        reference.put(name, words);
      }
      segmentsMost = Math.max(segmentsMost, index.counts().segments);
      if (round % 350 !== 349) continue;
      const accept = (held: string): boolean => !held.endsWith('3');
      for (const query of [source.text(1, 2), source.text(2, 5), source.text(5, 20)]) {
        const limit = random.pick([1, 3, 10, 100, 1000]);
        const expected = reference.search(query, limit, accept);
        expect(index.search(query, { limit, accept }), `seed ${start}`).toEqual(expected);
        const all = index.search(query, { limit, accept, isExhaustive: true });
        expect(all, `seed ${start}`).toEqual(expected);
        searches += 1;
      }
    }
    expect(searches).toBe(120);
    // Each segment was once full: without merges there would be more than ten.
    expect(segmentsMost).toBeGreaterThan(2);
    expect(segmentsMost).toBeLessThan(9);
    const queries = Array.from({ length: 40 }, () => source.text(1, 6));
    for (const _ of index.compactInSteps()) {
      // While segments become one, they answer and take what comes.
      const words = source.text(1, 9);
      index.put('between', words);
      reference.put('between', words);
      index.delete('m7');
      reference.delete('m7');
      const query = source.text(1, 6);
      expect(index.search(query, { limit: 9 })).toEqual(reference.search(query, 9));
    }
    index.delete('between');
    reference.delete('between');
    index.compacted();
    expect(index.counts()).toMatchObject({ documents: index.size, segments: 1 });
    for (const query of queries) {
      expect(index.search(query, { limit: 20 })).toEqual(reference.search(query, 20));
    }
  });

  it('lets deleted documents go', () => {
    const source = new TextSource(7, 500);
    const index = new TextIndex();
    // One document in many versions, then many documents that go again.
    for (let round = 0; round < 30_000; round += 1) index.put('a', source.text(5, 15));
    expect(index.counts().segments).toBeLessThan(9);
    expect(index.counts().postings).toBeLessThan(120_000);
    for (let round = 0; round < 10_000; round += 1) index.put(`b${round}`, source.text(5, 15));
    for (let round = 0; round < 10_000; round += 1) index.delete(`b${round}`);
    expect(index.counts()).toMatchObject({ documents: 1 });
    expect(index.counts().postings).toBeLessThan(40_000);
    expect(index.compacted()?.slotCount).toBe(1);
    index.delete('a');
    expect(index.compacted()).toBeUndefined();
    expect(index.search('w1', { limit: 1 })).toEqual([]);
  });

  it('orders equal scores by id', () => {
    const index = new TextIndex();
    for (const name of ['d', 'b', 'c', 'a', 'e']) index.put(name, 'the same text');
    const ids = index.search('same', { limit: 3 }).map((hit) => hit.id);
    expect(ids).toEqual(['a', 'b', 'c']);
  });

  it('knows what a query can score at most', () => {
    const index = new TextIndex();
    index.put('a', 'red '.repeat(500));
    index.put('b', 'blue');
    const [hit] = index.search('red', { limit: 1 });
    const ceiling = index.ceilingOf('red');
    expect(hit!.score).toBeLessThan(ceiling);
    expect(hit!.score).toBeGreaterThan(0.99 * ceiling);
    expect(index.ceilingOf('red green')).toBeGreaterThan(2 * ceiling);
    expect(index.ceilingOf('...')).toBe(0);
  });

  it('refuses limits out of range, and takes any id', () => {
    const index = new TextIndex();
    for (const limit of [0, 1001, 1.5, Number.NaN]) {
      expect(() => index.search('', { limit })).toThrow(
        expect.objectContaining({ code: 'invalid' }),
      );
    }
    const names = ['', '\ud800', 'a\0b"\n', 'x'.repeat(100_000)].sort();
    for (const name of names) index.put(name, 'text');
    expect(index.search('text', { limit: 9 }).map(({ id }) => id)).toEqual(names);
  });
});
