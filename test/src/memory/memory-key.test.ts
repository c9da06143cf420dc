import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  DEFAULT_NAMESPACE,
  keyRanges,
  memoryKey,
  namespaceOf,
  parseMemoryKey,
} from '../../../src/memory/memory-key.js';
import { seed } from './support.js';

const US = '\u001f';
const character = fc.oneof(
  fc.constantFrom(US, ' ', '\u001e', '\u0001', 'a', 'é', '😀', '"', '\n', '\uffff'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const text = fc
  .string({ unit: character, minLength: 1, maxLength: 8 })
  .filter((one) => !one.includes('\0') && !/\p{Surrogate}/u.test(one));
const namespace = fc.oneof(
  fc.constant(DEFAULT_NAMESPACE),
  text.filter((one) => !one.includes(US)),
);

describe('the key of a memory', () => {
  it('is decoded exactly, and no two are alike', () => {
    fc.assert(
      fc.property(namespace, text, namespace, text, (one, id, two, other) => {
        const key = memoryKey(one, id);
        expect(parseMemoryKey(key)).toEqual({ namespace: one, id });
        expect(namespaceOf(key)).toBe(one);
        expect(memoryKey(two, other) === key).toBe(one === two && id === other);
      }),
      { seed: seed(), numRuns: 2000 },
    );
  });

  it('is what is parsed, or nothing', () => {
    fc.assert(
      fc.property(text, (key) => {
        const parsed = parseMemoryKey(key);
        if (parsed !== undefined) expect(memoryKey(parsed.namespace, parsed.id)).toBe(key);
      }),
      { seed: seed(), numRuns: 2000 },
    );
  });

  it('lies in the ranges of its namespace and of no other', () => {
    const bytes = (one: string): Buffer => Buffer.from(one);
    const isIn = (key: string, of: string): boolean =>
      keyRanges(of).some(([from, to]) => {
        const isBelow = to === null || Buffer.compare(bytes(key), bytes(to)) < 0;
        return isBelow && Buffer.compare(bytes(key), bytes(from)) >= 0;
      });
    fc.assert(
      fc.property(namespace, text, namespace, (one, id, two) => {
        const key = memoryKey(one, id);
        expect(isIn(key, one)).toBe(true);
        expect(isIn(key, two)).toBe(one === two);
      }),
      { seed: seed(), numRuns: 2000 },
    );
  });

  it('leaves ids of the default namespace as they are', () => {
    expect(memoryKey(DEFAULT_NAMESPACE, `it's "a"\nb`)).toBe(`it's "a"\nb`);
    expect(memoryKey('n', 'a')).toBe(`${US}n${US}a`);
    expect(memoryKey(DEFAULT_NAMESPACE, `${US}n${US}a`)).toBe(`${US}${US}${US}n${US}a`);
  });

  it('refuses what has none', () => {
    const bad: readonly (readonly [string, string])[] = [
      ['', 'a'],
      [`a${US}`, 'a'],
      ['n'.repeat(257), 'a'],
      ['n', ''],
      ['n', 'a\0'],
      ['n', '\ud800'],
      [DEFAULT_NAMESPACE, 'x'.repeat(4097)],
      ['n', 'x'.repeat(4094)],
    ];
    for (const [one, id] of bad) {
      expect(() => memoryKey(one, id)).toThrow(expect.objectContaining({ code: 'invalid' }));
    }
  });
});
