import { describe, expect, it } from 'vitest';

import { runClientSessions } from '../../../sim/scenarios/client-sessions.js';

const first = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
console.log(`client sessions: SEED=${first}`);

describe('client sessions under faults', () => {
  it('keep every promise with seeds that nobody chose', () => {
    const reports = Array.from({ length: 20 }, (_, i) => runClientSessions(first + i));
    const sum = (of: (report: (typeof reports)[number]) => number): number =>
      reports.reduce((total, report) => total + of(report), 0);
    // Runs in which nothing expires, no clock jumps and no leader changes would prove little.
    expect(sum(({ lost }) => lost)).toBeGreaterThan(5);
    expect(sum(({ clockJumps }) => clockJumps)).toBeGreaterThan(50);
    expect(sum(({ unknown }) => unknown)).toBeGreaterThan(0);
    expect(sum(({ acknowledged }) => acknowledged)).toBeGreaterThan(1_000);
    expect(reports.some(({ leaderChanges }) => leaderChanges > 1)).toBe(true);
  });

  it('are not lost to a clock that jumps by a day, by those who keep them alive', () => {
    const reports = Array.from({ length: 10 }, (_, i) =>
      runClientSessions(first + i, { calm: true }),
    );
    expect(reports.every(({ clockJumps }) => clockJumps > 0)).toBe(true);
    // Clients that do not keep theirs alive do lose them, so sessions do expire.
    expect(reports.some(({ lost }) => lost > 0)).toBe(true);
  });

  it('replay a seed to the same events', () => {
    expect(runClientSessions(7).traceHash).toBe(runClientSessions(7).traceHash);
  });
});
