import { describe, expect, it } from 'vitest';

import type { RaftStatus } from '../../../consensus/raft/index.js';
import { Silence } from '../../../nodes/replica/silence.js';

function status(term: number, active: Readonly<Record<number, boolean>>): RaftStatus {
  const progress = new Map(
    Object.entries(active).map(([id, recentActive]) => [Number(id), { recentActive }]),
  );
  return { id: 1, term, progress } as unknown as RaftStatus;
}

describe('silence', () => {
  it('counts from when a member was heard of last, and never of the leader itself', () => {
    const silence = new Silence();
    silence.note(status(1, { 1: false, 2: true, 3: false }), 1_000);
    silence.note(status(1, { 1: false, 2: false, 3: false }), 1_500);
    silence.note(status(1, { 1: false, 2: true, 3: false }), 2_000);
    expect([1, 2, 3, 4].map((nodeId) => silence.of(nodeId))).toEqual([0, 0, 1_000, 0]);
  });

  it('begins anew with a term, and forgets members that are gone', () => {
    const silence = new Silence();
    silence.note(status(1, { 2: true, 3: true }), 0);
    silence.note(status(1, { 2: false }), 9_000);
    expect([silence.of(2), silence.of(3)]).toEqual([9_000, 0]);
    silence.note(status(2, { 2: false, 3: false }), 9_100);
    expect([silence.of(2), silence.of(3)]).toEqual([0, 0]);
  });

  it('is none of a member that gossip knows to be alive, though the leader does not reach it', () => {
    const silence = new Silence();
    silence.note(status(1, { 2: false, 3: false }), 0);
    silence.note(status(1, { 2: false, 3: false }), 5_000, (nodeId) =>
      nodeId === 2 ? { isAlive: true } : undefined,
    );
    expect([silence.of(2), silence.of(3)]).toEqual([0, 5_000]);
  });

  it('of one that gossip knows to be dead has begun before the leader was elected', () => {
    const silence = new Silence();
    const dead = (): { isAlive: false; forMs: number } => ({ isAlive: false, forMs: 7_000 });
    silence.note(status(2, { 2: false, 3: true }), 1_000, dead);
    silence.note(status(2, { 2: false, 3: true }), 1_500, dead);
    // Whom the leader hears is not dead, whatever others say.
    expect([silence.of(2), silence.of(3)]).toEqual([7_500, 0]);
  });
});
