/** What lets nodes begin and what ends it: maintenance windows, and nodes that give up. */
import { describe, expect, it } from 'vitest';

import { abort, giveUp, open, pause, removeNode, resume } from '../../../nodes/rollout/machine.js';
import type { Rollout } from '../../../nodes/rollout/state.js';
import type { RolloutRefusal } from '../../../nodes/rollout/transitions.js';
import { leavesMajority } from '../../../nodes/rollout/turns.js';
import { parseWindow } from '../../../nodes/rollout/windows.js';
import { RELEASE, bringTo, busy, finish, finishAll, forwardSteps } from './rollouts.js';
import { started, steps } from './rollouts.js';

describe('maintenance windows', () => {
  const windows = [parseWindow('Mon 01:00-02:00 UTC')];

  it('let nodes begin only while one is open; what has begun ends', () => {
    const rollout = started(3, { windows });
    expect(busy(rollout)).toEqual([]);
    expect(open(rollout, { epoch: rollout.epoch, openUntilMs: 1_000 }, 500)).toBeNull();
    expect(busy(rollout)).toEqual([1]);
    bringTo(rollout, 1, 'done', 999);
    expect(busy(rollout)).toEqual([2]);
    bringTo(rollout, 2, 'done', 1_000);
    expect(steps(rollout)).toBe('done done pending');
    const late = { epoch: rollout.epoch, openUntilMs: 0 };
    expect(open(rollout, late, 1_000)).toBeNull();
    // What a leader before said comes late.
    expect(open(rollout, { ...late, openUntilMs: 9_000 }, 1_000)).toBe('stale-epoch');
    expect(busy(rollout)).toEqual([]);
    expect(open(rollout, { epoch: rollout.epoch, openUntilMs: 9_000 }, 8_000)).toBeNull();
    expect(busy(rollout)).toEqual([3]);
  });

  it('are looked at again after a pause, by the leader', () => {
    const rollout = started(2, { windows });
    open(rollout, { epoch: rollout.epoch, openUntilMs: 1_000 }, 0);
    pause(rollout, { epoch: rollout.epoch, reason: '' }, 10);
    resume(rollout, rollout.epoch, 20);
    expect(busy(rollout)).toEqual([]);
  });

  it('hold no way back', () => {
    const rollout = started(2, { windows, release: RELEASE });
    open(rollout, { epoch: rollout.epoch, openUntilMs: 1_000 }, 0);
    bringTo(rollout, 1, 'done', 10);
    abort(rollout, 'why', 2_000);
    expect(steps(rollout)).toBe('cordon< pending<');
    finishAll(rollout, 3_000);
    expect(rollout.status).toBe('aborted');
  });

  it('are opened only where the plan has some', () => {
    const rollout = started(1);
    expect(open(rollout, { epoch: rollout.epoch, openUntilMs: 9 }, 0)).toBe('no-windows');
  });
});

describe('voters while a release moves', () => {
  const first = (count: number): Set<number> => {
    return new Set(Array.from({ length: count }, (_, i) => i + 1));
  };

  it('have to be so many that a majority is left of any batch', () => {
    const rollout = started(7, { release: RELEASE, batchSize: 3 });
    expect([7, 6, 5, 3, 2].map((count) => leavesMajority(rollout, first(count)))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(leavesMajority(rollout, new Set([1, 2, 4, 5, 7]))).toBe(true);
    rollout.limits = { ...rollout.limits, maxUnavailable: 1 };
    expect(leavesMajority(rollout, first(3))).toBe(true);
  });

  it('are not held by engines, nor by what has ended or could only go back', () => {
    expect(leavesMajority(null, first(3))).toBe(true);
    expect(leavesMajority(started(7, { batchSize: 3 }), first(6))).toBe(true);
    for (const status of ['finalized', 'completed', 'aborted', 'rolledBack'] as const) {
      const rollout = started(7, { release: RELEASE, batchSize: 3 });
      rollout.status = status;
      expect(leavesMajority(rollout, first(6))).toBe(true);
    }
  });
});

describe('a node that gives up', () => {
  const giveUpOf = (rollout: Rollout, nodeId: number, by = 0): RolloutRefusal | null => {
    const node = rollout.nodes.find((one) => one.nodeId === nodeId);
    const nodeEpoch = (node?.epoch ?? 0) - by;
    return giveUp(rollout, { nodeId, nodeEpoch, reason: 'full' }, 0);
  };

  it.each(forwardSteps('engine').filter((step) => step !== 'soak'))('at %s ends it', (step) => {
    const rollout = started(2, { soakMs: 10 });
    bringTo(rollout, 1, step);
    expect(giveUpOf(rollout, 1, 1)).toBe('stale-epoch');
    expect(giveUpOf(rollout, 2)).toBe('not-your-turn');
    expect(giveUpOf(rollout, 9)).toBe('not-your-turn');
    expect(rollout.status).toBe('running');
    expect(giveUpOf(rollout, 1)).toBeNull();
    expect(rollout).toMatchObject({ status: 'aborted', reason: 'full', goal: 'aborted' });
  });

  it('ends nothing once its step is over, or it was removed', () => {
    const rollout = started(3, { soakMs: 10 });
    bringTo(rollout, 1, 'stage');
    const late = { nodeId: 1, nodeEpoch: rollout.nodes[0]!.epoch, reason: 'late' };
    bringTo(rollout, 1, 'soak');
    expect(giveUpOf(rollout, 1)).toBe('not-your-turn');
    expect(giveUp(rollout, late, 0)).toBe('not-your-turn');
    finish(rollout, 1, 10);
    bringTo(rollout, 2, 'stage');
    const removed = { nodeId: 2, nodeEpoch: rollout.nodes[1]!.epoch, reason: 'removed' };
    removeNode(rollout, 2, 0);
    expect(giveUp(rollout, removed, 0)).toBe('not-your-turn');
    expect(giveUpOf(rollout, 2)).toBe('not-your-turn');
    expect(steps(rollout)).toBe('done removed cordon');
    expect(rollout).toMatchObject({ status: 'running', reason: '' });
  });

  it('of what a pause took back ends nothing when it goes on', () => {
    const rollout = started(2);
    const late = { nodeId: 1, nodeEpoch: rollout.nodes[0]!.epoch, reason: 'late' };
    pause(rollout, { epoch: rollout.epoch, reason: '' }, 0);
    expect(giveUp(rollout, late, 0)).toBe('not-your-turn');
    resume(rollout, rollout.epoch, 0);
    expect(giveUp(rollout, late, 0)).toBe('stale-epoch');
    expect(giveUpOf(rollout, 1)).toBeNull();
  });
});
