import { describe, expect, it } from 'vitest';
import { RaftNode, type RestoredState, defaultRaftConfig } from '../../../consensus/raft/index.js';
import { Single, entry, stored } from './single.js';

const VOTERS = [1, 2, 3];

/** `stored`, of which the entries at `indexes` were lost. */
function damaged(restored: RestoredState, ...indexes: number[]): RestoredState {
  const entries = restored.entries.map((each) =>
    indexes.includes(each.index)
      ? { ...each, type: 'lost' as const, data: new Uint8Array(0) }
      : each,
  );
  return { ...restored, entries };
}

function texts(entries: readonly { data: Uint8Array }[]): string[] {
  return entries.map(({ data }) => Buffer.from(data).toString());
}

describe('a follower that has lost entries', () => {
  const start = (commit = 5): Single =>
    new Single(damaged(stored(VOTERS, [1, 1, 2, 2], { commit, applied: 1 }), 3, 4)).settle();

  it('applies up to the first one', () => {
    const single = start();
    expect(single.applied.map(({ index }) => index)).toEqual([2]);
    expect(single.node.status()).toMatchObject({ lostEntries: 2, commit: 5, lastIndex: 5 });
  });

  it('asks its leader for them, once a heartbeat interval', () => {
    const single = start().receive(2, { type: 'heartbeat', term: 2, commit: 5 });
    single.sent = [];
    single.tick(3);
    const asked = single.take('repairRequest');
    expect(asked).toHaveLength(3);
    expect(asked[0]).toMatchObject({ to: 2, term: 0, index: 3, commit: 4 });
  });

  it('asks everybody while it knows no leader', () => {
    const asked = start().tick().take('repairRequest');
    expect(asked.map(({ to }) => to)).toEqual([2, 3]);
  });

  it('takes over what fits, writes it again and applies on', () => {
    const single = start();
    single.receive(2, {
      type: 'repairResponse',
      term: 0,
      index: 3,
      entries: [entry(1, 3, 'three'), entry(2, 4, 'four')],
    });
    expect(texts(single.applied)).toEqual(['', 'three', 'four', '']);
    expect(texts(single.readies.flatMap(({ repaired }) => repaired))).toEqual(['three', 'four']);
    expect(single.node.status().lostEntries).toBe(0);
  });

  it('leaves alone what is of another term, what it holds, and what it does not have', () => {
    const single = start();
    single.receive(2, {
      type: 'repairResponse',
      term: 0,
      index: 2,
      entries: [entry(1, 2, 'x'), entry(2, 3, 'x'), entry(2, 4, 'four'), entry(2, 9, 'x')],
    });
    expect(single.node.status()).toMatchObject({ lostEntries: 1, lastIndex: 5 });
    expect(texts(single.readies.flatMap(({ repaired }) => repaired))).toEqual(['four']);
  });

  it('is repaired by an append as well', () => {
    const single = start();
    const entries = [entry(1, 3, 'three'), entry(2, 4, 'four')];
    single.receive(2, {
      type: 'appendRequest',
      term: 2,
      index: 5,
      logTerm: 2,
      entries: [entry(2, 6)],
    });
    expect(single.node.status().lostEntries).toBe(2);
    const low = new Single(
      damaged(stored(VOTERS, [1, 1, 2, 2], { commit: 2, applied: 1 }), 3, 4),
    ).settle();
    low.receive(2, { type: 'appendRequest', term: 2, index: 2, logTerm: 1, entries, commit: 4 });
    expect(texts(low.applied)).toEqual(['', 'three', 'four']);
  });

  it('acknowledges as if they were there: it has done so before', () => {
    const single = start();
    single.receive(2, { type: 'appendRequest', term: 2, index: 5, logTerm: 2, commit: 5 });
    expect(single.take('appendResponse')[0]).toMatchObject({ index: 5, reject: false });
  });

  it('gives its vote to nobody who lacks them', () => {
    const single = start(2);
    single.receive(2, { type: 'voteRequest', term: 9, index: 3, logTerm: 1 });
    expect(single.take('voteResponse')[0]).toMatchObject({ reject: true });
    single.receive(3, { type: 'voteRequest', term: 9, index: 5, logTerm: 2 });
    expect(single.take('voteResponse')[0]).toMatchObject({ to: 3, reject: false });
  });

  it('forgets those that a later leader replaces', () => {
    const single = start(2);
    const entries = [entry(4, 3, 'new')];
    single.receive(2, { type: 'appendRequest', term: 4, index: 2, logTerm: 1, entries, commit: 3 });
    expect(single.node.status()).toMatchObject({ lostEntries: 0, lastIndex: 3 });
    expect(texts(single.applied)).toEqual(['', 'new']);
  });

  it('does not campaign while a committed entry is missing: it may change the membership', () => {
    const single = start(5);
    expect(single.node.step({ type: 'campaign' })).toBe('unapplied-change');
  });

  it('takes a snapshot below what follows it, which stays', () => {
    const single = start();
    const { confState } = single.node.status();
    single.receive(2, { type: 'snapshot', term: 2, snapshot: { index: 4, term: 2, confState } });
    expect(single.node.status()).toMatchObject({ lostEntries: 0, firstIndex: 5, lastIndex: 5 });
    expect(single.take('appendResponse').at(-1)).toMatchObject({ index: 4, reject: false });
    expect(single.applied.map(({ index }) => index)).toEqual([2, 5]);
  });
});

describe('who is asked for a lost entry', () => {
  const ask = (single: Single, index: number, through = index) =>
    single.receive(2, { type: 'repairRequest', term: 0, index, commit: through });

  it('sends what there is', () => {
    const single = new Single(stored(VOTERS, [1, 1, 2]));
    const [answer] = ask(single, 3, 9).take('repairResponse');
    expect(answer).toMatchObject({ to: 2, index: 3, reject: false, term: 0, commit: 2 });
    expect(answer?.entries.map(({ index }) => index)).toEqual([3, 4]);
  });

  it('says that it never had it', () => {
    const single = new Single(stored(VOTERS, [1, 1]));
    expect(ask(single, 4).take('repairResponse')[0]).toMatchObject({ reject: true, rejectHint: 0 });
  });

  it('says so if it may have had and forgotten it, until it holds all that it owes', () => {
    const restored = { ...stored(VOTERS, [1, 1], { term: 2 }), mayHaveLostSuffix: true };
    const single = new Single(restored).settle();
    const answered = () => ask(single, 4).take('repairResponse')[0];
    const isRefusedWith = (context: string) => ({ reject: true, rejectHint: 0, context });
    expect(answered()).toMatchObject(isRefusedWith('owes'));
    const end = { type: 'logEndResponse', term: 0, commit: 2 } as const;
    single.receive(2, { ...end, index: 4, logTerm: 2 });
    single.receive(3, { ...end, index: 3, logTerm: 1 });
    expect(single.node.status().isAmnesiac).toBe(false);
    expect(answered()).toMatchObject(isRefusedWith('owes'));
    // Another entry in that place says as little.
    expect(ask(single, 3).take('repairResponse')[0]).toMatchObject({ context: 'owes' });
    const entries = [entry(3, 4)];
    single.receive(2, { type: 'appendRequest', term: 3, index: 3, logTerm: 1, entries });
    expect(ask(single, 5).take('repairResponse')[0]).toMatchObject(isRefusedWith(''));
  });

  it('says nothing if it has lost it itself', () => {
    const single = new Single(damaged(stored(VOTERS, [1, 1]), 3));
    expect(ask(single, 3).take('repairResponse')).toEqual([]);
  });

  it('says what it has compacted, and sends a snapshot if it leads', () => {
    const single = new Single(stored(VOTERS, [1, 1, 1], { commit: 4 })).settle().lead(2);
    single.node.compact(4);
    const sent = ask(single, 3).sent;
    expect(sent.map(({ type }) => type)).toEqual(['repairResponse', 'snapshot']);
    expect(sent[0]).toMatchObject({ reject: true, rejectHint: 5 });
  });
});

describe('a leader that has lost entries', () => {
  const lead = (): Single =>
    new Single(damaged(stored(VOTERS, [1, 1, 2], { commit: 2, applied: 1 }), 3)).settle().lead(2);

  const deny = (single: Single, from: number, term = single.node.status().term): Single =>
    single.receive(from, { type: 'repairResponse', term: 0, index: 3, reject: true, commit: term });

  it('takes nothing, appends nothing, and asks everybody', () => {
    const single = lead();
    expect(single.node.status()).toMatchObject({ role: 'leader', lastIndex: 4, lostEntries: 1 });
    expect(single.node.step({ type: 'propose', data: [Buffer.from('x')] })).toBe('repairing');
    expect(
      single
        .tick()
        .take('repairRequest')
        .map(({ to }) => to),
    ).toEqual([2, 3]);
  });

  it('begins its term when its log is whole', () => {
    const single = lead();
    single.receive(3, {
      type: 'repairResponse',
      term: 0,
      index: 3,
      entries: [entry(1, 3, 'three')],
    });
    expect(single.node.status()).toMatchObject({ lastIndex: 5, lostEntries: 0 });
    expect(single.take('appendRequest').length).toBeGreaterThan(0);
    single.receive(2, { type: 'appendResponse', index: 5 });
    expect(texts(single.applied)).toEqual(['', 'three', '', '']);
  });

  it('gives up what a quorum of others never had', () => {
    const single = lead();
    deny(single, 2);
    expect(single.node.status().lostEntries).toBe(1);
    deny(single, 3);
    // Entry 3 is now the first one of its own term.
    expect(single.node.status()).toMatchObject({ lastIndex: 3, lostEntries: 0 });
    expect(single.node.termAt(3)).toBe(single.node.status().term);
  });

  it('counts neither itself nor the same one twice', () => {
    const single = deny(deny(deny(lead(), 2), 2), 2);
    expect(single.node.status().lostEntries).toBe(1);
  });

  it('counts no denial of an earlier term: an old leader may still bring the entry there', () => {
    const single = lead();
    const { term } = single.node.status();
    deny(deny(single, 2, term - 1), 3, term - 1);
    expect(single.node.status().lostEntries).toBe(1);
  });

  const owe = (single: Single, from: number): Single => {
    const denial = { type: 'repairResponse', term: 0, index: 3, reject: true } as const;
    return single.receive(from, { ...denial, commit: single.node.term, context: 'owes' });
  };

  it('counts one that may have forgotten it only when no other voter is left to ask', () => {
    const start = (): Single => {
      const restored = stored([1, 2, 3, 4, 5], [1, 1, 2], { commit: 2, applied: 1 });
      const single = new Single(damaged(restored, 3)).settle().lead(2, 4, 5);
      return deny(deny(owe(single, 2), 4), 5);
    };
    // Entry 3 was committed by 1, 2 and 3. Node 2 has forgotten it, and 3 answers late.
    const late = start();
    expect(late.node.status()).toMatchObject({ lastIndex: 4, lostEntries: 1 });
    const entries = [entry(1, 3, 'three')];
    late.receive(3, { type: 'repairResponse', term: 0, index: 3, entries });
    expect(late.node.status().lostEntries).toBe(0);
    expect(texts(late.readies.flatMap(({ repaired }) => repaired))).toEqual(['three']);
    // Node 3 has never had it either, and with 4 and 5 that makes a quorum.
    expect(deny(start(), 3).node.status()).toMatchObject({ lastIndex: 3, lostEntries: 0 });
    // No quorum of three is sure, but nobody has it: only a majority of lost copies could have committed it.
    const three = lead();
    owe(three, 2);
    expect(three.node.status().lostEntries).toBe(1);
    expect(deny(three, 3).node.status()).toMatchObject({ lastIndex: 3, lostEntries: 0 });
  });

  it('cuts off a torn end when it is alone, and nothing but that', () => {
    const alone = (...lost: number[]) =>
      new Single(damaged(stored([1], [1, 1, 2], { commit: 2, applied: 1 }), ...lost))
        .settle()
        .tick(40);
    expect(alone(4).node.status()).toMatchObject({ lostEntries: 0, lastIndex: 4, commit: 4 });
    expect(alone(3, 4).node.status()).toMatchObject({ lostEntries: 0, lastIndex: 3, commit: 3 });
    // What follows was synced later, so this one had been acknowledged.
    expect(alone(3).node.status()).toMatchObject({ lostEntries: 1, lastIndex: 4, commit: 2 });
  });

  it('is elected after others have had their chance', () => {
    const restored = stored(VOTERS, [1, 1, 2], { commit: 2, applied: 1 });
    const whole = new Single(restored, { electionTicks: 10 }).settle().tick(10);
    expect(whole.take('voteRequest')).toHaveLength(2);
    const harmed = new Single(damaged(restored, 3), { electionTicks: 10 }).settle().tick(19);
    expect(harmed.take('voteRequest')).toHaveLength(0);
    expect(harmed.tick().take('voteRequest')).toHaveLength(2);
  });

  it('comes to its turn although one that cannot win begins term after term', () => {
    const restored = stored(VOTERS, [1, 1, 2], { commit: 2, applied: 1 });
    const single = new Single(damaged(restored, 3), { electionTicks: 10 }).settle();
    const campaign = (index: number, logTerm: number) =>
      single.receive(2, { type: 'voteRequest', term: single.node.term + 1, index, logTerm });
    // Who begins anew by chance waits at most as long as who asks.
    campaign(3, 1).tick(9);
    expect(single.take('voteRequest')).toHaveLength(0);
    campaign(3, 1).tick(10);
    expect(single.take('voteRequest')).toHaveLength(2);
    // One that may win is waited for.
    campaign(4, 2).tick(19);
    expect(single.take('voteRequest')).toHaveLength(0);
  });
});

describe('a disk that has lost a whole suffix unnoticed', () => {
  it('is noticed by the leader, and gives no vote before it has it again', () => {
    const single = new Single(stored(VOTERS, [1, 1])).settle();
    single.receive(2, { type: 'heartbeat', term: 1, commit: 5 });
    expect(single.take('heartbeatResponse')[0]).toMatchObject({ reject: true, rejectHint: 3 });
    single.receive(3, { type: 'voteRequest', term: 2, index: 3, logTerm: 1 });
    expect(single.take('voteResponse')[0]).toMatchObject({ reject: true });
    const entries = [entry(1, 4), entry(1, 5)];
    single.receive(2, { type: 'appendRequest', term: 2, index: 3, logTerm: 1, entries, commit: 5 });
    single.receive(3, { type: 'voteRequest', term: 3, index: 5, logTerm: 1 });
    expect(single.take('voteResponse')[0]).toMatchObject({ to: 3, reject: false });
  });

  it('is fed again by a leader that had counted it', () => {
    const single = new Single(stored(VOTERS, [1, 1])).settle().lead(2);
    single.propose('a', 'b');
    single.receive(2, { type: 'appendResponse', index: 6 });
    expect(single.node.status().progress.get(2)).toMatchObject({ match: 6 });
    single.sent = [];
    single.receive(2, { type: 'heartbeatResponse', reject: true, rejectHint: 3 });
    expect(single.node.status()).toMatchObject({ commit: 6 });
    expect(single.take('appendRequest')[0]).toMatchObject({ to: 2, index: 3 });
  });

  it('is noticed by refusals of what was acknowledged, once they cannot be late ones', () => {
    const single = new Single(stored(VOTERS, [1, 1])).settle().lead(2);
    single.propose('a');
    single.receive(2, { type: 'appendResponse', index: 5 });
    single.node.step({ type: 'unreachable', peer: 2 });
    const refuse = () =>
      single.receive(2, {
        type: 'appendResponse',
        index: 5,
        reject: true,
        rejectHint: 2,
        logTerm: 1,
      });
    refuse();
    refuse();
    expect(single.node.status().progress.get(2)).toMatchObject({ match: 5 });
    refuse();
    expect(single.node.status().progress.get(2)?.match).toBeLessThan(5);
  });
});

it('a log whose applied entries are lost is refused', () => {
  const restored = damaged(stored(VOTERS, [1, 1], { commit: 3, applied: 3 }), 2);
  const config = defaultRaftConfig({ id: 1, random: () => 0 });
  expect(() => new RaftNode(config, restored)).toThrow(/applied is lost/);
});
