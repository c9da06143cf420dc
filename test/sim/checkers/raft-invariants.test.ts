/** The five properties of Raft, figure 3, on runs made by hand. */
import { describe, expect, it } from 'vitest';
import { ElectionSafety } from '../../../sim/checkers/election-safety.js';
import { LeaderAppendOnly } from '../../../sim/checkers/leader-append-only.js';
import { LeaderCompleteness } from '../../../sim/checkers/leader-completeness.js';
import { LogMatching } from '../../../sim/checkers/log-matching.js';
import { StateMachineSafety } from '../../../sim/checkers/state-machine-safety.js';
import { entry, logOf, violationOf } from './violations.js';

describe('election safety', () => {
  it('holds for one leader a term, told again and again', () => {
    const checker = new ElectionSafety();
    expect(checker.leads(1, 2)).toBe(true);
    expect(checker.leads(1, 2)).toBe(false);
    expect(checker.leads(2, 3)).toBe(true);
    expect(checker.leads(1, 4)).toBe(true);
    expect(checker.elections).toBe(3);
  });

  it('is violated by two leaders of a term', () => {
    const checker = new ElectionSafety();
    checker.leads(1, 2);
    const { checker: name, message } = violationOf(() => checker.leads(3, 2));
    expect(name).toBe('election-safety');
    expect(message).toBe('nodes 1 and 3 both lead term 2');
  });

  it('is violated long after the first has been deposed', () => {
    const checker = new ElectionSafety();
    for (const term of [2, 3, 4, 5]) checker.leads(1, term);
    expect(violationOf(() => checker.leads(2, 3)).message).toMatch(/term 3/);
  });
});

describe('leader append-only', () => {
  it('holds for a leader that appends, and for a follower that is overwritten between two terms', () => {
    const checker = new LeaderAppendOnly();
    checker.wrote(1, 2, 5, 7);
    checker.wrote(1, 2, 8, 8);
    // It led term 2, followed, lost entries 7 and 8 and leads again.
    checker.wrote(1, 4, 7, 9);
    checker.wrote(2, 5, 3, 3);
  });

  it('is violated by a leader that writes an entry again', () => {
    const checker = new LeaderAppendOnly();
    checker.wrote(1, 2, 5, 7);
    const { checker: name, message } = violationOf(() => checker.wrote(1, 2, 7, 8));
    expect(name).toBe('leader-append-only');
    expect(message).toBe('node 1 leads term 2 and writes entry 7 again, after 7');
  });

  it('is violated by a leader that cuts off its log', () => {
    const checker = new LeaderAppendOnly();
    checker.wrote(4, 2, 5, 7);
    checker.wrote(4, 2, 8, 12);
    expect(violationOf(() => checker.wrote(4, 2, 6, 6)).message).toMatch(/entry 6 again, after 12/);
  });

  it('forgets what a process led that has ended', () => {
    const checker = new LeaderAppendOnly();
    checker.wrote(1, 2, 5, 7);
    checker.stopped(1);
    checker.wrote(1, 2, 5, 5);
  });
});

describe('log matching', () => {
  it('holds for equal entries, and for different terms at an index', () => {
    const checker = new LogMatching();
    checker.wrote(1, [entry(2, 2), entry(3, 2)], 1);
    checker.wrote(2, [entry(2, 2), entry(3, 2)], 1);
    checker.wrote(3, [entry(3, 3)], 2);
    // Behind a snapshot the term before is not known.
    checker.wrote(4, [entry(3, 2)], undefined);
  });

  it('is violated by different data', () => {
    const checker = new LogMatching();
    checker.wrote(1, [entry(2, 2, 'a')], 1);
    const { checker: name, message } = violationOf(() => checker.wrote(2, [entry(2, 2, 'b')], 1));
    expect(name).toBe('log-matching');
    expect(message).toBe('nodes 1 and 2 hold different entries at index 2 of term 2');
  });

  it('is violated by different entries before an equal one', () => {
    const checker = new LogMatching();
    checker.wrote(1, [entry(2, 1), entry(3, 3)], 1);
    const run = () => checker.wrote(5, [entry(2, 2), entry(3, 3)], 1);
    expect(violationOf(run).message).toBe(
      'nodes 1 and 5 hold entry 3 of term 3 behind entries of the terms 1 and 2',
    );
  });

  it('is violated by data that is cut off', () => {
    const checker = new LogMatching();
    checker.wrote(1, [entry(2, 2, 'abc')], 1);
    expect(violationOf(() => checker.wrote(1, [entry(2, 2, 'ab')], 1)).message).toMatch(/index 2/);
  });
});

describe('leader completeness', () => {
  it('holds for leaders with all committed entries, or a snapshot of them', () => {
    const checker = new LeaderCompleteness();
    checker.elected(1, 2, logOf([1, 1]));
    for (const index of [1, 2, 3]) checker.committed(1, index, index === 3 ? 2 : 1);
    checker.elected(2, 3, logOf([1, 1, 2, 2]));
    checker.elected(3, 4, logOf([2], 3));
  });

  it('says nothing about a leader that takes over after one of a later term', () => {
    const checker = new LeaderCompleteness();
    checker.elected(1, 5, logOf([1]));
    checker.committed(1, 2, 5);
    checker.elected(2, 4, logOf([1]));
  });

  it('is violated by a leader with a short log', () => {
    const checker = new LeaderCompleteness();
    checker.committed(1, 1, 1);
    checker.committed(1, 2, 1);
    const { checker: name, message } = violationOf(() => checker.elected(3, 4, logOf([1])));
    expect(name).toBe('leader-completeness');
    expect(message).toBe(
      'node 3 leads term 4 and holds nothing at index 2, where an entry of term 1 is committed',
    );
  });

  it('is violated by a leader with another entry in its place', () => {
    const checker = new LeaderCompleteness();
    checker.committed(1, 2, 2);
    const run = () => checker.elected(3, 4, logOf([1, 3, 3]));
    expect(violationOf(run).message).toMatch(/an entry of term 3 at index 2/);
  });

  it('is violated by a node that holds another entry for committed', () => {
    const checker = new LeaderCompleteness();
    checker.committed(1, 2, 2);
    checker.committed(2, 2, 2);
    const { message } = violationOf(() => checker.committed(3, 2, 4));
    expect(message).toMatch(/node 3 holds an entry of term 4 for committed at index 2/);
  });
});

describe('state machine safety', () => {
  it('holds for nodes that apply the same, each at its pace and from a snapshot', () => {
    const checker = new StateMachineSafety();
    checker.applied(1, entry(2, 2));
    checker.applied(1, entry(3, 2));
    checker.applied(2, entry(2, 2));
    checker.restored(3, 2);
    checker.applied(3, entry(3, 2));
    // Node 1 was started again from a snapshot at 1.
    checker.restored(1, 1);
    checker.applied(1, entry(2, 2));
    checker.holds(1, 3, 'x');
    checker.holds(2, 3, 'x');
    checker.holds(2, 2, 'y');
    expect(checker.lastApplied).toBe(3);
    expect(checker.termAt(2)).toBe(2);
    expect(checker.termAt(4)).toBeUndefined();
  });

  it('is violated by another term, and by other data', () => {
    const checker = new StateMachineSafety();
    checker.applied(1, entry(2, 2, 'a'));
    const otherTerm = violationOf(() => checker.applied(2, entry(2, 3, 'a')));
    expect(otherTerm.checker).toBe('state-machine-safety');
    expect(otherTerm.message).toBe(
      'node 2 applies an entry of term 3 at index 2, where node 1 applied another one of term 2',
    );
    expect(violationOf(() => checker.applied(3, entry(2, 2, 'b'))).message).toMatch(/node 3/);
  });

  it('is violated by an entry that is passed over, or applied again', () => {
    const checker = new StateMachineSafety();
    checker.applied(1, entry(2, 2));
    checker.applied(1, entry(3, 2));
    expect(violationOf(() => checker.applied(1, entry(5, 2))).message).toBe(
      'node 1 applies entry 5 after entry 3',
    );
    expect(violationOf(() => checker.applied(1, entry(3, 2))).message).toMatch(/3 after entry 3/);
  });

  it('is violated by different states as of an index', () => {
    const checker = new StateMachineSafety();
    checker.holds(1, 9, '[1]');
    expect(violationOf(() => checker.holds(2, 9, '[2]')).message).toBe(
      'nodes 1 and 2 hold different states as of index 9: [1] and [2]',
    );
  });
});
