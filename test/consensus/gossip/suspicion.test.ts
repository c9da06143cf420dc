import { describe, expect, it } from 'vitest';

import { Awareness } from '../../../consensus/gossip/awareness.js';
import { AWARENESS_MAX } from '../../../consensus/gossip/limits.js';
import { Suspicion } from '../../../consensus/gossip/suspicion.js';

const times = { startMs: 1_000, leastMs: 2_000, mostMs: 30_000, confirmations: 3 };

describe('a suspicion', () => {
  it('lasts the longest time while nobody confirms it, and less with each who does', () => {
    const suspicion = new Suspicion(times, 1);
    const deadlines = [suspicion.deadlineMs];
    for (const accuser of [2, 3, 4]) {
      expect(suspicion.confirm(accuser)).toBe(true);
      deadlines.push(suspicion.deadlineMs);
    }
    // The figures of memberlist's suspicion_test.go for k 3, 2 s and 30 s.
    expect(deadlines.map((at) => at - 1_000)).toEqual([
      30_000,
      16_000,
      expect.closeTo(7_810, -1),
      2_000,
    ]);
  });

  it('counts no accuser twice, and not more than it asks for', () => {
    const suspicion = new Suspicion(times, 1);
    expect(suspicion.confirm(1)).toBe(false);
    for (const accuser of [2, 3, 4]) suspicion.confirm(accuser);
    const { deadlineMs } = suspicion;
    expect(suspicion.confirm(5)).toBe(false);
    expect(suspicion.confirm(2)).toBe(false);
    expect(suspicion.deadlineMs).toBe(deadlineMs);
  });

  it('lasts the shortest time when nobody could confirm it, or somebody is certain', () => {
    expect(new Suspicion({ ...times, confirmations: 0 }, 1).deadlineMs).toBe(3_000);
    const suspicion = new Suspicion(times, 1);
    expect(suspicion.conclude()).toBe(true);
    expect(suspicion.conclude()).toBe(false);
    expect(suspicion.deadlineMs).toBe(3_000);
  });

  it('waits as much longer as this node did not run', () => {
    const suspicion = new Suspicion(times, 1);
    suspicion.extend(500);
    suspicion.extend(700);
    expect(suspicion.deadlineMs).toBe(32_200);
  });
});

describe('the score of a node', () => {
  it('stays within its bounds, and makes times longer', () => {
    const awareness = new Awareness();
    awareness.change(-3);
    expect([awareness.score, awareness.scale(500)]).toEqual([0, 500]);
    awareness.change(2);
    expect([awareness.score, awareness.scale(500)]).toEqual([2, 1_500]);
    awareness.change(100);
    expect(awareness.score).toBe(AWARENESS_MAX);
  });
});
