import { describe, expect, it } from 'vitest';
import { RaftAssertion, createMessage } from '../../../consensus/raft/index.js';
import { Single, entry, stored } from './single.js';

const TRIO = [1, 2, 3];

describe('commit', () => {
  it('does not count replicas of an earlier term (Raft figure 8)', () => {
    const leader = new Single(stored(TRIO, [2], { term: 2 })).lead(2);
    expect(leader.node.status()).toMatchObject({ role: 'leader', term: 3, lastIndex: 3 });
    leader.receive(2, { type: 'appendResponse', index: 2 });
    expect(leader.node.status().commit).toBe(1);
    leader.receive(2, { type: 'appendResponse', index: 3 });
    expect(leader.node.status().commit).toBe(3);
  });

  it('needs the own disk like any other', () => {
    const leader = new Single(stored([1], []));
    leader.node.step({ type: 'campaign' });
    leader.settle();
    leader.node.step({ type: 'propose', data: [Buffer.from('a')] });
    const ready = leader.node.ready();
    expect(ready.entries.map(({ index }) => index)).toEqual([3]);
    expect(leader.node.status().commit).toBe(2);
    leader.node.advance();
    expect(leader.node.status().commit).toBe(3);
  });

  it('ignores an acknowledgement of what the leader does not hold', () => {
    const leader = new Single(stored(TRIO, [])).lead(2);
    leader.receive(2, { type: 'appendResponse', index: 900 });
    expect(leader.node.status()).toMatchObject({ commit: 1, lastIndex: 2 });
  });

  it('does not count learners', () => {
    const state = stored(TRIO, []);
    const confState = {
      voters: [1, 2, 3],
      learners: [4, 5],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const leader = new Single({ ...state, confState }).lead(2);
    leader.receive(4, { type: 'appendResponse', index: 2 });
    leader.receive(5, { type: 'appendResponse', index: 2 });
    expect(leader.node.status().commit).toBe(1);
  });
});

const follower = () => new Single(stored(TRIO, [], { term: 2 }));
const append = (index: number, logTerm: number, terms: number[], commit = 0) => ({
  type: 'appendRequest' as const,
  term: 3,
  index,
  logTerm,
  commit,
  entries: terms.map((term, at) => entry(term, index + 1 + at)),
});

const appendInput = (from: number, term: number, terms: number[]) => ({
  type: 'message' as const,
  message: createMessage({
    type: 'appendRequest',
    to: 1,
    from,
    term,
    logTerm: 1,
    index: 1,
    entries: terms.map((each, at) => entry(each, 2 + at)),
  }),
});

describe('a follower', () => {
  it('keeps what a late request does not speak about', () => {
    const node = follower()
      .receive(2, append(1, 1, [3, 3, 3]))
      .receive(2, append(1, 1, [3]));
    expect(node.node.status().lastIndex).toBe(4);
    expect(node.take('appendResponse').map(({ index }) => index)).toEqual([4, 2]);
  });

  it('replaces from the first conflict on and persists that again', () => {
    const node = follower().receive(2, append(1, 1, [2, 2, 2]));
    node.readies = [];
    node.receive(3, { ...append(2, 2, [4]), term: 4 });
    expect(node.node.status().lastIndex).toBe(3);
    const written = node.readies.flatMap(({ entries }) => entries);
    expect(written.map(({ term, index }) => `${term}/${index}`)).toEqual(['4/3']);
  });

  it('refuses an empty request that does not match', () => {
    const node = follower().receive(2, append(1, 1, [2, 2]));
    node.take();
    node.receive(3, { ...append(3, 3, [], 3), term: 4 });
    expect(node.take()).toMatchObject([
      { type: 'appendResponse', reject: true, index: 3, rejectHint: 3, logTerm: 2 },
    ]);
    expect(node.node.status().commit).toBe(1);
  });

  it('hints at its last entry of a term that is not later', () => {
    const node = follower().receive(2, append(1, 1, [2, 2]));
    node.take();
    node.receive(3, { ...append(5, 2, []), term: 4 });
    expect(node.take()).toMatchObject([{ reject: true, rejectHint: 3, logTerm: 2 }]);
  });

  it('commits no further than the request reaches', () => {
    const node = follower().receive(2, append(1, 1, [2, 2, 2]));
    node.receive(3, { ...append(1, 1, [2], 4), term: 4 });
    expect(node.node.status().commit).toBe(2);
  });

  it('stops at a second leader of one term', () => {
    const node = follower().receive(2, append(1, 1, [3]));
    expect(() => node.receive(3, append(1, 1, [3]))).toThrow(RaftAssertion);
  });

  it('refuses entries with gaps, falling terms or a term after the message', () => {
    const { node } = follower();
    const step = (entries: ReturnType<typeof entry>[]) =>
      node.step({
        type: 'message',
        message: createMessage({
          type: 'appendRequest',
          to: 1,
          from: 2,
          term: 3,
          logTerm: 1,
          index: 1,
          entries,
        }),
      });
    expect(step([entry(3, 2), entry(3, 4)])).toBe('bad-message');
    expect(step([entry(3, 2), entry(2, 3)])).toBe('bad-message');
    expect(step([entry(9, 2)])).toBe('bad-message');
    expect(node.status()).toMatchObject({ term: 2, lastIndex: 1 });
  });

  it('sends acknowledgements only with what they depend on', () => {
    const { node } = follower();
    node.step({
      type: 'message',
      message: createMessage({
        type: 'appendRequest',
        to: 1,
        from: 2,
        term: 3,
        logTerm: 1,
        index: 1,
        entries: [entry(3, 2)],
      }),
    });
    const ready = node.ready();
    expect(ready.messages).toEqual([]);
    expect(ready.messagesAfterPersist).toMatchObject([{ type: 'appendResponse', index: 2 }]);
    expect(ready.mustSync).toBe(true);
  });

  it('writes again what was replaced while it was being written', () => {
    const { node } = follower();
    node.step(appendInput(2, 3, [3, 3]));
    node.ready();
    node.step(appendInput(3, 4, [4]));
    node.advance();
    expect(node.ready().entries).toMatchObject([{ term: 4, index: 2 }]);
  });
});

describe('a leader', () => {
  it('skips a term of the follower at a time', () => {
    // Leader: terms 1 3 3 3 5 5 at 1..6, own entry at 7; follower: 1 1 1 2 2 2 at 1..6.
    const leader = new Single(stored(TRIO, [3, 3, 3, 5, 5], { term: 5 })).lead(2);
    leader.receive(2, {
      type: 'appendResponse',
      reject: true,
      index: 6,
      rejectHint: 6,
      logTerm: 2,
    });
    const probe = leader.take('appendRequest').find(({ to }) => to === 2);
    expect(probe).toMatchObject({ index: 1, logTerm: 1 });
  });

  it('fills the window, pauses, and goes on as it is freed', () => {
    const leader = new Single(stored(TRIO, []), { maxInflightMessages: 2, maxMessageBytes: 30 });
    leader.lead(2).receive(2, { type: 'appendResponse', index: 2 });
    leader.take();
    for (const text of ['aaaaaaaaa', 'bbbbbbbbb', 'ccccccccc']) leader.propose(text);
    const toTwo = () => leader.take('appendRequest').filter(({ to }) => to === 2);
    expect(toTwo().map(({ index, entries }) => [index, entries.length])).toEqual([
      [2, 1],
      [3, 1],
    ]);
    expect(leader.node.status().progress.get(2)).toMatchObject({ paused: true, match: 2 });
    leader.receive(2, { type: 'appendResponse', index: 3 });
    expect(toTwo().filter(({ entries }) => entries.length > 0)).toMatchObject([{ index: 4 }]);
  });

  it('recovers a probing follower by a heartbeat answer', () => {
    const leader = new Single(stored(TRIO, [])).lead(2);
    leader.node.step({ type: 'unreachable', peer: 2 });
    leader.propose('a');
    expect(leader.take('appendRequest').filter(({ to }) => to === 2)).toEqual([]);
    leader.receive(2, { type: 'heartbeatResponse' });
    expect(leader.take('appendRequest')).toMatchObject([{ to: 2, index: 1 }]);
  });

  it('sends entries once to a member on a slow way, and asks without them until it answers', () => {
    const leader = new Single(stored(TRIO, [])).lead(2).propose('a', 'b');
    const carried = (to: number): number[] =>
      leader
        .take('appendRequest')
        .filter((message) => message.to === to)
        .map(({ entries }) => entries.length);
    const answers = (count: number): void => {
      for (let at = 0; at < count; at++) leader.receive(3, { type: 'heartbeatResponse' });
    };
    answers(1);
    carried(3);
    leader.propose('c');
    answers(5);
    leader.propose('d');
    expect(carried(3)).toEqual([0, 0, 0, 0, 0]);
    leader.receive(3, { type: 'appendResponse', index: 1 });
    expect(carried(3)).toEqual([5]);
    // All is in the window, unless a message is lost. What left before may come yet.
    leader.node.step({ type: 'unreachable', peer: 3 });
    answers(3);
    expect(carried(3)).toEqual([0, 0, 0]);
    leader.receive(3, { type: 'appendResponse', index: 6 });
    leader.node.step({ type: 'unreachable', peer: 3 });
    carried(3);
    leader.propose('e');
    expect(carried(3)).toEqual([1]);
  });

  it('sends entries again to a member that refuses, and goes back once for what it has lost', () => {
    const leader = new Single(stored(TRIO, [])).lead(2).propose('a', 'b');
    leader.receive(3, { type: 'appendResponse', index: 4 });
    leader.take();
    const reject = { type: 'heartbeatResponse', reject: true, rejectHint: 2 } as const;
    leader.receive(3, reject).receive(3, reject);
    const entriesTo = leader.take('appendRequest').filter(({ to }) => to === 3);
    expect(entriesTo.map(({ index, entries }) => [index, entries.length])).toEqual([
      [2, 2],
      [2, 0],
    ]);
    leader.receive(3, { type: 'appendResponse', index: 2, reject: true, rejectHint: 1 });
    leader.receive(3, { type: 'appendResponse', index: 2, reject: true, rejectHint: 1 });
    leader.receive(3, { type: 'appendResponse', index: 2, reject: true, rejectHint: 1 });
    expect(leader.take('appendRequest').at(-1)).toMatchObject({ to: 3, index: 1 });
  });

  it('bounds what is not committed, but takes a first proposal of any size', () => {
    const leader = new Single(stored(TRIO, []), { maxUncommittedBytes: 10 }).lead(2);
    const step = (size: number) =>
      leader.node.step({ type: 'propose', data: [new Uint8Array(size)] });
    expect(step(100)).toBeUndefined();
    expect(step(1)).toBe('too-many-uncommitted');
    expect(step(0)).toBeUndefined();
    leader.settle().receive(2, { type: 'appendResponse', index: 4 });
    expect(step(1)).toBeUndefined();
  });

  it('sends heartbeats that commit no more than matches', () => {
    const leader = new Single(stored(TRIO, [])).lead(2);
    leader.receive(2, { type: 'appendResponse', index: 2 });
    leader.take();
    leader.tick();
    const commits = leader.take('heartbeat').map(({ to, commit }) => [to, commit]);
    expect(commits).toEqual([
      [2, 2],
      [3, 0],
    ]);
  });

  it('sends a snapshot where the log is compacted, and appends again after it', () => {
    const leader = new Single(stored(TRIO, [])).lead(2).propose('a', 'b');
    leader.receive(2, { type: 'appendResponse', index: 4 });
    leader.node.compact(4);
    expect(leader.node.status()).toMatchObject({ firstIndex: 5, snapshotIndex: 4 });
    leader.take();
    leader.receive(3, { type: 'appendResponse', reject: true, index: 1, rejectHint: 0 });
    expect(leader.take('snapshot')).toMatchObject([{ to: 3, snapshot: { index: 4, term: 2 } }]);
    // The report is lost; the acknowledgement alone has to do.
    leader.receive(3, { type: 'appendResponse', index: 4 });
    expect(leader.node.status().progress.get(3)).toMatchObject({ state: 'replicate', match: 4 });
    leader.take();
    leader.propose('c');
    expect(leader.take('appendRequest').filter(({ to }) => to === 3)).toMatchObject([{ index: 4 }]);
  });
});

describe('the driver', () => {
  it('is held to the contract', () => {
    const { node } = new Single(stored([1], []));
    expect(() => node.advance()).toThrow('a ready is advanced once');
    node.step({ type: 'campaign' });
    node.ready();
    expect(() => node.ready()).toThrow('the previous ready was advanced');
    expect(node.hasReady()).toBe(false);
  });

  it('gets committed entries in bounded portions', () => {
    const node = new Single(stored([1], [1, 1, 1, 1], { commit: 5, applied: 1 }), {
      maxApplyBytes: 50,
    }).settle();
    expect(node.readies.map(({ committedEntries }) => committedEntries.length)).toEqual([2, 2]);
  });
});
