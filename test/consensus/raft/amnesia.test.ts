import { describe, expect, it } from 'vitest';
import { Single, entry, stored } from './single.js';

/** A follower of term 3 with entries up to 3, whose disk may have lost more. */
function start(voters: readonly number[] = [1, 2, 3]): Single {
  const restored = { ...stored(voters, [1, 2], { term: 3 }), mayHaveLostSuffix: true };
  return new Single(restored).settle();
}

function tell(single: Single, from: number, end: { term: number; index: number; now?: number }) {
  const { term: logTerm, index, now = 3 } = end;
  return single.receive(from, { type: 'logEndResponse', term: 0, index, logTerm, commit: now });
}

function asksForVote(single: Single, term: number, logTerm: number, index: number): boolean {
  single.sent = [];
  single.receive(3, { type: 'voteRequest', term, logTerm, index });
  return single.take('voteResponse').some(({ reject, to }) => !reject && to === 3);
}

describe('a node whose disk may have lost a suffix', () => {
  it('gives no vote and does not campaign', () => {
    const single = start();
    expect(asksForVote(single, 9, 8, 100)).toBe(false);
    expect(single.tick(60).take('voteRequest')).toEqual([]);
    expect(single.node.status()).toMatchObject({ isAmnesiac: true, role: 'follower' });
  });

  it('tells a leader of an earlier term, since it does not campaign in its own', () => {
    const [answer] = start().receive(2, { type: 'heartbeat', term: 2 }).take('appendResponse');
    expect(answer).toMatchObject({ to: 2, term: 3 });
    const sound = new Single(stored([1, 2, 3], [1, 2], { term: 3 })).settle();
    expect(sound.receive(2, { type: 'heartbeat', term: 2 }).take('appendResponse')).toEqual([]);
  });

  it('asks the others, until each quorum that it was part of has somebody who told', () => {
    const single = start();
    const asked = single.tick().take('logEndRequest');
    expect(asked.map(({ to }) => to)).toEqual([2, 3]);
    tell(single, 2, { term: 2, index: 7 });
    expect(single.node.status().isAmnesiac).toBe(true);
    expect(
      single
        .tick()
        .take('logEndRequest')
        .map(({ to }) => to),
    ).toEqual([3]);
    tell(single, 3, { term: 1, index: 2 });
    expect(single.node.status().isAmnesiac).toBe(false);
  });

  it('needs three of four others where three make a quorum', () => {
    const single = start([1, 2, 3, 4, 5]);
    tell(tell(single, 2, { term: 2, index: 3 }), 3, { term: 2, index: 3 });
    expect(single.node.status().isAmnesiac).toBe(true);
    tell(single, 4, { term: 2, index: 3 });
    expect(single.node.status().isAmnesiac).toBe(false);
  });

  it('waits for those of an earlier term, unless everybody has told', () => {
    const single = start([1, 2, 3, 4, 5]);
    tell(tell(single, 2, { term: 2, index: 3 }), 3, { term: 2, index: 3 });
    tell(single, 4, { term: 2, index: 3, now: 2 });
    expect(single.node.status().isAmnesiac).toBe(true);
    single.sent = [];
    const asked = single.tick().take('logEndRequest');
    expect(asked.map(({ to }) => to)).toEqual([4, 5]);
    const everybody = tell(single, 5, { term: 2, index: 3, now: 1 });
    expect(everybody.node.status().isAmnesiac).toBe(false);
  });

  it('waits for who may lead in their term', () => {
    const told = (leader: number): Single => {
      const single = start([1, 2, 3, 4, 5]);
      const end = { type: 'logEndResponse', term: 0, index: 3, logTerm: 2, commit: 3 } as const;
      for (const from of [2, 3]) single.receive(from, end);
      return single.receive(4, { ...end, rejectHint: leader });
    };
    expect(told(5).node.status().isAmnesiac).toBe(true);
    for (const known of [0, 1, 3, 4]) expect(told(known).node.status().isAmnesiac).toBe(false);
  });

  it('votes then only for logs that are as complete as what was told', () => {
    const single = tell(tell(start(), 2, { term: 2, index: 7 }), 3, { term: 1, index: 2 });
    expect(asksForVote(single, 4, 2, 6)).toBe(false);
    expect(asksForVote(single, 5, 2, 7)).toBe(true);
  });

  it('does not campaign before its log is that complete', () => {
    const single = tell(tell(start(), 2, { term: 2, index: 7 }), 3, { term: 1, index: 2 });
    expect(single.tick(60).take('voteRequest')).toEqual([]);
    const even = tell(tell(start(), 2, { term: 2, index: 3 }), 3, { term: 1, index: 2 });
    expect(even.tick(60).take('voteRequest').length).toBeGreaterThan(0);
  });

  it('counts the vote of the present term as spent: it may have given it already', () => {
    const single = tell(tell(start(), 2, { term: 2, index: 3, now: 6 }), 3, { term: 2, index: 3 });
    expect(single.node.status()).toMatchObject({ term: 6, vote: 1 });
    expect(asksForVote(single, 6, 5, 100)).toBe(false);
    expect(asksForVote(single, 7, 5, 100)).toBe(true);
  });

  it('is trusted again once a leader has brought it up to what it committed in its term', () => {
    const single = start();
    const append = (index: number, commit: number, entries = [entry(4, index + 1)]) =>
      single.receive(2, {
        type: 'appendRequest',
        term: 4,
        index,
        logTerm: index === 3 ? 2 : 4,
        entries,
        commit,
      });
    append(3, 3);
    expect(single.node.status().isAmnesiac).toBe(true);
    // Committed further than this reaches.
    append(4, 9);
    expect(single.node.status().isAmnesiac).toBe(true);
    append(5, 6);
    expect(single.node.status().isAmnesiac).toBe(false);
  });

  it('asks nobody, and gives no vote, where its membership is lost as well', () => {
    const { hardState } = stored([1, 2, 3], [1, 2], { term: 3 });
    const lost = [2, 3].map((index) => ({ ...entry(2, index), type: 'lost' as const }));
    const restored = { hardState, snapshot: null, entries: [entry(1, 1), ...lost], applied: 0 };
    const single = new Single({ ...restored, mayHaveLostSuffix: true }).settle();
    single.tick(60);
    expect(single.node.status()).toMatchObject({ isAmnesiac: true, role: 'follower' });
    expect(asksForVote(single, 9, 8, 100)).toBe(false);
  });

  it('has nobody to ask when it is alone', () => {
    const single = start([1]).tick(60);
    expect(single.node.status()).toMatchObject({ isAmnesiac: false, role: 'leader' });
  });

  it('answers others all the same', () => {
    const single = start();
    single.receive(2, { type: 'logEndRequest', term: 0 });
    const [answer] = single.take('logEndResponse');
    expect(answer).toMatchObject({ to: 2, index: 3, logTerm: 2, commit: 3, rejectHint: 0 });
    const voted = new Single(stored([1, 2, 3], [1, 2], { term: 3, vote: 2 })).settle();
    const ask = () =>
      voted.receive(2, { type: 'logEndRequest', term: 0 }).take('logEndResponse')[0];
    expect(ask()).toMatchObject({ rejectHint: 2 });
    voted.receive(3, { type: 'heartbeat', term: 4 });
    expect(ask()).toMatchObject({ rejectHint: 3 });
  });
});

describe('a leader that is asked by a node that may have forgotten', () => {
  /** Node 2 of five has acknowledged entry 5 of term 3, and asks with a log that ends earlier. */
  function asked(index: number, logTerm: number): Single {
    const single = new Single(stored([1, 2, 3, 4, 5], [1, 2])).settle().lead(2, 3);
    single.propose('five');
    single.receive(2, { type: 'appendResponse', index: 5 });
    single.receive(2, { type: 'logEndRequest', term: 0, index, logTerm, commit: 1 });
    return single;
  }
  const match = (single: Single) => single.node.status().progress.get(2)?.match;

  it('counts what it acknowledged no longer', () => {
    const single = asked(3, 2);
    single.receive(3, { type: 'appendResponse', index: 5 });
    // Nodes 1 and 3 hold entry 5 and no others: 2 has told 4 and 5 that it may vote for them.
    expect(single.node.status().commit).toBe(1);
    expect(match(single)).toBe(3);
    single.sent = [];
    const [append] = single.receive(2, { type: 'heartbeatResponse' }).take('appendRequest');
    expect(append).toMatchObject({ to: 2, index: 3 });
    single.receive(2, { type: 'appendResponse', index: 5 });
    expect(single.node.status().commit).toBe(5);
  });

  it('counts no entry that differs where its log ends now', () => {
    expect(match(asked(3, 1))).toBe(1);
  });

  it('goes on counting what it holds', () => {
    expect(match(asked(5, 3))).toBe(5);
  });

  it('knows nothing from one of an earlier release', () => {
    expect(match(asked(0, 0))).toBe(5);
  });
});
