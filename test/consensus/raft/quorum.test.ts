import { describe, expect, it } from 'vitest';
import {
  type VoteOutcome,
  jointCommitted,
  jointVote,
  majorityCommitted,
  majoritySize,
} from '../../../consensus/raft/quorum.js';

const set = (...ids: number[]): Set<number> => new Set(ids);

describe('a majority', () => {
  it('is more than half', () => {
    expect([1, 2, 3, 4, 5, 6].map(majoritySize)).toEqual([1, 2, 2, 3, 3, 4]);
  });

  it('commits what more than half have, and everything if it is empty', () => {
    const indexes = new Map([
      [1, 12],
      [2, 5],
      [3, 7],
    ]);
    expect(majorityCommitted(set(1, 2, 3), (id) => indexes.get(id))).toBe(7);
    expect(majorityCommitted(set(1, 2, 9, 8), (id) => indexes.get(id))).toBe(0);
    expect(majorityCommitted(set(), () => 0)).toBe(Infinity);
    expect(jointCommitted(set(1), set(2), (id) => indexes.get(id))).toBe(5);
    expect(jointCommitted(set(2), set(1), (id) => indexes.get(id))).toBe(5);
  });
});

describe('a joint vote', () => {
  // Rows: 1 is the only incoming voter, 2 the only outgoing one.
  const table: [boolean | undefined, boolean | undefined, VoteOutcome][] = [
    [true, true, 'won'],
    [true, undefined, 'pending'],
    [true, false, 'lost'],
    [undefined, undefined, 'pending'],
    [undefined, false, 'lost'],
    [false, false, 'lost'],
  ];
  for (const [first, second, outcome] of table) {
    it(`of ${first} and ${second} is ${outcome}`, () => {
      const votes = new Map([
        [1, first],
        [2, second],
      ]);
      expect(jointVote(set(1), set(2), (id) => votes.get(id))).toBe(outcome);
      expect(jointVote(set(2), set(1), (id) => votes.get(id))).toBe(outcome);
    });
  }
});
