import { describe, expect, it } from 'vitest';
import { type RaftConfig, joiningState } from '../../../consensus/raft/index.js';
import { Single, entry, stored } from './single.js';

const TRIO = [1, 2, 3];
const LEASED = { checkQuorum: true, leaseMs: 100 };
/** Ticks of an election timeout, by default. */
const ELECTION = 10;

/** A leader with a commit in its term, at `nowMs` 0 on its clock. Its first heartbeats are at 0. */
function leader(fields: Partial<RaftConfig> = {}, voters = TRIO): Single {
  const node = new Single(stored(voters, []), { ...LEASED, ...fields });
  node.nowMs = 0;
  // It may have promised its own vote before it started.
  node.tick(ELECTION).settle();
  for (const from of voters.slice(1)) node.receive(from, { type: 'voteResponse' });
  expect(node.node.isLeader).toBe(true);
  for (const from of voters.slice(1)) node.receive(from, { type: 'appendResponse', index: 2 });
  node.take();
  return node;
}

/** Heartbeats go out at `sentMs` and are answered by `from` at `answeredMs`. */
function heartbeats(node: Single, sentMs: number, answeredMs: number, from: number[]): Single {
  node.nowMs = sentMs;
  const [heartbeat] = node.tick().take('heartbeat');
  node.nowMs = answeredMs;
  for (const each of from) {
    node.receive(each, { type: 'heartbeatResponse', context: heartbeat!.context });
  }
  return node;
}

/** Whether a read is answered at once at `nowMs`. */
function isAnswered(node: Single, nowMs: number | undefined, context = `at ${nowMs}`): boolean {
  node.nowMs = nowMs;
  return node.read(context).length === 1;
}

describe('a leader with a lease', () => {
  it('answers alone until the lease ends, counted from the sending of the heartbeats', () => {
    const node = heartbeats(leader(), 1000, 1090, [2]);
    expect(isAnswered(node, 1099)).toBe(true);
    expect(node.take('heartbeat')).toEqual([]);
    expect(isAnswered(node, 1100)).toBe(false);
    // It asks the others instead, whose answers begin the next lease.
    const [{ context } = { context: '' }] = node.take('heartbeat');
    node.nowMs = 1150;
    node.receive(3, { type: 'heartbeatResponse', context });
    expect(node.answersTo('at 1100')).toEqual([2]);
    expect(isAnswered(node, 1199)).toBe(true);
    expect(isAnswered(node, 1200)).toBe(false);
  });

  it('needs a quorum for it, of both halves of a joint membership', () => {
    const five = heartbeats(leader({}, [1, 2, 3, 4, 5]), 1000, 1010, [2]);
    expect(isAnswered(five, 1011)).toBe(false);
    const confState = {
      voters: [1, 2, 3],
      votersOutgoing: [1, 4, 5],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    };
    const joint = new Single({ ...stored(TRIO, []), confState }, LEASED);
    joint.nowMs = 0;
    joint.tick(ELECTION);
    for (const from of [2, 3, 4, 5]) joint.receive(from, { type: 'voteResponse' });
    for (const from of [2, 3, 4, 5]) joint.receive(from, { type: 'appendResponse', index: 2 });
    joint.take();
    heartbeats(joint, 1000, 1010, [2, 3]);
    expect(isAnswered(joint, 1011)).toBe(false);
    heartbeats(joint, 1020, 1030, []);
    const [{ context } = { context: '' }] = joint.tick().take('heartbeat');
    for (const from of [3, 4]) joint.receive(from, { type: 'heartbeatResponse', context });
    expect(isAnswered(joint, 1031)).toBe(true);
  });

  it('does not answer without a clock', () => {
    const node = heartbeats(leader(), 1000, 1010, [2]);
    expect(isAnswered(node, undefined)).toBe(false);
    const blind = leader();
    blind.nowMs = undefined;
    const [heartbeat] = blind.tick().take('heartbeat');
    blind.nowMs = 1000;
    blind.receive(2, { type: 'heartbeatResponse', context: heartbeat!.context });
    expect(isAnswered(blind, 1000)).toBe(false);
  });

  it('does not answer after its clock went back', () => {
    const node = heartbeats(leader(), 1000, 1010, [2]);
    expect(isAnswered(node, 900)).toBe(false);
    expect(isAnswered(node, 1020)).toBe(false);
  });

  it('gets no lease from heartbeats that were sent before its clock went back', () => {
    const node = leader();
    node.nowMs = 100_000;
    const [heartbeat] = node.tick().take('heartbeat');
    node.nowMs = 1000;
    node.receive(2, { type: 'heartbeatResponse', context: heartbeat!.context });
    expect(isAnswered(node, 1000)).toBe(false);
    expect(isAnswered(node, 50_000)).toBe(false);
  });

  it('does not answer in a term in which it told another node to campaign', () => {
    const node = heartbeats(leader(), 1000, 1010, [2]);
    node.node.step({ type: 'transferLeader', to: 2 });
    expect(isAnswered(node.settle(), 1020)).toBe(false);
    // Given up, but the message may still be on its way.
    node.tick(ELECTION);
    node.take();
    heartbeats(node, 1200, 1210, [2, 3]);
    expect(node.node.status().transferTarget).toBe(0);
    heartbeats(node, 1220, 1230, [2, 3]);
    expect(isAnswered(node, 1231)).toBe(false);
  });

  it('does not answer by a lease of an earlier membership', () => {
    const node = heartbeats(leader(), 1000, 1010, [2]);
    const change = { transition: 'auto', changes: [{ type: 'addVoter', node: 4 }] } as const;
    node.node.step({ type: 'proposeConfChange', change });
    node.settle();
    expect(isAnswered(node, 1020)).toBe(true);
    node.receive(2, { type: 'appendResponse', index: 3 });
    expect(node.node.status().confState.voters).toEqual([1, 2, 3, 4]);
    expect(isAnswered(node, 1021)).toBe(false);
  });

  it('does not answer after its process was paused: ticks stop, the clock goes on', () => {
    const node = heartbeats(leader(), 1000, 1010, [2, 3]);
    node.nowMs = 60_000;
    node.receive(2, { type: 'readIndexRequest', term: 0, context: 'late' });
    expect(node.take('readIndexResponse')).toEqual([]);
    expect(isAnswered(node, 60_000)).toBe(false);
    // Answers that were waiting in its sockets meanwhile are of before the pause.
    expect(node.readies.at(-1)?.readStates).toEqual([]);
  });

  it('gets a lease from late answers only from the time at which they were asked for', () => {
    const node = leader();
    node.nowMs = 1000;
    const [heartbeat] = node.tick().take('heartbeat');
    node.nowMs = 60_000;
    node.receive(2, { type: 'heartbeatResponse', context: heartbeat!.context });
    expect(isAnswered(node, 60_000)).toBe(false);
    expect(node.take('heartbeat').length).toBe(2);
  });

  it('answers what it postponed with the first commit of its term', () => {
    const node = new Single(stored(TRIO, []), LEASED);
    node.nowMs = 0;
    node.tick(ELECTION);
    for (const from of [2, 3]) node.receive(from, { type: 'voteResponse' });
    node.take();
    heartbeats(node, 1000, 1010, [2]);
    expect(isAnswered(node, 1020, 'early')).toBe(false);
    node.nowMs = 1030;
    node.receive(2, { type: 'appendResponse', index: 2 });
    expect(node.answersTo('early')).toEqual([2]);
    expect(node.take('heartbeat')).toEqual([]);
  });

  it('asks for what it postponed if the lease has ended meanwhile', () => {
    const node = new Single(stored(TRIO, []), LEASED);
    node.nowMs = 0;
    node.tick(ELECTION);
    for (const from of [2, 3]) node.receive(from, { type: 'voteResponse' });
    heartbeats(node, 1000, 1010, [2]);
    expect(isAnswered(node, 1020, 'early')).toBe(false);
    node.take();
    node.nowMs = 1200;
    node.receive(2, { type: 'appendResponse', index: 2 });
    expect(node.answersTo('early')).toEqual([]);
    expect(node.take('heartbeat').length).toBe(2);
  });

  it('has none from the term before', () => {
    const node = heartbeats(leader(), 1000, 1010, [2]);
    node.receive(2, { type: 'appendResponse', term: 7 });
    node.nowMs = 1020;
    expect(node.node.step({ type: 'readIndex', context: 'r', nowMs: 1020 })).toBe('not-leader');
    node.nowMs = 1030;
    node.tick(ELECTION).settle();
    for (const from of [2, 3]) node.receive(from, { type: 'voteResponse' });
    for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 3 });
    expect(node.node.isLeader).toBe(true);
    expect(isAnswered(node, 1031)).toBe(false);
  });
});

describe('a follower that a lease counts on', () => {
  const ask = { type: 'voteRequest', term: 9, index: 9, logTerm: 8 } as const;
  const ofTransfer = { ...ask, context: 'transfer' } as const;

  function follower(): Single {
    const node = new Single(stored(TRIO, []), LEASED).tick(ELECTION - 1);
    node.receive(2, { type: 'heartbeat', term: 2 }).take();
    return node;
  }

  it('votes for nobody during an election timeout', () => {
    const node = follower().tick(ELECTION - 1);
    expect(node.receive(3, ask).take('voteResponse')).toEqual([]);
    expect(node.node.status().term).toBe(2);
    // Its own timeout is at least as long; a bare follower stays one.
    const granting = follower();
    granting.tick(ELECTION);
    expect(granting.receive(3, ask).take('voteResponse')).toMatchObject([{ reject: false }]);
  });

  it('votes at once for whom its leader has told to campaign', () => {
    expect(follower().receive(3, ofTransfer).take()).toMatchObject([{ reject: false }]);
  });

  it('keeps its promise after a restart', () => {
    const restarted = new Single(stored(TRIO, [2], { term: 2 }), LEASED).tick(ELECTION - 1);
    expect(restarted.receive(3, ask).take()).toEqual([]);
    restarted.receive(3, { ...ask, type: 'preVoteRequest' });
    expect(restarted.take()).toEqual([]);
    expect(restarted.receive(3, ofTransfer).take()).toMatchObject([{ reject: false }]);
    const later = new Single(stored(TRIO, [2], { term: 2 }), LEASED).tick(ELECTION);
    later.take();
    expect(later.receive(3, ask).take('voteResponse')).toMatchObject([{ reject: false }]);
  });

  it('keeps its promise although a crash took back all that it knew', () => {
    const joining = new Single(joiningState(), LEASED).tick(ELECTION - 1);
    expect(joining.receive(3, ask).take()).toEqual([]);
    expect(joining.tick().receive(3, ask).take()).toMatchObject([{ reject: false }]);
  });

  it('keeps its promise when it hears of a later term', () => {
    const node = follower();
    // An answer to its own campaign of long ago, by a node that came back with a later term.
    node.receive(3, { type: 'preVoteResponse', term: 8, reject: true });
    expect(node.node.status()).toMatchObject({ term: 8, leader: 0 });
    expect(node.receive(3, ask).take()).toEqual([]);
    expect(node.tick(ELECTION).receive(3, ask).take('voteResponse')).toHaveLength(1);
  });

  it('keeps its promise when it is told to forget its leader', () => {
    const node = follower();
    node.node.step({ type: 'forgetLeader' });
    expect(node.node.leader).toBe(2);
    expect(node.receive(3, ask).take()).toEqual([]);
  });

  it('does not campaign by request, since its own vote is promised as well', () => {
    const node = follower();
    expect(node.node.step({ type: 'campaign' })).toBe('leased');
    expect(node.settle().take()).toEqual([]);
    node.receive(2, { type: 'timeoutNow' });
    expect(node.take('voteRequest')).toHaveLength(2);
  });

  it('promises again with each message of the leader', () => {
    const node = follower().tick(ELECTION - 1);
    const entries = [entry(2, 2)];
    node.receive(2, { type: 'appendRequest', index: 1, logTerm: 1, entries }).take();
    expect(
      node
        .tick(ELECTION - 1)
        .receive(3, ask)
        .take(),
    ).toEqual([]);
  });
});
