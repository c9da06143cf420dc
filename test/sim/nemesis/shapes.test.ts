import { describe, expect, it } from 'vitest';
import { isolatePairs, ringPairs, splitPairs, starPairs } from '../../../sim/world/index.js';
import type { Pair } from '../../../sim/world/index.js';

const named = (size: number): string[] => Array.from({ length: size }, (_, place) => `n${place}`);

/** Whom each node exchanges messages with, itself included. */
function seenBy(nodes: readonly string[], blocked: readonly Pair[]): string[][] {
  const isBlocked = new Set(blocked.map((pair) => pair.join(' ')));
  return nodes.map((node) =>
    nodes.filter(
      (other) => !isBlocked.has(`${node} ${other}`) && !isBlocked.has(`${other} ${node}`),
    ),
  );
}

describe('a ring of majorities', () => {
  it.each([3, 4, 5, 6, 7, 8, 9])('of %i nodes: each sees a majority, no two the same', (size) => {
    const nodes = named(size);
    const pairs = ringPairs(nodes);
    const seen = seenBy(nodes, pairs);
    for (const [place, others] of seen.entries()) {
      expect(others).toContain(nodes[place]);
      expect(others.length).toBeGreaterThan(size / 2);
    }
    expect(new Set(seen.map((others) => others.join(' '))).size).toBe(size);
    // Both directions of a link are blocked or none.
    const directions = new Set(pairs.map((pair) => pair.join(' ')));
    expect(pairs.every(([from, to]) => directions.has(`${to} ${from}`))).toBe(true);
  });

  it.each([0, 1, 2])('of %i nodes blocks nothing', (size) => {
    expect(ringPairs(named(size))).toEqual([]);
  });
});

describe('a star', () => {
  it('lets only the center reach the leaves', () => {
    const nodes = named(5);
    expect(seenBy(nodes, starPairs('n2', nodes)).map((seen) => seen.join(' '))).toEqual([
      'n0 n2',
      'n1 n2',
      'n0 n1 n2 n3 n4',
      'n2 n3',
      'n2 n4',
    ]);
  });
});

describe('splits', () => {
  it('block each direction between groups once, and none within', () => {
    const pairs = splitPairs([['a', 'b'], ['c'], ['d']]).map((pair) => pair.join(''));
    expect(pairs.sort()).toEqual(['ac', 'ad', 'bc', 'bd', 'ca', 'cb', 'cd', 'da', 'db', 'dc']);
    expect(isolatePairs('a', ['a', 'b']).map((pair) => pair.join(''))).toEqual(['ab', 'ba']);
  });
});
