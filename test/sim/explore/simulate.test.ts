import { describe, expect, it } from 'vitest';

import { writePlanFile } from '../../../sim/explore/plan-file.js';
import { replayPlan, simulate, SimulationFailure } from '../../../sim/explore/simulate.js';
import type { SimulateOptions } from '../../../sim/explore/simulate.js';
import { Synthetic } from './synthetic.js';

function failureOf(options: SimulateOptions): SimulationFailure {
  try {
    simulate(options);
  } catch (error) {
    if (error instanceof SimulationFailure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const failsWithCrashOfB = () =>
  new Synthetic(({ schedule }) =>
    schedule.faults.some(({ action }) => action.kind === 'crash' && action.node === 'b')
      ? 'sum'
      : undefined,
  );

describe('simulate', () => {
  it('returns the report when everything held', () => {
    const scenario = new Synthetic(() => undefined);
    const report = simulate({ scenario, seeds: { from: 5, to: 8 }, mustReach: ['even'] });
    expect(report).toMatchObject({ seeds: 4, firstSeed: 5, lastSeed: 8, failures: [] });
    expect(simulate({ scenario }).seeds).toBe(100);
  });

  it('throws the first failing seed with all that is needed to see it again', () => {
    const failure = failureOf({ scenario: failsWithCrashOfB(), seeds: 10 });
    expect(failure).toMatchObject({ scenario: 'synthetic', seed: 1, checker: 'sum' });
    expect(failure.shrunk?.isMinimal).toBe(true);
    expect(failure.plan.operations).toEqual([]);
    expect(failure.plan.schedule.faults).toHaveLength(2);
    expect(failure.message).toContain('seed 1 of synthetic fails: sum at 1000 ms');
    expect(failure.message).toContain('sum does not hold');
    expect(failure.message).toMatch(/000\.000 ms {2}crash b\n/);
    expect(failure.message).toContain('==== VIOLATION of sum');
    expect(failure.message).toContain('agentic-flow sim replay synthetic-1.json');
    expect(() => replayPlan(failsWithCrashOfB(), failure.planText)).not.toThrow();
  });

  it('keeps the plan where it is told to', () => {
    const saved: [string, string][] = [];
    const save = (name: string, text: string): string => {
      saved.push([name, text]);
      return `plans/${name}`;
    };
    const failure = failureOf({ scenario: failsWithCrashOfB(), save });
    expect(saved).toEqual([['synthetic-1.json', failure.planText]]);
    expect(failure.message).toContain('the plan is in plans/synthetic-1.json');
  });

  it('shows the plan as it was drawn when it is not to be shrunk', () => {
    const scenario = failsWithCrashOfB();
    const failure = failureOf({ scenario, shrink: false });
    expect(failure.plan).toEqual(scenario.draw(1));
    expect(failure.message).toContain('the plan as it was drawn');
  });

  it('fails when a probe is not reached', () => {
    const scenario = new Synthetic(() => undefined);
    expect(() => simulate({ scenario, seeds: 10, mustReach: 'all' })).toThrow(
      '10 seeds of synthetic did not reach never',
    );
    expect(() => simulate({ scenario, seeds: 1, mustReach: ['even'] })).toThrow('reach even');
  });

  it('refuses seeds that are none', () => {
    const scenario = new Synthetic(() => undefined);
    expect(() => simulate({ scenario, seeds: 0 })).toThrow('seeds 1..0 are not a range');
  });
});

describe('a kept plan', () => {
  it('is run, and its end compared with what the file expects', () => {
    const scenario = failsWithCrashOfB();
    const text = writePlanFile({ plan: scenario.draw(1), expect: 'pass', mustReach: [] });
    expect(() => replayPlan(scenario, text)).toThrow('it must pass, but sum failed');
    const mended = new Synthetic(() => undefined);
    expect(replayPlan(mended, text).failure).toBeUndefined();
  });
});
