import { describe, expect, it } from 'vitest';
import {
  type SnapshotMeta,
  createMessage,
  encodeConfChange,
} from '../../../consensus/raft/index.js';
import { Pipelined } from './pipelined.js';
import { Single, entry, stored } from './single.js';

const TRIO = [1, 2, 3];

/** Entries of an append request that follows (index 1, term 1). */
function after(...terms: number[]) {
  const entries = terms.map((term, at) => entry(term, at + 2));
  return { type: 'appendRequest', index: 1, logTerm: 1, entries } as const;
}

function snapshotAt(index: number, term: number): SnapshotMeta {
  const confState = {
    voters: TRIO,
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { index, term, confState };
}

describe('asynchronous writes of a leader', () => {
  it('overlap, and what it tells the others does not wait for them', () => {
    const leader = new Pipelined(stored(TRIO, [])).lead(2);
    for (const from of [2, 3]) leader.receive(from, { type: 'appendResponse', index: 2 });
    leader.writeAll().apply().take();
    leader.propose('a').propose('b');
    expect(leader.writing.map(({ entries }) => entries.map(({ index }) => index))).toEqual([
      [3],
      [4],
    ]);
    const sent = leader.take('appendRequest').filter(({ to }) => to === 2);
    expect(sent.map(({ entries }) => entries[0]?.index)).toEqual([3, 4]);
  });

  it('do not hold off a commit by the others, but its application here', () => {
    const leader = new Pipelined(stored(TRIO, [])).lead(2);
    for (const from of [2, 3]) leader.receive(from, { type: 'appendResponse', index: 2 });
    leader.writeAll().apply();
    leader.propose('a');
    for (const from of [2, 3]) leader.receive(from, { type: 'appendResponse', index: 3 });
    expect(leader.node.status().commit).toBe(3);
    expect(leader.handedOut).toEqual([]);
    leader.write();
    expect(leader.handedOut).toEqual([3]);
    expect(leader.node.status().applied).toBe(2);
    leader.apply();
    expect(leader.node.status().applied).toBe(3);
  });

  it('count as its own copy only once they are durable', () => {
    const leader = new Pipelined(stored(TRIO, [])).lead(2);
    leader.receive(2, { type: 'appendResponse', index: 2 });
    leader.writeAll();
    leader.propose('a').receive(2, { type: 'appendResponse', index: 3 });
    expect(leader.node.status().commit).toBe(2);
    leader.writeAll();
    expect(leader.node.status().commit).toBe(3);
  });

  it('hold its own vote back', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.node.step({ type: 'campaign' });
    node.settle().receive(2, { type: 'voteResponse' });
    expect(node.node.isLeader).toBe(false);
    node.write();
    expect(node.node.isLeader).toBe(true);
  });

  it('hold requests for votes back: votes must not count for another campaign of the same term', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { ...after(2), term: 2 });
    node.node.step({ type: 'campaign' });
    expect(node.settle().take('voteRequest')).toEqual([]);
    expect(node.write().take('voteRequest')).toEqual([]);
    expect(node.write().take('voteRequest')).toHaveLength(2);
  });

  it('are no input of a node without them, nor is `advance` one with them', () => {
    const { node } = new Single(stored(TRIO, []));
    const receipt = { term: 1, index: 1, logTerm: 1, snapshot: null };
    expect(() => node.step({ type: 'written', receipt })).toThrow('asynchronous writes');
    expect(() => node.step({ type: 'applied', index: 1 })).toThrow('asynchronous writes');
    expect(() => new Pipelined(stored(TRIO, [])).node.advance()).toThrow('advanced once');
  });
});

describe('asynchronous writes of a follower', () => {
  it('hold its acknowledgements back, also that of a request that came twice', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { ...after(2), term: 2 }).receive(2, after(2));
    expect(node.take()).toEqual([]);
    expect(node.writing.map(({ entries }) => entries.length)).toEqual([1, 0]);
    node.write();
    expect(node.take()).toMatchObject([{ type: 'appendResponse', index: 2 }]);
    node.write();
    expect(node.take()).toMatchObject([{ type: 'appendResponse', index: 2 }]);
  });

  it('reported in a later term count for nothing until the log is as it was then (ABA)', () => {
    const node = new Pipelined(stored(TRIO, []));
    // The same entry comes, is replaced, and comes back, while nothing is durable.
    node.receive(2, { ...after(2, 2), term: 2 });
    node.receive(3, { ...after(3), term: 3 });
    node.receive(2, { ...after(2, 2), term: 4, commit: 3 });
    expect(node.writing.map(({ receipt }) => receipt)).toMatchObject([
      { term: 2, index: 3, logTerm: 2 },
      { term: 3, index: 2, logTerm: 3 },
      { term: 4, index: 3, logTerm: 2 },
    ]);
    const written = node.writing.map(({ entries }) => entries.map(({ term }) => term));
    expect(written).toEqual([[2, 2], [3], [2, 2]]);
    // On the disk are now the two entries of the first leader: but not for long.
    expect(node.write().handedOut).toEqual([]);
    expect(node.write().handedOut).toEqual([]);
    expect(node.write().handedOut).toEqual([2, 3]);
  });

  it('of an earlier term are vouched for by the write of the new term', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { ...after(2, 2), term: 2, commit: 3 });
    node.receive(3, { type: 'heartbeat', term: 3 });
    expect(node.write().handedOut).toEqual([]);
    expect(node.writing[0]).toMatchObject({ entries: [], receipt: { term: 3, index: 3 } });
    expect(node.write().handedOut).toEqual([2, 3]);
  });

  it('whose entries were replaced in the same term count for nothing', () => {
    const node = new Pipelined(stored(TRIO, []));
    // Both arrive before the first write: it carries the later term.
    const message = createMessage({ ...after(1, 1), to: 1, from: 2, term: 1 });
    node.node.step({ type: 'message', message });
    node.receive(3, { type: 'heartbeat', term: 2 });
    expect(node.writing[0]).toMatchObject({ receipt: { term: 2, index: 3, logTerm: 1 } });
    node.receive(3, { ...after(2), commit: 2 });
    expect(node.write().handedOut).toEqual([]);
    expect(node.write().handedOut).toEqual([2]);
  });

  it('are not applied before they are durable, although they are committed', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { ...after(2, 2), term: 2, commit: 3 });
    expect(node.node.status().commit).toBe(3);
    expect(node.handedOut).toEqual([]);
    expect(node.write().handedOut).toEqual([2, 3]);
  });
});

describe('applications', () => {
  const bytes = 50;

  it('pause at so many bytes, one entry in any case, and go on when some are done', () => {
    const node = new Pipelined(stored(TRIO, []), { maxApplyBytes: bytes });
    node.receive(2, { ...after(2, 2, 2, 2, 2), term: 2, commit: 6 });
    // Two entries of 21 bytes each fit.
    expect(node.write().handedOut).toEqual([2, 3]);
    expect(node.apply().handedOut).toEqual([4, 5]);
    expect(node.apply().handedOut).toEqual([6]);
    expect(node.apply().node.status().applied).toBe(6);
  });

  it('larger than the limit are handed out one by one', () => {
    const node = new Pipelined(stored(TRIO, []), { maxApplyBytes: 1 });
    node.receive(2, { ...after(2, 2), term: 2, commit: 3 });
    expect(node.write().handedOut).toEqual([2]);
    expect(node.apply().handedOut).toEqual([3]);
  });

  it('may be several at a time', () => {
    const node = new Pipelined(stored(TRIO, []), { maxApplyBytes: 1000 });
    node.receive(2, { ...after(2, 2), term: 2, commit: 2 }).write();
    node.receive(2, { type: 'heartbeat', commit: 3 });
    expect(node.applying).toHaveLength(2);
    node.apply(2);
    expect(node.node.status().applied).toBe(3);
  });

  it('of membership changes come before they are reported', () => {
    const change = { transition: 'auto', changes: [{ type: 'addVoter', node: 4 }] } as const;
    const node = new Pipelined(stored(TRIO, []));
    const data = encodeConfChange(change);
    const entries = [{ term: 2, index: 2, type: 'confChange' as const, data }];
    node.receive(2, { ...after(), term: 2, entries, commit: 2 }).write();
    expect(node.handedOut).toEqual([2]);
    expect(() => node.node.step({ type: 'applied', index: 2 })).toThrow('applied or vetoed');
    // Nor does it campaign before it knows who votes.
    expect(node.node.step({ type: 'campaign' })).toBe('unapplied-change');
    node.apply();
    expect(node.node.status().confState.voters).toEqual([1, 2, 3, 4]);
  });
});

describe('a snapshot of the leader', () => {
  it('goes past writes and applications that are under way', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { ...after(2, 2), term: 2, commit: 2 }).write();
    node.receive(2, { type: 'appendRequest', index: 3, logTerm: 2, entries: [entry(2, 4)] });
    expect(node.handedOut).toEqual([2]);
    const snapshot = snapshotAt(9, 2);
    node.receive(2, { type: 'snapshot', snapshot });
    node.receive(2, {
      type: 'appendRequest',
      index: 9,
      logTerm: 2,
      entries: [entry(2, 10)],
      commit: 10,
    });
    expect(node.writing.map(({ snapshot: each }) => each?.index)).toEqual([
      undefined,
      9,
      undefined,
    ]);
    // Nothing behind the snapshot is applied before it, and the late receipts say nothing new.
    expect(node.write().handedOut).toEqual([2]);
    expect(node.node.status().applied).toBe(1);
    node.write();
    expect(node.node.status().applied).toBe(9);
    expect(node.handedOut).toEqual([2]);
    node.apply();
    expect(node.node.status().applied).toBe(9);
    expect(node.write().handedOut).toEqual([10]);
  });

  it('holds a later membership than changes that were handed out before it', () => {
    const node = new Pipelined(stored(TRIO, []));
    const change = { transition: 'auto', changes: [{ type: 'remove', node: 3 }] } as const;
    const entries = [
      { term: 2, index: 2, type: 'confChange' as const, data: encodeConfChange(change) },
    ];
    node.receive(2, { ...after(), term: 2, entries, commit: 2 }).write();
    node.receive(2, { type: 'snapshot', snapshot: snapshotAt(9, 2) });
    node.apply();
    expect(node.node.status().confState.voters).toEqual([1, 2, 3]);
    expect(node.writeAll().node.status().confState.voters).toEqual([1, 2, 3]);
  });

  it('keeps its place when a later one comes in before it is stored', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { type: 'snapshot', term: 2, snapshot: snapshotAt(5, 2) });
    node.receive(2, { type: 'snapshot', snapshot: snapshotAt(9, 2), commit: 9 });
    node.receive(2, { type: 'appendRequest', index: 9, logTerm: 2, entries: [entry(2, 10)] });
    node.receive(2, { type: 'heartbeat', commit: 10 });
    node.write();
    expect(node.node.status()).toMatchObject({ applied: 5, snapshotIndex: 9 });
    expect(node.node.step({ type: 'campaign' })).toBe('not-voter');
    node.write();
    expect(node.node.status().applied).toBe(9);
    expect(node.handedOut).toEqual([]);
    expect(node.writeAll().handedOut).toEqual([10]);
  });

  it('holds the acknowledgement until it is stored', () => {
    const node = new Pipelined(stored(TRIO, []));
    node.receive(2, { type: 'snapshot', term: 2, snapshot: snapshotAt(5, 2) });
    expect(node.take()).toEqual([]);
    node.write();
    expect(node.take()).toMatchObject([{ type: 'appendResponse', index: 5 }]);
  });
});
