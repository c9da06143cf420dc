import { describe, expect, it } from 'vitest';

import { Campaign, runCampaign, runSeed } from '../../../sim/explore/campaign.js';
import type { SeedOutcome } from '../../../sim/explore/campaign.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import type { Scenario } from '../../../sim/explore/scenario.js';
import { SimulationError } from '../../../sim/world/index.js';
import { Synthetic } from './synthetic.js';

describe('a campaign', () => {
  it('adds up what its seeds did', () => {
    const scenario = new Synthetic(({ seed }) => (seed === 7 ? 'sum' : undefined));
    const report = runCampaign({ scenario, firstSeed: 3, lastSeed: 12, verifyEvery: 5 });
    expect(report).toMatchObject({
      scenario: 'synthetic',
      seeds: 10,
      firstSeed: 3,
      lastSeed: 12,
      events: 100,
      simulatedMicroseconds: 10 * 100_000_000,
      verified: 2,
      counts: { runs: 10 },
      probes: { even: 5, never: 0 },
      failures: [{ seed: 7, failure: { checker: 'sum' } }],
    });
    // Seeds 3 and 8 ran twice.
    expect(scenario.runs).toBe(12);
  });

  it('ends at the number of failures', () => {
    const scenario = new Synthetic(() => 'sum');
    const report = runCampaign({ scenario, firstSeed: 1, lastSeed: 100, failuresMax: 3 });
    expect(report.failures.map(({ seed }) => seed)).toEqual([1, 2, 3]);
    expect(report.seeds).toBe(3);
  });

  it('ends when it is told to', () => {
    const scenario = new Synthetic(() => undefined);
    const seen: number[] = [];
    const report = runCampaign({
      scenario,
      firstSeed: 1,
      lastSeed: 100,
      shouldStop: () => seen.length === 4,
      onOutcome: ({ seed }) => seen.push(seed),
    });
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(report.seeds).toBe(4);
  });

  it('reports seeds whose two runs differ', () => {
    let runs = 0;
    const fickle = new Synthetic(() => undefined);
    const scenario: Scenario = {
      name: 'fickle',
      summary: '',
      probes: [],
      draw: (seed) => fickle.draw(seed),
      run: (plan) => ({ ...fickle.run(plan), traceHash: String((runs += 1)).padStart(16, '0') }),
    };
    const report = runCampaign({ scenario, firstSeed: 1, lastSeed: 3, verifyEvery: 2 });
    expect(report.failures.map(({ seed, failure }) => [seed, failure.checker])).toEqual([
      [1, 'determinism'],
      [3, 'determinism'],
    ]);
    expect(report.failures[0]?.failure.message).toContain('different trace hashes');
    expect(report.verified).toBe(0);
  });

  it('is the same in whatever order of threads its outcomes come, once they are put in order', () => {
    const scenario = new Synthetic(({ seed }) => (seed % 4 === 0 ? 'sum' : undefined));
    const inOrder: SeedOutcome[] = [];
    const onOutcome = (outcome: SeedOutcome): void => void inOrder.push(outcome);
    const whole = runCampaign({ scenario, firstSeed: 1, lastSeed: 9, onOutcome });
    const other = new Campaign(scenario);
    for (const outcome of inOrder.toReversed().toSorted((a, b) => a.seed - b.seed)) {
      other.add(outcome);
    }
    expect(other.report()).toEqual(whole);
  });

  it.each([
    [5, 4],
    [-1, 4],
    [0.5, 4],
    [1, Number.MAX_SAFE_INTEGER + 1],
  ])('refuses the seeds %d..%d', (firstSeed, lastSeed) => {
    const scenario = new Synthetic(() => undefined);
    expect(() => runCampaign({ scenario, firstSeed, lastSeed })).toThrow('are not a range');
  });
});

describe('a run', () => {
  it('of a scenario that throws has a failure', () => {
    const scenario = new Synthetic(() => {
      throw new Error('broken');
    });
    const { failure } = runPlan(scenario, scenario.draw(1));
    expect(failure).toMatchObject({ checker: 'scenario' });
    expect(failure?.message).toBe('the scenario synthetic threw: broken');
  });

  it('of a plan that the scenario refuses throws, and that of the seed that drew it fails', () => {
    const scenario = new Synthetic(() => {
      throw new SimulationError('invalid-plan', 'no such setting');
    });
    expect(() => runPlan(scenario, scenario.draw(1))).toThrow('no such setting');
    const { result } = runSeed(scenario, 1);
    expect(result.failure?.checker).toBe('scenario');
    expect(result.failure?.message).toContain('no such setting');
  });

  it('with too many events has a failure of its own', () => {
    const scenario = new Synthetic(() => undefined);
    const plan = scenario.draw(1);
    expect(runPlan(scenario, plan, { eventsMax: 10 }).failure).toBeUndefined();
    expect(runPlan(scenario, plan, { eventsMax: 9 }).failure?.checker).toBe('events');
  });
});
