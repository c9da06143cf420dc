import { describe, expect, it } from 'vitest';
import { joiningState, type RaftInput, type RaftRefusal } from '../../../consensus/raft/index.js';
import {
  type Fields,
  ASK,
  CONFIG,
  GO,
  THREE,
  answer,
  answerOf,
  idleLeader,
  input,
  member,
  sleepingLeader,
  sleepingMember,
} from './asleep.js';
import { Single, stored } from './single.js';

const PROPOSE: RaftInput = { type: 'propose', data: [Buffer.from('x')] };
const READ: RaftInput = { type: 'readIndex', context: 'r' };
const CHANGE: RaftInput = {
  type: 'proposeConfChange',
  change: { transition: 'auto', changes: [{ type: 'addLearner', node: 4 }] },
};

describe('a leader asleep', () => {
  const inputs: [string, RaftInput, RaftRefusal | undefined][] = [
    ['a proposal', PROPOSE, undefined],
    ['a read', READ, undefined],
    ['a membership change', CHANGE, undefined],
    ['a transfer', { type: 'transferLeader', to: 2 }, undefined],
    ['a campaign', { type: 'campaign' }, undefined],
    ['priorities', { type: 'setPriorities', priorities: new Map([[2, 9]]) }, undefined],
    ['a late answer', input(3, { type: 'heartbeatResponse' }), undefined],
    ['an answer of an older release', answerOf('quiesce-ask 1'), undefined],
    ['a late acknowledgement', input(3, { type: 'appendResponse', index: 2 }), undefined],
    ['a pre-vote', input(3, { type: 'preVoteRequest', term: 3, index: 2, logTerm: 2 }), undefined],
    ['a forwarded read', input(3, { type: 'readIndexRequest', term: 0, context: 'x' }), undefined],
  ];
  it.each(inputs)('is woken by %s and sends heartbeats at once', (_, woken, refusal) => {
    const node = sleepingLeader();
    expect(node.node.step(woken)).toBe(refusal);
    expect(node.node.isQuiescent).toBe(false);
    const heartbeats = node.settle().take('heartbeat');
    expect(heartbeats.map(({ to }) => to).slice(0, 2)).toEqual([2, 3]);
    expect(heartbeats[0]?.context).toBe('');
  });

  it('is not woken by ticks, reports, late yeses, nonsense or the loss of a member', () => {
    const node = sleepingLeader();
    const inputs: RaftInput[] = [
      { type: 'tick' },
      { type: 'unreachable', peer: 3 },
      { type: 'snapshotReport', peer: 3, ok: true },
      answerOf('quiesce-yes 1'),
      input(0, { type: 'heartbeatResponse' }),
    ];
    for (const each of inputs) node.node.step(each);
    expect(node.settle().take()).toEqual([]);
    expect(node.node.isQuiescent).toBe(true);
  });

  it('has an election timeout to ask before the quorum check, and no longer', () => {
    const node = sleepingLeader();
    node.tick(500);
    node.propose('x');
    node.tick(9);
    expect(node.node.isLeader).toBe(true);
    node.tick();
    expect(node.node.isLeader).toBe(false);

    const heard = sleepingLeader();
    heard.tick(500);
    heard.propose('x');
    answer(heard.tick(9), '', [3]);
    expect(heard.tick(1).node.isLeader).toBe(true);
  });

  it('answers no read from a lease of before, and none by an answer to heartbeats of before', () => {
    const node = idleLeader({ leaseMs: 5_000 });
    let nowMs = 1_000;
    const tick = () => {
      nowMs += 50;
      node.node.step({ type: 'tick', nowMs });
      return node.settle().take('heartbeat')[0]?.context ?? '';
    };
    for (let i = 0; i < 3; i += 1) answer(node, tick());
    const reads = () => node.readies.flatMap(({ readStates }) => [...readStates]);
    node.node.step({ type: 'readIndex', context: 'held', nowMs });
    node.settle();
    expect(reads()).toHaveLength(1);
    let last = '';
    for (let i = 0; i < 8 && !node.node.isQuiescent; i += 1) {
      const context = tick();
      if (context.startsWith('quiesce')) answer(node, context.replace('ask', 'yes'));
      // The last round of the lease stays without its second answer.
      else answer(node, (last = context), i < 2 ? [2, 3] : []);
    }
    expect(node.node.isQuiescent).toBe(true);
    node.take();
    answer(node, last);
    node.node.step({ type: 'readIndex', context: 'late', nowMs: nowMs + 1 });
    node.settle();
    expect(reads()).toHaveLength(1);
    const round = node.take('heartbeat').at(-1)!.context;
    answer(node, round, [2]);
    expect(reads()).toHaveLength(2);
  });
});

describe('a learner', () => {
  it('that was started in a group that sleeps asks for its leader', () => {
    const founding = stored(THREE, [2], { commit: 2 });
    const confState = { ...founding.snapshot!.confState, voters: [2, 3], learners: [1] };
    const node = new Single({ ...founding, confState }, CONFIG);
    expect(node.tick(9).take()).toEqual([]);
    expect(node.tick().take()).toMatchObject([
      { type: 'heartbeatResponse', to: 2, context: '', term: 2 },
      { type: 'heartbeatResponse', to: 3, context: '', term: 2 },
    ]);
    expect(node.tick(9).take()).toEqual([]);
    expect(node.tick().take()).toHaveLength(2);
    // Not so without quiescence, and not one that is no member yet.
    const plain = new Single({ ...founding, confState }, { ...CONFIG, quiesceTicks: 0 });
    expect(plain.tick(50).take()).toEqual([]);
    expect(new Single(joiningState(), CONFIG).tick(50).take()).toEqual([]);
  });
});

describe('a member asleep', () => {
  const VOTE = { type: 'preVoteRequest', term: 3, index: 2, logTerm: 2 } as const;
  const inputs: [string, RaftInput, boolean][] = [
    ['a proposal', PROPOSE, true],
    ['a read', READ, true],
    ['a membership change', CHANGE, true],
    ['a transfer', { type: 'transferLeader', to: 1 }, true],
    ['a pre-vote', input(3, VOTE), true],
    ['a late vote', input(3, { type: 'voteResponse' }), true],
    ['a campaign', { type: 'campaign' }, false],
    ['a forgotten leader', { type: 'forgetLeader' }, false],
    ['the loss of its leader', { type: 'unreachable', peer: 2 }, false],
    ['a heartbeat', input(2, { type: 'heartbeat', commit: 2 }), false],
    ['a new question', input(2, { ...ASK, context: 'quiesce-ask 2' } as Fields), false],
    ['an append', input(2, { type: 'appendRequest', index: 2, logTerm: 2 }), false],
  ];
  it.each(inputs)('is woken by %s and tells a leader that may not know', (_, woken, nudges) => {
    const node = sleepingMember();
    node.node.step(woken);
    expect(node.node.isQuiescent).toBe(false);
    const nudge = { type: 'heartbeatResponse', to: 2, context: '', term: 2 } as const;
    const sent = node.settle().take();
    if (nudges) expect(sent).toContainEqual(expect.objectContaining(nudge));
    const campaigns = woken.type === 'campaign';
    const answers = sent.filter((each) => each.to === 2 && each.type === 'heartbeatResponse');
    if (!nudges && woken.type !== 'message') expect(answers).toEqual([]);
    expect(node.node.status().role).toBe(campaigns ? 'precandidate' : 'follower');
  });

  it('is not woken by the campaigns of one that was removed', () => {
    const node = sleepingMember();
    node.tick(50).receive(9, VOTE);
    node.receive(9, { ...VOTE, type: 'voteRequest' });
    expect(node.take()).toEqual([]);
    expect(node.node.status()).toMatchObject({ quiescent: true, term: 2, leader: 2 });
    node.receive(9, { type: 'heartbeat', term: 3, commit: 2 });
    expect(node.node.status()).toMatchObject({ quiescent: false, term: 3, leader: 9 });
  });

  it('is not woken by ticks, the loss of others, or late copies of the question', () => {
    const node = sleepingMember();
    const inputs: RaftInput[] = [
      { type: 'tick' },
      { type: 'unreachable', peer: 3 },
      { type: 'setPriorities', priorities: new Map([[2, 9]]) },
      input(2, ASK as Fields),
      input(2, GO as Fields),
    ];
    for (const each of inputs) node.node.step(each);
    expect(node.settle().take()).toEqual([]);
    expect(node.node.isQuiescent).toBe(true);
  });

  it('begins a whole election timeout when it wakes, in which it gives no vote', () => {
    const node = member();
    node
      .tick(6)
      .receive(2, ASK as Fields)
      .receive(2, GO as Fields);
    node.tick(50);
    node.node.step({ type: 'unreachable', peer: 2 });
    node.tick(9).take();
    node.receive(3, VOTE);
    expect(node.take()).toEqual([]);
    node.tick();
    expect(node.node.status().role).toBe('precandidate');
    expect(node.take('preVoteRequest').map(({ to }) => to)).toEqual([2, 3]);
  });
});
