import { describe, expect, it } from 'vitest';
import { runCampaign } from '../../../sim/explore/campaign.js';
import { crdtScenario } from '../../../sim/scenarios/crdt.js';

const first = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
console.log(`crdt: SEED=${first}`);

describe('replicated data under faults', () => {
  it('converges, and keeps what was acknowledged, with seeds that nobody chose', () => {
    const { failures, probes, counts } = runCampaign({
      scenario: crdtScenario,
      firstSeed: first,
      lastSeed: first + 29,
    });
    expect(failures).toEqual([]);
    expect(counts['acknowledged']).toBeGreaterThan(500);
    for (const probe of crdtScenario.probes) expect(probes[probe], probe).toBeGreaterThan(0);
  });
});
