import { describe, expect, it } from 'vitest';
import { runCampaign } from '../../../sim/explore/campaign.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import { bftForks } from '../../../sim/scenarios/bft-forks.js';
import { bftTwins } from '../../../sim/scenarios/bft-twins.js';
import { bft } from '../../../sim/scenarios/bft.js';

const first = Number(process.env['SEED'] ?? 1_000 + (Date.now() % 1_000_000));
console.log(`Byzantine consensus: SEED=${first}`);

describe('Byzantine consensus under faults', () => {
  it('keeps every promise with seeds that nobody chose', () => {
    const report = runCampaign({ scenario: bft, firstSeed: first, lastSeed: first + 11 });
    expect(report.failures).toEqual([]);
    // Runs in which nobody is faulty and no round fails would prove little.
    expect(report.probes['faulty-proven']).toBeGreaterThan(0);
    expect(report.probes['decided-in-later-round']).toBeGreaterThan(3);
    expect(report.probes['caught-up']).toBeGreaterThan(0);
    expect(report.probes['set-changed']).toBeGreaterThan(0);
    expect(report.probes['culprit-removed']).toBeGreaterThan(0);
    expect(report.probes['joined']).toBeGreaterThan(0);
  }, 300_000);

  it('replays a plan to the same events, and another to others', () => {
    const once = runPlan(bft, bft.draw(7));
    expect(runPlan(bft, bft.draw(7))).toEqual(once);
    expect(runPlan(bft, bft.draw(8)).traceHash).not.toBe(once.traceHash);
  });
});

describe('twins', () => {
  it('never disagree with seeds that nobody chose, and twins are found out', () => {
    const report = runCampaign({ scenario: bftTwins, firstSeed: first, lastSeed: first + 2 });
    expect(report.failures).toEqual([]);
    expect(report.counts['scenarios']).toBe(600);
    expect(report.counts['decisions']).toBeGreaterThan(300);
    expect(report.probes['twin-proven']).toBe(3);
    expect(report.probes['some-decide']).toBe(3);
  }, 300_000);

  it('disagree as soon as more than a third are twins', () => {
    const plan = bftTwins.draw(1);
    const settings = { ...plan.settings, validators: 4, twins: 2, rounds: 4, scenarios: 2_000 };
    const { failure } = runPlan(bftTwins, { ...plan, settings });
    expect(failure?.message).toMatch(/^scenario \d+: validator-\d decides .*, and validator-\d/);
    const [, at] = /^scenario (\d+):/.exec(failure!.message)!;
    const alone = { ...settings, first: Number(at), scenarios: 1 };
    expect(runPlan(bftTwins, { ...plan, settings: alone }).failure?.message).toBe(failure!.message);
  });

  it('refuse a plan with a setting out of its range', () => {
    const plan = bftTwins.draw(1);
    const settings = { ...plan.settings, rounds: 0 };
    expect(() => runPlan(bftTwins, { ...plan, settings })).toThrow('rounds');
  });
});

describe('one twin too many', () => {
  it('makes forks, of each of which more than a third is named and nobody correct', () => {
    const report = runCampaign({ scenario: bftForks, firstSeed: first, lastSeed: first + 23 });
    expect(report.failures).toEqual([]);
    expect(report.counts['scenarios']).toBe(14_400);
    // About one in four hundred is a fork, of which two in three are within a round.
    expect(report.probes['equivocation']).toBeGreaterThan(0);
    expect(report.probes['amnesia']).toBeGreaterThan(0);
    expect(report.probes['answered']).toBeGreaterThan(0);
  }, 300_000);
});
