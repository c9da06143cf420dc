/** What leaders of this release and of those before count on, when reads are answered by lease. */
import { describe, expect, it } from 'vitest';

import { ELECTION_TICKS, HEARTBEAT_TICKS, LEASE_MS, TICK_MS } from '../../nodes/limits.js';

/** By how much the clocks of two members may differ in rate from true time. */
const DRIFT = 0.15;
/** Of a leader of a release before: in a rollout it leads followers of this one. */
const BEFORE = { leaseMs: 500, drift: 0.04 };

describe('a lease', () => {
  it('ends before a follower gives up its promise, however far apart the clocks', () => {
    // The first tick may come as the promise is given.
    const promiseMs = (ELECTION_TICKS - 1) * TICK_MS;
    for (const { leaseMs, drift } of [{ leaseMs: LEASE_MS, drift: DRIFT }, BEFORE]) {
      expect(leaseMs * (1 + drift)).toBeLessThan(promiseMs * (1 - drift));
    }
  });

  it('outlasts some heartbeats that are lost', () => {
    expect(LEASE_MS).toBeGreaterThan(3 * HEARTBEAT_TICKS * TICK_MS);
  });
});
