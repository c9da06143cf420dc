import { describe, expect, it } from 'vitest';
import { RaftError } from '../../../consensus/raft/index.js';
import {
  type Fields,
  ASK,
  CONFIG,
  GO,
  THREE,
  answer,
  idleLeader,
  input,
  member,
  sleepingMember,
  untilAsked,
} from './asleep.js';
import { Single, stored } from './single.js';

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
