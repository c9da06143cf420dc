/** Votes over restarts, and memberships that follow each other: runs made by hand. */
import { describe, expect, it } from 'vitest';
import { MembershipSafety, overlaps } from '../../../sim/checkers/membership.js';
import { NoDoubleVote } from '../../../sim/checkers/no-double-vote.js';
import { violationOf } from './violations.js';

describe('no double vote', () => {
  it('holds for one vote a term, however often it is sent', () => {
    const checker = new NoDoubleVote();
    checker.voted(1, 2, 3);
    checker.voted(1, 2, 3);
    checker.voted(1, 3, 1);
    checker.voted(2, 2, 2);
  });

  it('is violated by a vote for another candidate of the term', () => {
    const checker = new NoDoubleVote();
    checker.voted(1, 2, 3);
    const { checker: name, message } = violationOf(() => checker.voted(1, 2, 4));
    expect(name).toBe('no-double-vote');
    expect(message).toBe('node 1 votes for node 4 in term 2, after its vote for node 3');
  });

  it('is violated by a candidate that votes for another, and by a late vote of an old term', () => {
    const checker = new NoDoubleVote();
    checker.voted(1, 2, 1);
    checker.voted(1, 3, 2);
    expect(violationOf(() => checker.voted(1, 2, 2)).message).toMatch(/in term 2/);
    expect(violationOf(() => checker.voted(1, 3, 1)).message).toMatch(/in term 3/);
  });
});

const only = (...voters: number[]) => ({ voters, votersOutgoing: [] });
const joint = (voters: number[], votersOutgoing: number[]) => ({ voters, votersOutgoing });

describe('quorums overlap', () => {
  const cases = [
    { a: only(1, 2, 3), b: only(1, 2, 3), meet: true },
    { a: only(1, 2, 3), b: only(1, 2, 3, 4), meet: true },
    { a: only(1, 2, 3, 4), b: only(1, 2, 3), meet: true },
    // Two at once: {1 2} of the one, {3 4 5} of the other.
    { a: only(1, 2, 3), b: only(1, 2, 3, 4, 5), meet: false },
    { a: only(1, 2, 3), b: only(1, 2, 4), meet: false },
    { a: only(1, 2), b: only(1, 3), meet: true },
    { a: only(1, 2), b: only(3, 4), meet: false },
    { a: only(1), b: only(1, 2), meet: true },
    { a: only(1), b: only(2), meet: false },
    { a: only(1, 2, 3), b: joint([3, 4, 5], [1, 2, 3]), meet: true },
    { a: joint([3, 4, 5], [1, 2, 3]), b: only(3, 4, 5), meet: true },
    { a: only(1, 2, 3), b: joint([4, 5, 6], [7, 8, 9]), meet: false },
  ];

  it.each(cases)('%#', ({ a, b, meet }) => {
    expect(overlaps(a, b)).toBe(meet);
    expect(overlaps(b, a)).toBe(meet);
  });

  it('as all pairs of majorities do, for all sets of up to four of five', () => {
    const subsets = (from: readonly number[]): number[][] =>
      from.reduce<number[][]>((sets, node) => [...sets, ...sets.map((s) => [...s, node])], [[]]);
    const sets = subsets([1, 2, 3, 4, 5]).filter(({ length }) => length > 0 && length < 5);
    const majorities = (of: readonly number[]): number[][] =>
      subsets(of).filter(({ length }) => 2 * length > of.length);
    for (const a of sets) {
      for (const b of sets) {
        const all = majorities(a).every((x) =>
          majorities(b).every((y) => x.some((n) => y.includes(n))),
        );
        expect(overlaps(only(...a), only(...b)), `${a} and ${b}`).toBe(all);
      }
    }
  });
});

describe('membership safety', () => {
  it('is violated by a change before an entry of the own term is committed', () => {
    const checker = new MembershipSafety();
    checker.proposed(1, 9, 4, 4);
    const { checker: name, message } = violationOf(() => checker.proposed(2, 10, 5, 4));
    expect(name).toBe('membership');
    expect(message).toMatch(/node 2 leads term 5 and changes members at index 10/);
  });

  it('holds for single steps and for joint ones, in any order of the nodes', () => {
    const checker = new MembershipSafety();
    checker.applied(1, 2, only(1, 2, 3));
    checker.applied(1, 9, joint([3, 4, 5], [1, 2, 3]));
    checker.applied(1, 10, only(3, 4, 5));
    checker.applied(2, 2, only(3, 2, 1));
    checker.applied(2, 9, joint([3, 4, 5], [1, 2, 3]));
    expect(checker.changes).toBe(3);
  });

  it('is violated by nodes that differ as of an index', () => {
    const checker = new MembershipSafety();
    checker.applied(1, 2, only(1, 2, 3));
    const { checker: name, message } = violationOf(() => checker.applied(2, 2, only(1, 2)));
    expect(name).toBe('membership');
    expect(message).toBe('nodes 1 and 2 have different voters as of index 2: {1 2 3} and {1 2}');
  });

  it('is violated by a step too wide, also when it is told late', () => {
    const checker = new MembershipSafety();
    checker.applied(1, 2, only(1, 2, 3));
    expect(violationOf(() => checker.applied(1, 5, only(3, 4, 5))).message).toBe(
      'the voters {1 2 3} as of index 2 and {3 4 5} as of index 5 have quorums without a ' +
        'common member',
    );
    const late = new MembershipSafety();
    late.applied(1, 9, only(1, 2, 3, 4));
    expect(violationOf(() => late.applied(2, 5, only(5, 6))).message).toMatch(/index 9/);
  });

  it('is violated by a joint configuration that is left too early on one node', () => {
    const checker = new MembershipSafety();
    checker.applied(1, 9, joint([3, 4, 5], [1, 2, 3]));
    expect(violationOf(() => checker.applied(2, 9, only(3, 4, 5))).message).toMatch(
      /\{3 4 5 and 1 2 3\} and \{3 4 5\}/,
    );
  });
});
