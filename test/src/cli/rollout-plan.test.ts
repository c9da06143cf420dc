import { describe, expect, it } from 'vitest';

import { planLines } from '../../../src/cli/rollout-plan.js';
import type { RolloutPlan } from '../../../src/client/index.js';

const guards = {
  windowMs: 5_000,
  windows: 2,
  errorRateMax: 0.01,
  p99Factor: 2,
  p99FloorMs: 50,
  applyLagMax: 1_000,
  memoryFactor: 2,
  memoryBytesMax: 0,
  diskFreeBytesMin: 0,
  restartsMax: 2,
  action: 'rollback',
};

function told(soakMs: number, watching: object | null = guards): string {
  const plan = {
    from: 'v1',
    to: 'v2',
    order: [1, 2, 3],
    canaries: 1,
    batchSize: 1,
    maxUnavailable: 1,
    soakMs,
    guards: watching,
    irreversible: [],
    inexpressible: [],
  };
  return planLines({ plan, digest: 'd', stored: [] } as unknown as RolloutPlan).join('\n');
}

describe('a plan', () => {
  it('says when nodes soak for less than the guards need', () => {
    expect(told(2_000)).toContain('nodes soak 2 s, and the guards need 15 s');
    expect(told(2_000)).toContain('--soak 15s');
    expect(told(15_000)).not.toContain('NOTE');
    expect(told(2_000, null)).not.toContain('NOTE');
  });
});
