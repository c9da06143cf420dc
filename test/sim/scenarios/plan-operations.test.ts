/** What clients of a swarm ask is data of the plan: it can be left out, and the shrinker leaves it out. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../sim/explore/plan.js';
import type { Scenario } from '../../../sim/explore/scenario.js';
import { shrink } from '../../../sim/explore/shrink.js';
import { runPlan } from '../../../sim/explore/run-plan.js';
import { clientSessions } from '../../../sim/scenarios/client-sessions.js';
import { rollingMigration } from '../../../sim/scenarios/rolling-migration.js';

/** The scenario with a mistake that shows once so much of something was counted. */
function failingAt(scenario: Scenario, count: string, least: number): Scenario {
  return {
    ...scenario,
    run: (plan, options) => {
      const result = scenario.run(plan, options);
      if ((result.counts[count] ?? 0) < least) return result;
      const failure = { checker: 'enough', message: `${least} ${count}`, atMicroseconds: 1 };
      return { ...result, failure };
    },
  };
}

/** A plan whose beginning is all that is needed, so that the test does not take long. */
function shortPlan(scenario: Scenario): Plan {
  const plan = scenario.draw(3);
  const durationMicroseconds = 3_000_000;
  const early = ({ atMicroseconds }: { readonly atMicroseconds: number }): boolean => {
    return atMicroseconds < durationMicroseconds;
  };
  const faults = plan.schedule.faults.filter(early);
  return {
    ...plan,
    schedule: {
      ...plan.schedule,
      durationMicroseconds,
      faults: [...faults, { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } }],
    },
    operations: plan.operations.filter(early).slice(0, 60),
  };
}

describe.each([
  { scenario: rollingMigration, count: 'operations', verbs: ['insert', 'get'] },
  { scenario: clientSessions, count: 'acknowledged', verbs: ['write'] },
])('the operations of $scenario.name', ({ scenario, count, verbs }) => {
  it('are left out by the shrinker but for those that are needed', () => {
    const broken = failingAt(scenario, count, 2);
    const plan = shortPlan(scenario);
    expect(plan.operations.length).toBeGreaterThan(10);
    const { plan: smallest, isMinimal } = shrink(broken, plan);
    expect(isMinimal).toBe(true);
    expect(smallest.operations).toHaveLength(2);
    expect(smallest.schedule.faults.filter(({ action }) => action.kind !== 'heal-all')).toEqual([]);
    for (const { operation } of smallest.operations) {
      expect(verbs).toContain((operation as { do?: string }).do);
    }
  });

  it('may be any of those that were drawn, or none', () => {
    const plan = shortPlan(scenario);
    const all = runPlan(scenario, plan);
    const some = plan.operations.filter((_, at) => at % 3 === 0);
    const third = runPlan(scenario, { ...plan, operations: some });
    const none = runPlan(scenario, { ...plan, operations: [] });
    for (const { failure } of [all, third, none]) expect(failure).toBeUndefined();
    expect(third.counts[count]).toBeLessThan(all.counts[count]!);
    expect(third.counts[count]).toBeGreaterThan(0);
    expect(none.counts[count]).toBe(0);
  });

  it.each([
    7,
    { do: 'sing' },
    { do: verbs[0]!, id: '' },
    { do: verbs[0]!, id: 'a', copies: 3, triesMax: 0, ...(verbs.length > 1 && { id: 5 }) },
    { do: 'silence', milliseconds: -1 },
  ])('are refused when they make no sense: %j', (operation) => {
    const operations = [{ atMicroseconds: 1, client: 1, operation }];
    const wrong = (): unknown => runPlan(scenario, { ...scenario.draw(1), operations });
    expect(wrong).toThrow('operations[0] must be');
    expect(wrong).toThrow(expect.objectContaining({ code: 'invalid-plan' }));
  });
});
