import { describe, expect, it } from 'vitest';

import { runCampaign } from '../../../sim/explore/campaign.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import { calmSessions, clientSessions } from '../../../sim/scenarios/client-sessions.js';

const first = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
console.log(`client sessions: SEED=${first}`);

describe('client sessions under faults', () => {
  it('keep every promise with seeds that nobody chose', () => {
    const report = runCampaign({
      scenario: clientSessions,
      firstSeed: first,
      lastSeed: first + 19,
    });
    expect(report.failures).toEqual([]);
    // Runs in which nothing expires, no clock jumps and no leader changes would prove little.
    expect(report.counts['lost']).toBeGreaterThan(5);
    expect(report.counts['clockJumps']).toBeGreaterThan(50);
    expect(report.counts['unknown']).toBeGreaterThan(0);
    expect(report.counts['acknowledged']).toBeGreaterThan(1_000);
    expect(report.probes['leader-changed']).toBeGreaterThan(0);
  });

  it('are not lost to a clock that jumps by a day, by those who keep them alive', () => {
    const report = runCampaign({ scenario: calmSessions, firstSeed: first, lastSeed: first + 9 });
    expect(report.failures).toEqual([]);
    expect(report.counts['clockJumps']).toBeGreaterThan(10);
    expect(report.counts['faults']).toBe(0);
    // Clients that do not keep theirs alive do lose them, so sessions do expire.
    expect(report.probes['session-lost']).toBeGreaterThan(0);
  });

  it('outlive a crash between the hard state and the entries that it covers', () => {
    const { failure, counts } = runPlan(clientSessions, clientSessions.draw(152_208));
    expect(failure).toBeUndefined();
    expect(counts['acknowledged']).toBeGreaterThan(100);
  });

  it('replay a plan to the same events, and another to others', () => {
    const once = runPlan(clientSessions, clientSessions.draw(7));
    expect(runPlan(clientSessions, clientSessions.draw(7))).toEqual(once);
    expect(runPlan(clientSessions, clientSessions.draw(8)).traceHash).not.toBe(once.traceHash);
  });

  it.each([
    [{ setClockOfLeaderByMs: 'a day' }, 'operations[0] must be'],
    [{ setClockOfLeaderByMs: 1e18 }, 'operations[0] must be'],
    ['jump', 'operations[0] must be'],
  ])('refuse the operation %j', (operation, message) => {
    const plan = clientSessions.draw(1);
    const operations = [{ atMicroseconds: 1, client: 0, operation }];
    expect(() => runPlan(clientSessions, { ...plan, operations })).toThrow(message);
  });
});
