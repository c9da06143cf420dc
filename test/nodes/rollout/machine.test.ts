import { describe, expect, it } from 'vitest';

import {
  abort,
  begin,
  finishStep,
  halt,
  pause,
  postpone,
  removeNode,
  resume,
  rollBack,
  startRollout,
  throttle,
} from '../../../nodes/rollout/machine.js';
import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import { formerPlan, makePlan } from '../../../nodes/rollout/plan.js';
import { raise } from '../../../nodes/rollout/finalizing.js';
import type { Rollout, RolloutStep } from '../../../nodes/rollout/state.js';
import type { RolloutRefusal } from '../../../nodes/rollout/transitions.js';
import { RELEASE, bringTo, busy, finish, finishAll, forwardSteps } from './rollouts.js';
import { started, stepOf, steps } from './rollouts.js';

describe('one node', () => {
  const WAYS: Record<'engine' | 'release', RolloutStep[]> = {
    engine: [
      ...(['cordon', 'drain', 'snapshot', 'stage', 'catchUp', 'validate'] as const),
      ...(['switch', 'rejoin', 'soak'] as const),
    ],
    release: ['cordon', 'drain', 'stage', 'validate', 'switch', 'rejoin', 'soak'],
  };
  it.each(['engine', 'release'] as const)('of an %s rollout takes every step in order', (kind) => {
    const rollout = started(1, { soakMs: 10, ...(kind === 'release' ? { release: RELEASE } : {}) });
    const seen: (RolloutStep | undefined)[] = [];
    for (let nowMs = 0; stepOf(rollout, 1) !== 'done'; nowMs += 10) {
      seen.push(stepOf(rollout, 1));
      finish(rollout, 1, nowMs);
    }
    expect(seen).toEqual(WAYS[kind]);
    expect(forwardSteps(kind)).toEqual(WAYS[kind]);
    expect(rollout.status).toBe('switched');
  });

  it('goes back through steps of its own when its process has to be exchanged', () => {
    const rollout = started(1, { release: RELEASE });
    finishAll(rollout);
    rollBack(rollout, { epoch: rollout.epoch, reason: 'why' }, 0);
    const seen: string[] = [];
    while (rollout.status === 'rollingBack') {
      seen.push(steps(rollout));
      finish(rollout, 1);
    }
    expect(seen).toEqual(['cordon<', 'drain<', 'switch<', 'rejoin<']);
    expect(steps(rollout)).toBe('pending<');
    expect(rollout).toMatchObject({ status: 'rolledBack', goal: 'rolledBack', reason: 'why' });
  });

  const refused: [string, Partial<Parameters<typeof finishStep>[1]>, RolloutRefusal][] = [
    ['by a node whose turn it is not', { nodeId: 2 }, 'not-your-turn'],
    ['by a node that is not in it', { nodeId: 9 }, 'not-your-turn'],
    ['of an older epoch', { epoch: 0 }, 'stale-epoch'],
    ['of a later epoch', { epoch: 2 }, 'stale-epoch'],
    ['of another step', { step: 'switch' }, 'stale-epoch'],
  ];
  it.each(refused)('is not moved by a report %s', (_name, changes, refusal) => {
    const rollout = started(2);
    const before = structuredClone(rollout);
    const report = { nodeId: 1, step: 'cordon', epoch: 1, detail: {}, ...changes } as const;
    expect(finishStep(rollout, report, 0)).toBe(refusal);
    expect(rollout).toEqual(before);
  });

  it('is not moved by the same report twice', () => {
    const rollout = started(2);
    const report = { nodeId: 1, step: 'cordon', epoch: 1, detail: {} } as const;
    expect(finishStep(rollout, report, 0)).toBeNull();
    expect(finishStep(rollout, report, 0)).toBe('stale-epoch');
  });

  it('soaks as long as the plan says, by the replicated clock', () => {
    const rollout = started(2, { soakMs: 100 });
    bringTo(rollout, 1, 'soak', 1_000);
    const [node] = rollout.nodes;
    expect(node).toMatchObject({ step: 'soak', sinceMs: 1_000 });
    const report = { nodeId: 1, step: 'soak', epoch: node!.epoch, detail: {} } as const;
    expect(finishStep(rollout, report, 1_099)).toBe('soak-not-over');
    expect(busy(rollout)).toEqual([]);
    expect(finishStep(rollout, report, 1_100)).toBeNull();
    expect(steps(rollout)).toBe('done cordon');
  });
});

describe('batches', () => {
  it('begin when all nodes of the batch before are done', () => {
    const rollout = started(5, { canaries: 1, batchSize: 2, soakMs: 10 });
    expect(busy(rollout)).toEqual([1]);
    bringTo(rollout, 1, 'soak');
    expect(busy(rollout)).toEqual([]);
    finish(rollout, 1, 10);
    expect(busy(rollout)).toEqual([2, 3]);
    bringTo(rollout, 2, 'soak', 10);
    finish(rollout, 2, 20);
    expect(busy(rollout)).toEqual([3]);
    bringTo(rollout, 3, 'soak', 20);
    expect(busy(rollout)).toEqual([]);
    finish(rollout, 3, 30);
    expect(busy(rollout)).toEqual([4, 5]);
  });

  it('have no more nodes unavailable than may be', () => {
    const rollout = started(4, { batchSize: 4, maxUnavailable: 2, soakMs: 10 });
    expect(busy(rollout)).toEqual([1, 2]);
    bringTo(rollout, 1, 'soak');
    expect(busy(rollout)).toEqual([2, 3]);
    bringTo(rollout, 3, 'soak');
    expect(busy(rollout)).toEqual([2, 4]);
  });

  it('take more or fewer nodes at a time when they are throttled', () => {
    const rollout = started(4, { batchSize: 4, maxUnavailable: 1 });
    const { epoch } = rollout;
    throttle(rollout, { epoch, maxUnavailable: 3, soakMs: 0 }, 0);
    expect(busy(rollout)).toEqual([1, 2, 3]);
    throttle(rollout, { epoch: epoch + 1, maxUnavailable: 1, soakMs: 5 }, 0);
    bringTo(rollout, 1, 'soak');
    bringTo(rollout, 2, 'soak');
    expect(busy(rollout)).toEqual([3]);
    bringTo(rollout, 3, 'soak');
    expect(busy(rollout)).toEqual([4]);
  });

  it('of a release never take a majority away, also when nodes have been removed', () => {
    const rollout = started(5, { release: RELEASE, batchSize: 5 });
    const { epoch } = rollout;
    const more = { epoch, maxUnavailable: 3, soakMs: 0 };
    expect(throttle(rollout, more, 0)).toBe('invalid-limits');
    expect(busy(rollout)).toEqual([1, 2]);
    removeNode(rollout, 5, 0);
    removeNode(rollout, 1, 0);
    // Two of three would be too many.
    expect(busy(rollout)).toEqual([2]);
    bringTo(rollout, 2, 'done');
    expect(busy(rollout)).toEqual([3]);
  });

  it.each([
    { maxUnavailable: 0, soakMs: 0 },
    { maxUnavailable: 1_001, soakMs: 0 },
    { maxUnavailable: 1, soakMs: 1e12 },
  ])('are not throttled to %o', (limits) => {
    const rollout = started(2);
    const refusal = throttle(rollout, { epoch: rollout.epoch, ...limits }, 0);
    expect(refusal).toBe('invalid-limits');
  });
});

describe('a pause', () => {
  it('lets cordoned nodes go on to their end, and nobody begin', () => {
    const rollout = started(4, { batchSize: 2, soakMs: 10 });
    bringTo(rollout, 1, 'validate');
    const late = { ...rollout.nodes[1]!, detail: {} };
    pause(rollout, { epoch: rollout.epoch, reason: 'lunch' }, 0);
    expect(steps(rollout)).toBe('validate pending pending pending');
    expect(rollout).toMatchObject({ status: 'paused', reason: 'lunch' });
    // Its report was on the way; it is not cordoned, and does not become so.
    expect(finishStep(rollout, late, 0)).toBe('not-your-turn');
    bringTo(rollout, 1, 'soak', 5);
    const soaked = { ...rollout.nodes[0]!, detail: {} };
    expect(finishStep(rollout, soaked, 1_000)).toBe('not-your-turn');
    resume(rollout, rollout.epoch, 2_000);
    // What was soaked before a doubt was raised counts no more.
    expect(steps(rollout)).toBe('soak cordon pending pending');
    expect(rollout.nodes[0]).toMatchObject({ sinceMs: 2_000 });
    expect(finishStep(rollout, soaked, 3_000)).toBe('stale-epoch');
    finish(rollout, 1, 2_010);
  });

  it('keeps a rollout whose nodes are all done from being finalized', () => {
    const rollout = started(1);
    finishAll(rollout);
    pause(rollout, { epoch: rollout.epoch, reason: '' }, 0);
    resume(rollout, rollout.epoch, 0);
    expect(rollout.status).toBe('switched');
  });

  it('of two operators at the same time happens once', () => {
    const rollout = started(2);
    const { epoch } = rollout;
    expect(pause(rollout, { epoch, reason: 'one' }, 0)).toBeNull();
    expect(pause(rollout, { epoch, reason: 'two' }, 0)).toBe('rollout-paused');
    expect(resume(rollout, epoch + 1, 0)).toBeNull();
    expect(pause(rollout, { epoch, reason: 'two' }, 0)).toBe('stale-epoch');
    expect(rollout).toMatchObject({ status: 'running', reason: '' });
  });
});

describe('a schedule', () => {
  it('holds the first node back until its time has come', () => {
    const rollout = started(2, { notBeforeMs: 5_000 });
    expect(rollout.status).toBe('scheduled');
    expect(busy(rollout)).toEqual([]);
    expect(begin(rollout, rollout.epoch, 0)).toBeNull();
    expect(busy(rollout)).toEqual([1]);
  });

  it('can be set in the middle, and holds like a pause', () => {
    const rollout = started(3, { batchSize: 3 });
    bringTo(rollout, 1, 'drain');
    postpone(rollout, { epoch: rollout.epoch, notBeforeMs: 9_000 }, 0);
    expect(rollout).toMatchObject({ status: 'scheduled', notBeforeMs: 9_000 });
    bringTo(rollout, 1, 'done');
    expect(steps(rollout)).toBe('done pending pending');
    resume(rollout, rollout.epoch, 0);
    expect(busy(rollout)).toEqual([2, 3]);
  });
});

describe('a way back', () => {
  it.each(forwardSteps('engine'))('of engines at %s is one entry', (step) => {
    const rollout = started(3, { soakMs: 10 });
    bringTo(rollout, 1, step);
    expect(abort(rollout, 'why', 0)).toBeNull();
    expect(rollout).toMatchObject({ status: 'aborted', reason: 'why', goal: 'aborted' });
    expect(steps(rollout)).toBe('pending< pending< pending<');
    expect(busy(rollout)).toEqual([]);
  });

  const RELEASE_WAYS: Record<string, string> = {
    cordon: 'pending<',
    drain: 'pending<',
    stage: 'pending<',
    validate: 'pending<',
    // It may run either release.
    switch: 'drain<',
    rejoin: 'drain<',
    soak: 'cordon<',
  };
  it.each(Object.entries(RELEASE_WAYS))('of a release at %s begins with %s', (step, first) => {
    const rollout = started(2, { release: RELEASE, soakMs: 10 });
    bringTo(rollout, 1, step as RolloutStep);
    const late = { ...rollout.nodes[0]!, detail: {} };
    rollBack(rollout, { epoch: rollout.epoch, reason: 'why' }, 0);
    expect(steps(rollout)).toBe(`${first} pending<`);
    expect(finishStep(rollout, late, 1_000)).not.toBeNull();
    finishAll(rollout);
    expect(steps(rollout)).toBe('pending< pending<');
    expect(rollout.status).toBe('rolledBack');
  });

  it('takes as many nodes of a batch at a time as may be unavailable, the last batch first', () => {
    const rollout = started(5, { release: RELEASE, batchSize: 2 });
    bringTo(rollout, 1, 'done');
    bringTo(rollout, 2, 'done');
    bringTo(rollout, 3, 'done');
    bringTo(rollout, 4, 'switch');
    abort(rollout, 'why', 0);
    expect(steps(rollout)).toBe('done done cordon< drain< pending<');
    bringTo(rollout, 4, 'pending');
    expect(steps(rollout)).toBe('done done cordon< pending< pending<');
    bringTo(rollout, 3, 'pending');
    expect(steps(rollout)).toBe('cordon< cordon< pending< pending< pending<');
    finishAll(rollout);
    expect(rollout.status).toBe('aborted');
  });

  it('of a release stops no more voters together than the way there', () => {
    const members = [1, 2, 3, 4, 5, 6, 7].map((nodeId) => ({ nodeId, voter: nodeId <= 3 }));
    const plan = makePlan(members, 0, { release: RELEASE, batchSize: 3 });
    expect(plan.batches).toEqual([[1, 4, 5], [2, 6, 7], [3]]);
    const rollout = startRollout(7, plan, 'digest', 1, 0);
    finishAll(rollout);
    rollBack(rollout, { epoch: rollout.epoch, reason: '' }, 0);
    expect(busy(rollout)).toEqual([3]);
    bringTo(rollout, 3, 'pending');
    expect(busy(rollout)).toEqual([2, 6, 7]);
    bringTo(rollout, 6, 'pending');
    bringTo(rollout, 7, 'pending');
    expect(busy(rollout)).toEqual([2]);
  });

  it('waits for a node that is down, until it comes or is removed', () => {
    const rollout = started(3, { release: RELEASE });
    finishAll(rollout);
    rollBack(rollout, { epoch: rollout.epoch, reason: '' }, 0);
    expect(busy(rollout)).toEqual([3]);
    removeNode(rollout, 3, 0);
    expect(steps(rollout)).toBe('done cordon< removed<');
    finishAll(rollout);
    expect(rollout.status).toBe('rolledBack');
  });
});

describe('guards', () => {
  const guards = { ...GUARDS_DEFAULT, action: 'rollback' } as const;
  const haltOf = (rollout: Rollout, nodeId: number, by = 0): RolloutRefusal | null => {
    const node = rollout.nodes.find((one) => one.nodeId === nodeId);
    const nodeEpoch = (node?.epoch ?? 0) - by;
    return halt(rollout, { nodeId, nodeEpoch, reason: 'slow' }, 0);
  };

  it('take the unhealthy node back first', () => {
    const rollout = started(3, { release: RELEASE, guards, batchSize: 3 });
    finishAll(rollout);
    expect(haltOf(rollout, 1)).toBeNull();
    expect(steps(rollout)).toBe('cordon< done done');
    expect(rollout).toMatchObject({ status: 'rollingBack', reason: 'slow', goal: 'rolledBack' });
  });

  it('never take more nodes away for it than may be unavailable', () => {
    const rollout = started(4, { release: RELEASE, guards });
    bringTo(rollout, 1, 'done');
    bringTo(rollout, 2, 'rejoin');
    haltOf(rollout, 1);
    expect(steps(rollout)).toBe('done drain< pending< pending<');
    const ofOneBatch = started(7, { release: RELEASE, guards, batchSize: 3, maxUnavailable: 2 });
    bringTo(ofOneBatch, 1, 'done');
    bringTo(ofOneBatch, 2, 'rejoin');
    bringTo(ofOneBatch, 3, 'rejoin');
    haltOf(ofOneBatch, 1);
    expect(busy(ofOneBatch)).toEqual([2, 3]);
  });

  describe('find a node of an earlier batch', () => {
    const members = [1, 2, 3, 4, 5, 6, 7].map((nodeId) => ({ nodeId, voter: nodeId <= 5 }));
    const options = { release: RELEASE, guards, batchSize: 3, canaries: 1 };
    const begun = (): Rollout => startRollout(7, makePlan(members, 0, options), 'digest', 1, 0);

    it('while all are at rest: it goes first and alone, then the last batch', () => {
      const rollout = begun();
      finishAll(rollout);
      expect(rollout.plan.batches).toEqual([[1], [2, 3, 6], [4, 5, 7]]);
      haltOf(rollout, 1);
      expect(busy(rollout)).toEqual([1]);
      bringTo(rollout, 1, 'pending');
      expect(busy(rollout)).toEqual([4, 5, 7]);
    });

    it('while another batch is in its turn: that one goes back first', () => {
      const rollout = begun();
      bringTo(rollout, 1, 'done');
      bringTo(rollout, 2, 'rejoin');
      bringTo(rollout, 3, 'rejoin');
      haltOf(rollout, 1);
      expect(busy(rollout)).toEqual([2, 3]);
      bringTo(rollout, 2, 'pending');
      expect(busy(rollout)).toEqual([3]);
      bringTo(rollout, 3, 'pending');
      expect(busy(rollout)).toEqual([1]);
    });
  });

  it('are not heard about a node that has moved on, or not begun, or is not there', () => {
    const rollout = started(2, { release: RELEASE, guards });
    bringTo(rollout, 1, 'rejoin');
    expect(haltOf(rollout, 1, 1)).toBe('stale-epoch');
    expect(haltOf(rollout, 2)).toBe('not-your-turn');
    expect(haltOf(rollout, 9)).toBe('not-your-turn');
    expect(haltOf(started(1), 1)).toBe('no-guards');
  });

  it('that pause do it once for one finding', () => {
    const rollout = started(2, { guards: { ...guards, action: 'pause' }, soakMs: 10 });
    for (const step of ['switch', 'rejoin', 'soak'] as const) {
      bringTo(rollout, 1, step);
      const nodeEpoch = rollout.nodes[0]!.epoch;
      const found = { nodeId: 1, nodeEpoch, reason: 'slow' };
      expect(halt(rollout, found, 0)).toBeNull();
      expect(rollout).toMatchObject({ status: 'paused', reason: 'slow' });
      resume(rollout, rollout.epoch, 0);
      expect(halt(rollout, found, 0), `the same finding after a resume at ${step}`).toBe(
        'stale-epoch',
      );
    }
  });

  it('that pause cannot hold what is being finalized', () => {
    const rollout = started(1, { guards: { ...guards, action: 'pause' } });
    finishAll(rollout);
    rollout.status = 'finalizing';
    expect(haltOf(rollout, 1)).toBe('rollout-finalizing');
  });
});

describe('a node that is removed', () => {
  it.each(forwardSteps('engine'))('at %s gives its turn away', (step) => {
    const rollout = started(2, { soakMs: 10 });
    bringTo(rollout, 1, step);
    const late = { ...rollout.nodes[0]!, detail: {} };
    removeNode(rollout, 1, 0);
    expect(steps(rollout)).toBe('removed cordon');
    expect(finishStep(rollout, late, 1_000)).toBe('not-your-turn');
  });

  it('as the last one that was not done leaves the rollout switched', () => {
    const rollout = started(2);
    bringTo(rollout, 1, 'done');
    removeNode(rollout, 2, 0);
    expect(rollout.status).toBe('switched');
  });

  it('as the last one at all ends the rollout', () => {
    const rollout = started(1);
    removeNode(rollout, 1, 0);
    expect(rollout).toMatchObject({ status: 'aborted', goal: 'aborted' });
    expect(rollout.reason).toMatch(/every node/);
  });

  it('twice, or without being in it, changes nothing', () => {
    const rollout = started(2);
    removeNode(rollout, 1, 0);
    const before = structuredClone(rollout);
    removeNode(rollout, 1, 0);
    removeNode(rollout, 9, 0);
    expect(rollout).toEqual(before);
  });
});

describe('a rollout of the first form', () => {
  const former = (): Rollout => startRollout(7, formerPlan([1, 2]), 'd', 1, 500);

  it('is as the release before has it: no soak, no clock, no epoch, and the version ends it', () => {
    const rollout = former();
    for (const node of rollout.nodes) bringTo(rollout, node.nodeId, 'done', 1_000);
    expect(rollout).toMatchObject({ status: 'running', epoch: 1 });
    expect(rollout.nodes.map(({ sinceMs }) => sinceMs)).toEqual([0, 0]);
    expect(raise(rollout, 2_000)).toBeNull();
    expect(rollout).toMatchObject({ status: 'completed', finalizedAtMs: 0 });
    expect(raise(rollout, 2_000)).toBe('no-rollout');
  });

  it('takes an abort that leaves its nodes as they are', () => {
    const rollout = former();
    bringTo(rollout, 1, 'switch');
    expect(raise(rollout, 0)).toBe('not-your-turn');
    const { nodes } = structuredClone(rollout);
    expect(abort(rollout, 'why', 0)).toBeNull();
    expect(rollout).toMatchObject({ status: 'aborted', reason: 'why', nodes, epoch: 1 });
  });

  it('knows nothing else', () => {
    const rollout = former();
    expect(pause(rollout, { epoch: 1, reason: '' }, 0)).toBe('former-rollout');
    expect(rollBack(rollout, { epoch: 1, reason: '' }, 0)).toBe('former-rollout');
  });
});
