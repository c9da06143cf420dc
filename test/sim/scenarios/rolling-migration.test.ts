import { describe, expect, it } from 'vitest';

import { runRollingMigration } from '../../../sim/scenarios/rolling-migration.js';

/** Seeds that found something, or reach a path that few do; each is a line of its own when it fails. */
const KEPT_SEEDS = [8, 18, 38];
const first = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
console.log(`rolling migration: SEED=${first}`);

describe('a rolling migration under faults', () => {
  it.each(KEPT_SEEDS)('keeps every promise with seed %i', (seed) => {
    const report = runRollingMigration(seed);
    expect(report.finalVersion).toBe(2);
    expect(report.operations).toBeGreaterThan(0);
    expect(report.switches).toBeGreaterThanOrEqual(report.nodes);
  });

  it('keeps every promise with seeds that nobody chose', () => {
    const reports = Array.from({ length: 20 }, (_, i) => runRollingMigration(first + i));
    // Runs that meet no fault and no change of leader would prove little.
    expect(reports.some(({ leaderChanges }) => leaderChanges > 1)).toBe(true);
    expect(reports.reduce((sum, { faults }) => sum + faults, 0)).toBeGreaterThan(20);
  });

  it('replays a seed to the same events', () => {
    expect(runRollingMigration(7).traceHash).toBe(runRollingMigration(7).traceHash);
    expect(runRollingMigration(7).traceHash).not.toBe(runRollingMigration(8).traceHash);
  });
});
