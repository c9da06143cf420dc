import { describe, expect, it } from 'vitest';
import {
  type ConfChange,
  type ConfState,
  LEAVE_JOINT,
  createMessage,
  encodeConfChange,
} from '../../../consensus/raft/index.js';
import { Single, stored } from './single.js';

const TRIO = [1, 2, 3];

function add(node: number): ConfChange {
  return { transition: 'auto', changes: [{ type: 'addVoter', node }] };
}

function remove(node: number): ConfChange {
  return { transition: 'auto', changes: [{ type: 'remove', node }] };
}

function propose(node: Single, change: ConfChange): string | undefined {
  return node.node.step({ type: 'proposeConfChange', change });
}

const JOINT: ConfState = {
  voters: [1, 2],
  votersOutgoing: [1, 2, 3],
  learners: [],
  learnersNext: [],
  autoLeave: true,
};

describe('a membership change', () => {
  it('is refused before an entry of the own term is committed (the bug of 2015)', () => {
    const leader = new Single(stored(TRIO, [])).lead(2);
    expect(propose(leader, add(4))).toBe('change-pending');
    leader.receive(2, { type: 'appendResponse', index: 2 });
    expect(propose(leader, add(4))).toBeUndefined();
  });

  it('is refused while an earlier one, even of an earlier leader, is not applied', () => {
    const entry = {
      term: 1,
      index: 2,
      type: 'confChange',
      data: encodeConfChange(add(4)),
    } as const;
    const state = { ...stored(TRIO, []), entries: [entry] };
    const leader = new Single(state).lead(2);
    expect(propose(leader, add(5))).toBe('change-pending');
    const { node } = leader;
    node.step({
      type: 'message',
      message: createMessage({ type: 'appendResponse', to: 1, from: 2, term: 2, index: 3 }),
    });
    // Committed, not applied.
    expect(node.status().commit).toBe(3);
    expect(propose(leader, add(5))).toBe('change-pending');
    leader.settle();
    expect(node.status().confState.voters).toEqual([1, 2, 3, 4]);
    expect(propose(leader, add(5))).toBeUndefined();
    expect(propose(leader, add(6))).toBe('change-pending');
  });

  it('is refused if the membership does not allow it', () => {
    const leader = new Single(stored([1], []));
    leader.lead();
    expect(propose(leader, remove(1))).toBe('invalid-change');
    expect(propose(leader, LEAVE_JOINT)).toBe('invalid-change');
    const joint = new Single({ ...stored(TRIO, []), confState: { ...JOINT, autoLeave: false } });
    joint.lead(2).receive(2, { type: 'appendResponse', index: 2 });
    expect(propose(joint, add(4))).toBe('invalid-change');
    expect(propose(joint, LEAVE_JOINT)).toBeUndefined();
  });

  it('takes effect when it is applied', () => {
    const leader = new Single(stored([1], []));
    leader.lead();
    propose(leader, add(2));
    expect(leader.node.status().confState.voters).toEqual([1]);
    leader.settle();
    expect(leader.node.status().confState.voters).toEqual([1, 2]);
    leader.propose('a');
    expect(leader.node.status()).toMatchObject({ commit: 3, lastIndex: 4 });
  });

  it('has to be applied or vetoed before the ready is advanced', () => {
    const leader = new Single(stored([1], []));
    leader.lead();
    propose(leader, add(2));
    leader.node.ready();
    leader.node.advance();
    expect(leader.node.ready().committedEntries).toHaveLength(1);
    expect(() => leader.node.advance()).toThrow('applied or vetoed');
    expect(leader.node.applyConfChange(null).voters).toEqual([1]);
    leader.node.advance();
  });
});

describe('a joint configuration', () => {
  it('needs majorities of both halves', () => {
    const confState: ConfState = {
      ...JOINT,
      voters: [1, 4, 5],
      votersOutgoing: [1, 2, 3],
      autoLeave: false,
    };
    const leader = new Single({ ...stored(TRIO, []), confState }).lead(2);
    expect(leader.node.isLeader).toBe(false);
    leader.receive(4, { type: 'voteResponse' });
    expect(leader.node.isLeader).toBe(true);
    leader.receive(2, { type: 'appendResponse', index: 2 });
    expect(leader.node.status().commit).toBe(1);
    leader.receive(5, { type: 'appendResponse', index: 2 });
    expect(leader.node.status().commit).toBe(2);
  });

  it('recovered after a restart is left only once the log before it is committed', () => {
    const leader = new Single({ ...stored(TRIO, [1, 1]), confState: JOINT }).lead(2, 3);
    const changes = () =>
      leader.node.entries(2, 99, 1e6).filter(({ type }) => type === 'confChange');
    expect(leader.node.isLeader).toBe(true);
    expect(changes()).toEqual([]);
    leader.receive(2, { type: 'appendResponse', index: 3 });
    expect(changes()).toEqual([]);
    leader.receive(2, { type: 'appendResponse', index: 4 });
    expect(changes()).toHaveLength(1);
    leader.receive(2, { type: 'appendResponse', index: 5 });
    expect(leader.node.status().confState).toEqual({
      ...JOINT,
      votersOutgoing: [],
      autoLeave: false,
    });
  });
});

function removing(): Single {
  const leader = new Single(stored(TRIO, [])).lead(2);
  leader.receive(2, { type: 'appendResponse', index: 2 });
  propose(leader, remove(1));
  return leader.settle();
}

describe('a leader that is removed', () => {
  it('leads until the change is applied, then steps down and does not campaign', () => {
    const leader = removing();
    expect(leader.node.isLeader).toBe(true);
    leader.receive(2, { type: 'appendResponse', index: 3 });
    expect(leader.node.status()).toMatchObject({ role: 'follower', confState: { voters: [2, 3] } });
    expect(leader.node.step({ type: 'campaign' })).toBe('not-voter');
    leader.tick(50);
    expect(leader.node.status().role).toBe('follower');
  });
});

describe('the membership after a restart', () => {
  it('is that of the snapshot and of the changes applied since', () => {
    const data = encodeConfChange(add(4));
    const state = {
      ...stored(TRIO, []),
      entries: [{ term: 1, index: 2, type: 'confChange', data } as const],
    };
    const voters = (applied: number) =>
      new Single({ ...state, hardState: { term: 1, vote: 0, commit: 2 }, applied }).node.status()
        .confState.voters;
    expect(voters(1)).toEqual([1, 2, 3]);
    expect(voters(2)).toEqual([1, 2, 3, 4]);
  });
});

describe('a snapshot', () => {
  const snapshot = { index: 9, term: 3, confState: { ...JOINT, voters: [1, 2, 4] } };

  it('replaces log and membership, and is installed before anything is applied', () => {
    const node = new Single(stored(TRIO, [2, 2], { term: 2 }));
    node.receive(2, { type: 'snapshot', term: 3, snapshot });
    expect(node.readies[0]).toMatchObject({ snapshot: { index: 9 }, mustSync: true });
    expect(node.take()).toMatchObject([{ type: 'appendResponse', index: 9 }]);
    expect(node.node.status()).toMatchObject({ commit: 9, applied: 9, firstIndex: 10 });
    expect(node.node.status().confState.voters).toEqual([1, 2, 4]);
  });

  it('only moves the commit index where the log holds it already', () => {
    const node = new Single(stored(TRIO, [2, 2], { term: 2 }));
    node.receive(2, { type: 'snapshot', term: 3, snapshot: { ...snapshot, index: 3, term: 2 } });
    expect(node.node.status()).toMatchObject({ commit: 3, firstIndex: 2, lastIndex: 3 });
    expect(node.readies.every((ready) => ready.snapshot === undefined)).toBe(true);
  });

  it('from before the commit index is ignored, even where the log is compacted', () => {
    const node = new Single(stored(TRIO, [2, 2, 2], { term: 2, commit: 4, applied: 1 })).settle();
    node.node.compact(4);
    node.receive(2, { type: 'snapshot', term: 3, snapshot: { ...snapshot, index: 3, term: 2 } });
    expect(node.take()).toMatchObject([{ type: 'appendResponse', index: 4 }]);
    expect(node.node.status()).toMatchObject({ commit: 4, lastIndex: 4 });
  });

  it('that came in meanwhile is not overtaken by a change handed out before', () => {
    const data = encodeConfChange(remove(1));
    const node = new Single({
      ...stored(TRIO, []),
      entries: [{ term: 1, index: 2, type: 'confChange', data }],
      hardState: { term: 1, vote: 0, commit: 2 },
      applied: 1,
    }).node;
    expect(node.ready().committedEntries).toHaveLength(1);
    node.step({
      type: 'message',
      message: createMessage({ type: 'snapshot', to: 1, from: 2, term: 3, snapshot }),
    });
    node.applyConfChange(remove(1));
    node.advance();
    expect(node.status().confState.voters).toEqual([1, 2, 4]);
  });
});
