import { describe, expect, it } from 'vitest';

import {
  ackFence,
  addNode,
  closeWindow,
  finalize,
  raise,
  unfence,
  unfencedNodes,
} from '../../../nodes/rollout/finalizing.js';
import { removeNode, rollBack } from '../../../nodes/rollout/machine.js';
import type { Rollout } from '../../../nodes/rollout/state.js';
import { clockIntervalMs } from '../../../nodes/rollout/waiting.js';
import { RELEASE, bringTo, finishAll, started } from './rollouts.js';

function finalizing(rollbackWindowMs = 1_000): Rollout {
  const rollout = started(3, { release: RELEASE, rollbackWindowMs });
  finishAll(rollout);
  expect(finalize(rollout, rollout.epoch)).toBeNull();
  return rollout;
}

const ack = (rollout: Rollout, nodeId: number, epoch = rollout.epoch) =>
  ackFence(rollout, { nodeId, epoch });

describe('the fence', () => {
  it('is raised when every node has acknowledged it, in any order and as often as it likes', () => {
    const rollout = finalizing();
    expect(raise(rollout, 500)).toBe('fence-open');
    for (const nodeId of [3, 1, 1]) expect(ack(rollout, nodeId)).toBeNull();
    expect(rollout.fenced).toEqual([3, 1]);
    expect(raise(rollout, 500)).toBe('fence-open');
    ack(rollout, 2);
    expect(raise(rollout, 500)).toBeNull();
    expect(rollout).toMatchObject({
      status: 'finalized',
      finalizedAtMs: 500,
      windowEndsMs: 1_500,
    });
  });

  it('does not wait for a node that was removed', () => {
    const rollout = finalizing();
    for (const nodeId of [1, 3]) ack(rollout, nodeId);
    removeNode(rollout, 2, 0);
    expect(unfencedNodes(rollout)).toEqual([]);
    expect(ack(rollout, 2)).toBe('not-your-turn');
    expect(raise(rollout, 0)).toBeNull();
  });

  it('waits again for a node that came back as something older, and not for its earlier word', () => {
    const rollout = finalizing();
    const { epoch } = rollout;
    for (const nodeId of [1, 2, 3]) ack(rollout, nodeId);
    unfence(rollout, 2);
    expect(raise(rollout, 0)).toBe('fence-open');
    // A copy of what it said before it was started with the older release.
    expect(ack(rollout, 2, epoch)).toBe('stale-epoch');
    expect(ack(rollout, 2)).toBeNull();
    expect(raise(rollout, 0)).toBeNull();
  });

  it('is not opened by words of a node that had not acknowledged it', () => {
    const rollout = finalizing();
    const { epoch } = rollout;
    unfence(rollout, 2);
    expect(rollout.epoch).toBe(epoch);
  });

  it('is gone when the rollout is taken back meanwhile', () => {
    const rollout = finalizing();
    const { epoch } = rollout;
    ack(rollout, 1);
    rollBack(rollout, { epoch, reason: '' }, 0);
    expect(rollout.fenced).toEqual([]);
    expect(ack(rollout, 2, epoch)).toBe('not-finalizing');
    expect(raise(rollout, 0)).toBe('not-finalizing');
  });
});

describe('the rollback window', () => {
  const finalized = (rollbackWindowMs?: number): Rollout => {
    const rollout = finalizing(rollbackWindowMs);
    for (const nodeId of [1, 2, 3]) ack(rollout, nodeId);
    raise(rollout, 100);
    return rollout;
  };

  it('closes when its time is over, or when an operator gives it up', () => {
    const rollout = finalized();
    const { epoch } = rollout;
    expect(closeWindow(rollout, { epoch, early: false }, 1_099)).toBe('window-open');
    expect(closeWindow(rollout, { epoch: epoch - 1, early: false }, 1_100)).toBe('stale-epoch');
    expect(closeWindow(rollout, { epoch, early: false }, 1_100)).toBeNull();
    expect(rollout.status).toBe('completed');
    const early = finalized();
    expect(closeWindow(early, { epoch: early.epoch, early: true }, 100)).toBeNull();
  });

  it('is none when the plan says so', () => {
    expect(finalized(0)).toMatchObject({ status: 'completed', windowEndsMs: 100 });
  });

  it('lets the whole swarm go back, with those who joined meanwhile', () => {
    const rollout = finalized();
    addNode(rollout, 4, 200);
    rollBack(rollout, { epoch: rollout.epoch, reason: '' }, 300);
    expect(rollout.nodes.map(({ step }) => step)).toEqual(['done', 'done', 'done', 'cordon']);
    finishAll(rollout);
    expect(rollout.status).toBe('rolledBack');
    expect(rollout.nodes.every(({ direction }) => direction === 'back')).toBe(true);
  });

  it('takes nobody in before it is open', () => {
    const rollout = finalizing();
    addNode(rollout, 4, 200);
    expect(rollout.nodes).toHaveLength(3);
  });

  it('goes on without a node that is removed', () => {
    const rollout = finalized();
    for (const nodeId of [1, 2, 3]) removeNode(rollout, nodeId, 0);
    expect(rollout.status).toBe('finalized');
  });
});

describe('the clock', () => {
  it('is told twice a second while a node soaks, and at its end', () => {
    const rollout = started(2, { soakMs: 2_000 });
    expect(clockIntervalMs(rollout, 0)).toBe(Infinity);
    bringTo(rollout, 1, 'soak', 1_000);
    expect(clockIntervalMs(rollout, 1_000)).toBe(500);
    expect(clockIntervalMs(rollout, 2_900)).toBe(100);
    // Then the entry that ends the soak is due, not the time.
    expect(clockIntervalMs(rollout, 3_000)).toBe(500);
  });

  it.each([
    [1_000, 1_000],
    [10_000, 1_000],
    [640_000, 10_000],
    [72 * 3_600_000, 60_000],
  ])('is told in a window of %d ms every %d ms', (windowMs, intervalMs) => {
    const rollout = finalizing(windowMs);
    expect(clockIntervalMs(rollout, 0)).toBe(Infinity);
    for (const nodeId of [1, 2, 3]) ack(rollout, nodeId);
    raise(rollout, 0);
    expect(clockIntervalMs(rollout, 0)).toBe(intervalMs);
    expect(clockIntervalMs(rollout, windowMs - 1)).toBe(1);
  });

  it('waits for nothing while the rollout is paused or over', () => {
    const rollout = started(1, { soakMs: 2_000 });
    bringTo(rollout, 1, 'soak');
    rollout.status = 'paused';
    expect(clockIntervalMs(rollout, 0)).toBe(Infinity);
  });
});
