import { describe, expect, it } from 'vitest';
import { createMessage } from '../../../consensus/raft/index.js';
import { Single, stored } from './single.js';

const TRIO = [1, 2, 3];

describe('a vote', () => {
  // The own log ends with term 3 at index 4.
  const cases: [string, number, number, boolean][] = [
    ['the same log', 3, 4, true],
    ['a longer log of the same term', 3, 9, true],
    ['a shorter log of the same term', 3, 3, false],
    ['a shorter log of a later term', 4, 2, true],
    ['a longer log of an earlier term', 2, 9, false],
  ];
  for (const [what, logTerm, index, granted] of cases) {
    it(`is ${granted ? 'granted to' : 'refused to'} ${what}`, () => {
      const node = new Single(stored(TRIO, [2, 3, 3], { term: 3 }));
      node.receive(2, { type: 'voteRequest', term: 5, logTerm, index });
      expect(node.take()).toMatchObject([{ type: 'voteResponse', reject: !granted, term: 5 }]);
      expect(node.node.status().vote).toBe(granted ? 2 : 0);
    });
  }

  it('is given once a term, and survives a restart', () => {
    const node = new Single(stored(TRIO, []));
    node.receive(2, { type: 'voteRequest', term: 5, logTerm: 1, index: 1 });
    const { hardState } = node.readies.at(-1)!;
    expect(hardState).toEqual({ term: 5, vote: 2, commit: 1 });
    const restarted = new Single({ ...stored(TRIO, []), hardState: hardState! });
    restarted.receive(3, { type: 'voteRequest', term: 5, logTerm: 1, index: 1 });
    expect(restarted.take()).toMatchObject([{ reject: true }]);
    restarted.receive(2, { type: 'voteRequest', term: 5, logTerm: 1, index: 1 });
    expect(restarted.take()).toMatchObject([{ reject: false }]);
  });

  it('waits for the disk', () => {
    const { node } = new Single(stored(TRIO, []));
    node.step({ type: 'campaign' });
    const ready = node.ready();
    expect(ready).toMatchObject({ mustSync: true, hardState: { term: 2, vote: 1 } });
    // The own vote as well: a candidate alone is no leader before its vote is durable.
    const alone = new Single(stored([1], []));
    alone.node.step({ type: 'campaign' });
    alone.node.ready();
    expect(alone.node.isLeader).toBe(false);
    alone.node.advance();
    expect(alone.node.isLeader).toBe(true);
  });

  it('is given by a learner, which may be a voter without knowing', () => {
    const confState = {
      voters: [2, 3],
      learners: [1],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const node = new Single({ ...stored(TRIO, []), confState });
    expect(node.node.step({ type: 'campaign' })).toBe('not-voter');
    node.receive(2, { type: 'voteRequest', term: 5, logTerm: 1, index: 1 });
    expect(node.take()).toMatchObject([{ type: 'voteResponse', reject: false }]);
  });

  it('is refused during the lease of a leader unless that leader asked for it', () => {
    const node = new Single(stored(TRIO, []), { checkQuorum: true });
    node.receive(2, { type: 'heartbeat', term: 2 });
    node.take();
    node.receive(3, { type: 'voteRequest', term: 3, logTerm: 1, index: 1 });
    expect(node.take()).toEqual([]);
    expect(node.node.status().term).toBe(2);
    node.receive(3, {
      type: 'voteRequest',
      term: 3,
      logTerm: 1,
      index: 1,
      context: 'transfer',
    });
    expect(node.take()).toMatchObject([{ type: 'voteResponse', reject: false }]);
  });

  it('says in a refusal what is committed, and the candidate learns from it', () => {
    const node = new Single(stored(TRIO, [2, 2, 2], { term: 2 }));
    node.node.step({ type: 'campaign' });
    node.settle().receive(2, { type: 'voteResponse', reject: true, index: 3, logTerm: 2 });
    expect(node.node.status().commit).toBe(3);
    node.receive(3, { type: 'voteResponse', reject: true, index: 4, logTerm: 9 });
    expect(node.node.status().commit).toBe(3);
    const refuser = new Single(stored(TRIO, [2, 2], { term: 2, commit: 2 }));
    refuser.receive(2, { type: 'voteRequest', term: 3, logTerm: 1, index: 1 });
    expect(refuser.take()).toMatchObject([{ reject: true, index: 2, logTerm: 2 }]);
  });
});

describe('a campaign', () => {
  it('starts after 1 to 2 election timeouts, by the random number', () => {
    for (const [random, ticks] of [
      [0, 10],
      [0.5, 15],
      [0.999, 19],
    ] as const) {
      const node = new Single(stored(TRIO, []), { random: () => random }).tick(ticks - 1);
      expect(node.node.status().role).toBe('follower');
      expect(node.tick().node.status().role).toBe('candidate');
    }
  });

  it('asks first and changes nothing by asking', () => {
    const node = new Single(stored(TRIO, []), { preVote: true });
    node.node.step({ type: 'campaign' });
    node.settle();
    expect(node.take()).toMatchObject([
      { type: 'preVoteRequest', to: 2, term: 2 },
      { type: 'preVoteRequest', to: 3, term: 2 },
    ]);
    expect(node.node.status()).toMatchObject({ role: 'precandidate', term: 1, vote: 0 });
    node.receive(2, { type: 'preVoteResponse', term: 2 });
    expect(node.node.status()).toMatchObject({ role: 'candidate', term: 2, vote: 1 });
    expect(node.take()).toMatchObject([{ type: 'voteRequest' }, { type: 'voteRequest' }]);
  });

  it('does not start over a committed change that is not applied', () => {
    const node = new Single(stored(TRIO, []));
    node.receive(2, {
      type: 'appendRequest',
      term: 2,
      index: 1,
      logTerm: 1,
      entries: [{ term: 2, index: 2, type: 'normal', data: Buffer.from('') }],
    });
    const change = { transition: 'auto', changes: [{ type: 'addVoter', node: 4 }] } as const;
    const leader = new Single(stored([1], []));
    leader.lead();
    leader.node.step({ type: 'proposeConfChange', change });
    const data = leader.node.entries(3, 3, 1000)[0]!.data;
    node.node.step({
      type: 'message',
      message: createMessage({
        type: 'appendRequest',
        to: 1,
        from: 2,
        term: 2,
        logTerm: 2,
        index: 2,
        commit: 3,
        entries: [{ term: 2, index: 3, type: 'confChange', data }],
      }),
    });
    expect(node.node.step({ type: 'campaign' })).toBe('unapplied-change');
    node.settle();
    expect(node.node.step({ type: 'campaign' })).toBeUndefined();
  });

  it('ends when a majority refuses', () => {
    const node = new Single(stored(TRIO, []));
    node.node.step({ type: 'campaign' });
    node.settle();
    node.receive(2, { type: 'voteResponse', reject: true });
    expect(node.node.status().role).toBe('candidate');
    node.receive(3, { type: 'voteResponse', reject: true });
    expect(node.node.status()).toMatchObject({ role: 'follower', term: 2 });
  });
});

describe('a leader', () => {
  it('steps down without a quorum of answers', () => {
    const leader = new Single(stored(TRIO, []), { checkQuorum: true }).lead(2);
    leader.receive(2, { type: 'appendResponse', index: 2 });
    leader.tick(10);
    expect(leader.node.isLeader).toBe(true);
    leader.tick(10);
    expect(leader.node.status()).toMatchObject({ role: 'follower', leader: 0 });
  });

  it('steps down for a later term and tells a later one to a stale leader', () => {
    const leader = new Single(stored(TRIO, []), { checkQuorum: true }).lead(2);
    leader.receive(3, { type: 'appendResponse', term: 7 });
    expect(leader.node.status()).toMatchObject({ role: 'follower', term: 7 });
    leader.take();
    leader.receive(2, { type: 'heartbeat', term: 3 });
    expect(leader.take()).toMatchObject([{ type: 'appendResponse', to: 2, term: 7 }]);
  });

  it('hands over to a member that is up to date, and refuses proposals meanwhile', () => {
    const leader = new Single(stored(TRIO, [])).lead(2);
    leader.receive(2, { type: 'appendResponse', index: 2 });
    leader.take();
    leader.node.step({ type: 'transferLeader', to: 2 });
    expect(leader.settle().take()).toMatchObject([{ type: 'timeoutNow', to: 2 }]);
    const propose = () => leader.node.step({ type: 'propose', data: [Buffer.from('a')] });
    expect(propose()).toBe('transferring');
    leader.tick(10);
    expect(propose()).toBeUndefined();
  });

  it('brings the target up to date first', () => {
    const leader = new Single(stored(TRIO, [])).lead(2);
    leader.node.step({ type: 'transferLeader', to: 3 });
    expect(leader.settle().take('timeoutNow')).toEqual([]);
    leader.receive(3, { type: 'appendResponse', index: 2 });
    expect(leader.take('timeoutNow')).toMatchObject([{ to: 3 }]);
    expect(leader.node.step({ type: 'transferLeader', to: 9 })).toBe('not-voter');
  });

  it('is forgotten on request, so that votes are given at once', () => {
    const node = new Single(stored(TRIO, []), { checkQuorum: true });
    node.receive(2, { type: 'heartbeat', term: 2 });
    node.node.step({ type: 'forgetLeader' });
    node.take();
    node.receive(3, { type: 'voteRequest', term: 3, logTerm: 1, index: 1 });
    expect(node.take()).toMatchObject([{ type: 'voteResponse', reject: false }]);
  });
});

describe('a message of an earlier term', () => {
  const sent = (node: Single) =>
    node.take().map(({ type, to, term, reject }) => [type, to, term, reject]);

  it('is answered by a node that does not campaign, or the leader would never hear of the term', () => {
    const confState = {
      voters: [2, 3],
      learners: [1],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const learner = new Single({ ...stored(TRIO, [], { term: 3 }), confState });
    learner.receive(2, { type: 'heartbeat', term: 2 });
    expect(sent(learner)).toEqual([['appendResponse', 2, 3, false]]);
    learner.receive(2, { type: 'voteRequest', term: 2, logTerm: 1, index: 9 });
    expect(sent(learner)).toEqual([['voteResponse', 2, 3, true]]);
  });

  it('is answered to a candidate that this node does not know as a member', () => {
    const voter = new Single(stored(TRIO, [], { term: 3 }));
    voter.receive(9, { type: 'voteRequest', term: 2, logTerm: 1, index: 9 });
    expect(sent(voter)).toEqual([['voteResponse', 9, 3, true]]);
    voter.receive(2, { type: 'voteRequest', term: 2, logTerm: 1, index: 9 });
    expect(sent(voter)).toEqual([]);
  });
});
