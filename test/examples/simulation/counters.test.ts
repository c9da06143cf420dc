/** What a user's own test looks like: the planted mistakes are found and made small. */
import { describe, expect, it } from 'vitest';

import { primaryBackupCounter } from '../../../examples/simulation/primary-backup.js';
import { raftCounter } from '../../../examples/simulation/raft-counter.js';
import { replayPlan, simulate, SimulationFailure } from '../../../sim/index.js';
import type { Scenario } from '../../../sim/index.js';

function firstFailure(scenario: Scenario, seeds: number): SimulationFailure {
  try {
    simulate({ scenario, seeds, mustReach: [] });
  } catch (error) {
    if (error instanceof SimulationFailure) return error;
    throw error;
  }
  throw new Error(`${seeds} seeds of ${scenario.name} found nothing`);
}

describe('a counter that forgets what it has answered', () => {
  const forgetful = primaryBackupCounter({ isMended: false });
  const mended = primaryBackupCounter({ isMended: true });

  it('is found, and the plan shrinks to one addition and what loses its answer', () => {
    const failure = firstFailure(forgetful, 300);
    expect(failure.checker).toBe('linearizability');
    expect(failure.shrunk?.isMinimal).toBe(true);
    const { schedule, operations } = failure.plan;
    expect(operations.length).toBeLessThanOrEqual(2);
    expect(schedule.faults.length).toBeLessThanOrEqual(4);
    expect(failure.message).toContain('ask ');
    expect(failure.message).toContain('VIOLATION of linearizability');
    // Kept as a regression test, the plan passes once the counter is mended.
    const kept = failure.planText
      .replace('{"checker":"linearizability"}', '"pass"')
      .replace('"forgetful-counter"', '"mended-counter"')
      .replace('"remembersOnDisk":false', '"remembersOnDisk":true');
    expect(replayPlan(mended, kept).failure).toBeUndefined();
  });

  it('holds once it is mended', () => {
    const report = simulate({ scenario: mended, seeds: 300, mustReach: 'all', verifyEvery: 100 });
    expect(report.verified).toBe(3);
    expect(report.counts['operations']).toBeGreaterThan(5_000);
  });
});

describe('a state machine on Raft whose snapshot lacks a field', () => {
  it('is found, and the plan shrinks', () => {
    const failure = firstFailure(raftCounter({ isMended: false }), 60);
    expect(['state-machine-safety', 'linearizability']).toContain(failure.checker);
    const drawn = raftCounter({ isMended: false }).draw(failure.seed);
    expect(failure.plan.schedule.faults.length).toBeLessThanOrEqual(6);
    expect(failure.plan.operations.length).toBeLessThan(drawn.operations.length / 2);
  });

  it('holds once it is mended', () => {
    const scenario = raftCounter({ isMended: true });
    const report = simulate({ scenario, seeds: 30, mustReach: ['snapshot-restored'] });
    expect(report.failures).toEqual([]);
  });
});
