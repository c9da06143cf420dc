import { describe, expect, it } from 'vitest';
import { runCampaign } from '../../../sim/explore/campaign.js';
import { crdtScenario } from '../../../sim/scenarios/crdt.js';

const first = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
console.log(`crdt: SEED=${first}`);

describe('replicated data under faults', () => {
  it('converges, and keeps what was acknowledged, with seeds that nobody chose', () => {
    const missing = new Set(crdtScenario.probes);
    // A whole state is sent in one run of twenty.
    for (let seed = first; missing.size > 0 && seed < first + 300; seed += 30) {
      const { failures, probes, counts } = runCampaign({
        scenario: crdtScenario,
        firstSeed: seed,
        lastSeed: seed + 29,
      });
      expect(failures).toEqual([]);
      expect(counts['acknowledged']).toBeGreaterThan(500);
      for (const probe of missing) if ((probes[probe] ?? 0) > 0) missing.delete(probe);
    }
    expect([...missing]).toEqual([]);
  });
});
