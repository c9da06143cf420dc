import { describe, expect, it } from 'vitest';
import {
  type Message,
  type MessageFields,
  RaftError,
  type RaftInput,
  type RaftRefusal,
  joiningState,
} from '../../../consensus/raft/index.js';
import { Single, stored } from './single.js';

const THREE = [1, 2, 3];
const CONFIG = { preVote: true, checkQuorum: true, quiesceTicks: 3 };
type Fields = Omit<MessageFields, 'to' | 'from'>;

/** Node 1, leading term 2 with nothing to do: entry 2 is committed and everywhere. */
function idleLeader(fields = {}): Single {
  const node = new Single(stored(THREE, []), { ...CONFIG, ...fields });
  node.node.step({ type: 'campaign' });
  node.settle();
  node.receive(2, { type: 'preVoteResponse', term: 2 });
  node.receive(2, { type: 'voteResponse', term: 2 });
  for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 2 });
  node.take();
  return node;
}

function answer(node: Single, context: string, from = [2, 3]): Single {
  for (const each of from) node.receive(each, { type: 'heartbeatResponse', context });
  return node;
}

/** Ticks, with answers to plain heartbeats, until the leader asks. */
function untilAsked(node: Single): Message[] {
  for (let i = 0; i < 2; i += 1) answer(node.tick(), '');
  node.take();
  return node.tick().take('heartbeat');
}

function sleepingLeader(fields = {}): Single {
  const node = idleLeader(fields);
  untilAsked(node);
  answer(node, 'quiesce-yes 1');
  expect(node.node.isQuiescent).toBe(true);
  node.take();
  return node;
}

const ASK = { type: 'heartbeat', index: 2, logTerm: 2, commit: 2, context: 'quiesce-ask 1' };
const GO = { ...ASK, context: 'quiesce-go 1' };

/** Node 1, following node 2 in term 2 with the entry 2 committed. */
function member(fields = {}): Single {
  const restored = stored(THREE, [2], { commit: 2 });
  const node = new Single(restored, { ...CONFIG, ...fields });
  node.receive(2, { type: 'heartbeat', commit: 2 });
  node.take();
  return node;
}

function sleepingMember(fields = {}): Single {
  const node = member(fields);
  node.receive(2, ASK as Fields).receive(2, GO as Fields);
  expect(node.node.isQuiescent).toBe(true);
  node.take();
  return node;
}

describe('an idle leader', () => {
  it('asks all members after so many ticks, and sleeps when all have said yes', () => {
    const node = idleLeader();
    expect(untilAsked(node)).toMatchObject([
      { to: 2, index: 2, logTerm: 2, commit: 2, context: 'quiesce-ask 1' },
      { to: 3, index: 2, logTerm: 2, commit: 2, context: 'quiesce-ask 1' },
    ]);
    answer(node, 'quiesce-yes 1', [2]);
    expect(node.node.isQuiescent).toBe(false);
    answer(node, 'quiesce-yes 1', [3]);
    expect(node.take('heartbeat').map(({ context }) => context)).toEqual([
      'quiesce-go 1',
      'quiesce-go 1',
    ]);
    expect(node.node.status()).toMatchObject({ quiescent: true, role: 'leader' });
    expect(node.tick(100).take()).toEqual([]);
    expect(node.node.isLeader).toBe(true);
  });

  it('stays awake for a member of a release that echoes the question, and asks again later', () => {
    const node = idleLeader();
    untilAsked(node);
    answer(node, 'quiesce-yes 1', [2]);
    answer(node, 'quiesce-ask 1', [3]);
    answer(node, 'quiesce-yes 1', [3]);
    expect(node.node.isQuiescent).toBe(false);
    node.take();
    expect(node.tick().take('heartbeat')).toMatchObject([{ context: '' }, { context: '' }]);
    for (let i = 0; i < 2; i += 1) answer(node.tick(), '');
    expect(node.take('heartbeat').at(-1)).toMatchObject({ context: 'quiesce-ask 2' });
  });

  it('repeats a question that may be lost, then goes back to plain heartbeats', () => {
    const node = idleLeader();
    untilAsked(node);
    const contexts: string[] = [];
    for (let i = 0; i < 11; i += 1) {
      // Two answers alone: the other member is silent, but a quorum is there.
      answer(node.tick(), 'quiesce-yes 1', [2]);
      contexts.push(...new Set(node.take('heartbeat').map(({ context }) => context)));
    }
    expect(contexts).toEqual([...Array.from({ length: 9 }, () => 'quiesce-ask 1'), '', '']);
    expect(node.node.isQuiescent).toBe(false);
  });

  it('counts no answer to an earlier question', () => {
    const node = idleLeader();
    untilAsked(node);
    answer(node, 'quiesce-yes 1', [2]);
    node.propose('x');
    for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 3 });
    for (let i = 0; i < 4; i += 1) answer(node.tick(), '');
    answer(node, 'quiesce-yes 1');
    expect(node.node.isQuiescent).toBe(false);
    answer(node, 'quiesce-yes 2');
    expect(node.node.isQuiescent).toBe(true);
  });

  it('needs every member, learners as well, and nothing under way', () => {
    const lagging = idleLeader();
    lagging.propose('x');
    lagging.receive(2, { type: 'appendResponse', index: 3 });
    for (let i = 0; i < 9; i += 1) answer(lagging.tick(), '', [2]);
    expect(lagging.take('heartbeat').every(({ context }) => context === '')).toBe(true);

    const learner = idleLeader();
    const change = { transition: 'auto', changes: [{ type: 'addLearner', node: 4 }] } as const;
    learner.node.step({ type: 'proposeConfChange', change });
    learner.settle();
    for (const from of [2, 3]) learner.receive(from, { type: 'appendResponse', index: 3 });
    for (let i = 0; i < 9; i += 1) answer(learner.tick(), '');
    expect(learner.take('heartbeat').every(({ context }) => context === '')).toBe(true);
    learner.receive(4, { type: 'appendResponse', index: 3 });
    for (let i = 0; i < 4; i += 1) answer(learner.tick(), '', [2, 3, 4]);
    answer(learner, 'quiesce-yes 1', [2, 3]);
    expect(learner.node.isQuiescent).toBe(false);
    answer(learner, 'quiesce-yes 1', [4]);
    expect(learner.node.isQuiescent).toBe(true);

    const silent = idleLeader();
    for (let i = 0; i < 30; i += 1) answer(silent.tick(), '', [2]);
    const contexts = silent.take('heartbeat').map(({ context }) => context);
    expect(contexts.slice(-10).every((context) => context === '')).toBe(true);

    const reading = idleLeader();
    reading.node.step({ type: 'readIndex', context: 'r' });
    for (let i = 0; i < 9; i += 1) answer(reading.settle().tick(), '');
    expect(reading.take('heartbeat').every(({ context }) => context === '1')).toBe(true);
  });

  it('hands over to a voter that should rather lead before it sleeps', () => {
    const node = idleLeader();
    node.node.step({ type: 'setPriorities', priorities: new Map([[2, 5]]) });
    for (let i = 0; i < 9; i += 1) answer(node.tick(), '');
    expect(node.take('heartbeat').every(({ context }) => context === '')).toBe(true);
    answer(node.tick(3), '');
    expect(node.take('timeoutNow')).toMatchObject([{ to: 2 }]);
  });

  it('sleeps alone in a group of one', () => {
    const node = new Single(stored([1], []), CONFIG);
    node.lead();
    expect(node.node.isLeader).toBe(true);
    expect(node.tick(5).node.isQuiescent).toBe(true);
    node.propose('x');
    expect(node.node.isQuiescent).toBe(false);
    expect(node.applied.at(-1)).toMatchObject({ index: 3 });
  });

  it('needs preVote and checkQuorum', () => {
    for (const wrong of [{ preVote: false }, { checkQuorum: false }]) {
      expect(() => idleLeader(wrong)).toThrow(RaftError);
    }
  });
});

describe('a member', () => {
  it('says yes if its log is the same, and sleeps when told to', () => {
    const node = member();
    expect(node.receive(2, ASK as Fields).take()).toMatchObject([
      { type: 'heartbeatResponse', to: 2, context: 'quiesce-yes 1' },
    ]);
    expect(node.node.isQuiescent).toBe(false);
    expect(node.receive(2, GO as Fields).take()).toEqual([]);
    expect(node.node.isQuiescent).toBe(true);
    expect(node.tick(100).take()).toEqual([]);
    expect(node.node.status()).toMatchObject({ role: 'follower', leader: 2, term: 2 });
  });

  it.each([
    ['has less', { index: 3, commit: 3 }, {}],
    ['has another entry there', { logTerm: 1 }, {}],
    ['has it switched off', {}, { quiesceTicks: 0 }],
  ])('echoes the question if it %s', (_, fields, config) => {
    const node = member(config);
    // A leader may not tell of a commit that this log does not reach.
    const ask = { ...ASK, ...fields, commit: 2 };
    expect(node.receive(2, ask as Fields).take()).toMatchObject([{ context: 'quiesce-ask 1' }]);
    node.receive(2, { ...GO, ...fields, commit: 2 } as Fields);
    expect(node.node.isQuiescent).toBe(false);
  });

  it('does not sleep for what it has not applied', () => {
    const { node } = new Single(stored(THREE, [2], { commit: 2 }), {
      ...CONFIG,
      asyncStorageWrites: true,
    });
    const entry = { term: 2, index: 3, type: 'normal', data: Buffer.from('x') } as const;
    const append = { type: 'appendRequest', index: 2, logTerm: 2, commit: 3 } as const;
    node.step(input(2, { ...append, entries: [entry] }));
    const { receipt } = node.ready();
    const answerTo = (round: number): string | undefined => {
      const context = `quiesce-ask ${round}`;
      node.step(input(2, { ...ASK, index: 3, commit: 3, context } as Fields));
      return node.ready().messages.at(-1)?.context;
    };
    expect(answerTo(1)).toBe('quiesce-ask 1');
    node.step({ type: 'written', receipt: receipt! });
    expect(node.ready().committedEntries).toHaveLength(1);
    expect(answerTo(2)).toBe('quiesce-ask 2');
    node.step({ type: 'applied', index: 3 });
    // What was refused stays so: the leader has given that question up.
    expect(answerTo(2)).toBe('quiesce-ask 2');
    expect(answerTo(3)).toBe('quiesce-yes 3');
  });

  it('does not sleep if anything happened since it agreed, and then wakes the leader', () => {
    const node = member();
    node.receive(2, ASK as Fields);
    node.node.step({ type: 'unreachable', peer: 2 });
    node.take();
    expect(node.receive(2, GO as Fields).take()).toMatchObject([
      { type: 'heartbeatResponse', to: 2, context: '' },
    ]);
    expect(node.node.isQuiescent).toBe(false);
    // Nor do late copies of question and order bring it to sleep.
    node.receive(2, ASK as Fields).receive(2, GO as Fields);
    expect(node.node.isQuiescent).toBe(false);
  });

  it('is not put to sleep again by late messages of a leader that is gone', () => {
    const node = sleepingMember();
    node.node.step({ type: 'unreachable', peer: 2 });
    node.receive(2, ASK as Fields).receive(2, GO as Fields);
    expect(node.node.isQuiescent).toBe(false);
    // The pre-vote of its own campaign does not make it forget that either.
    node.tick(20);
    expect(node.node.status().role).toBe('precandidate');
    node.receive(2, ASK as Fields).receive(2, GO as Fields);
    expect(node.node.isQuiescent).toBe(false);
  });
});

function message(from: number, fields: Fields): Message {
  return {
    to: 1,
    from,
    term: 2,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: '',
    ...fields,
  };
}

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

function input(from: number, fields: Fields): RaftInput {
  return { type: 'message', message: message(from, fields) };
}

function answerOf(context: string): RaftInput {
  return input(3, { type: 'heartbeatResponse', context });
}

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
