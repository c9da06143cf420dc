import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Plan } from '../../../sim/explore/plan.js';
import { shrink } from '../../../sim/explore/shrink.js';
import { SimulationError } from '../../../sim/world/index.js';
import { crash, NODES, operation, planOf, restart, SECOND, Synthetic } from './synthetic.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`shrink: SEED=${seed}`);

const crashesOf = ({ schedule }: Plan, node: string): number =>
  schedule.faults.filter(({ action }) => action.kind === 'crash' && action.node === node).length;
const valuesOf = ({ operations }: Plan): unknown[] => operations.map((one) => one.operation);

describe('shrinking', () => {
  it('finds the faults and operations that are needed, whatever is around them', () => {
    const times = fc.array(fc.integer({ min: 0, max: 99 * SECOND }), {
      minLength: 3,
      maxLength: 40,
    });
    fc.assert(
      fc.property(
        times,
        fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 3 }),
        (at, needed) => {
          const sorted = at.toSorted((a, b) => a - b);
          const faults = sorted.map((time, i) => crash(time, NODES[i % 3]!));
          const operations = Array.from({ length: 31 }, (_, i) => operation(i * 1_234, i));
          const scenario = new Synthetic((plan) => {
            const hasAll = needed.every((value) => valuesOf(plan).includes(value));
            return hasAll && crashesOf(plan, 'b') > 0 ? 'sum' : undefined;
          });
          const { plan, isMinimal, runs } = shrink(scenario, planOf(faults, operations));
          expect(isMinimal).toBe(true);
          expect(runs).toBe(scenario.runs);
          expect(valuesOf(plan)).toEqual(needed.toSorted((a, b) => a - b));
          expect(plan.schedule.faults.map(({ action }) => action.kind)).toEqual([
            'crash',
            'heal-all',
          ]);
          expect(crashesOf(plan, 'b')).toBe(1);
        },
      ),
      { seed, numRuns: 40 },
    );
  });

  it('is deterministic', () => {
    const judge = (plan: Plan): string | undefined =>
      crashesOf(plan, 'a') > 1 && valuesOf(plan).includes(7) ? 'sum' : undefined;
    const results = [1, 2].map(() => {
      const scenario = new Synthetic(judge);
      return shrink(scenario, scenario.draw(5));
    });
    expect(results[0]).toEqual(results[1]);
  });

  it('does not take another failure for the one it was given', () => {
    // Without the operation everything fails in another way.
    const scenario = new Synthetic((plan) => (plan.operations.length > 0 ? 'sum' : 'empty'));
    const { plan, failure } = shrink(scenario, scenario.draw(1));
    expect(failure.checker).toBe('sum');
    expect(plan.operations).toHaveLength(1);
  });

  it('keeps what heals everything, so that a liveness failure stays one', () => {
    const isDownForGood = (plan: Plan): boolean => {
      const { faults } = plan.schedule;
      const isHealed = faults.some(({ action }) => action.kind === 'heal-all');
      return crashesOf(plan, 'a') > 0 && !isHealed;
    };
    // The bug needs a crash of c; a plan that heals nothing would fail for any crash.
    const scenario = new Synthetic((plan) =>
      crashesOf(plan, 'c') > 0 || isDownForGood(plan) ? 'liveness' : undefined,
    );
    const { plan } = shrink(scenario, planOf([crash(1, 'a'), crash(2, 'b'), crash(3, 'c')]));
    expect(plan.schedule.faults.map(({ action }) => action)).toEqual([
      { kind: 'crash', node: 'c' },
      { kind: 'heal-all' },
    ]);
  });

  it('keeps what heals everything in the course of a run, before a fault that stays', () => {
    const healing = { atMicroseconds: 2, action: { kind: 'heal-all' } } as const;
    const scenario = new Synthetic((plan) => (crashesOf(plan, 'c') > 0 ? 'sum' : undefined));
    const { plan } = shrink(scenario, planOf([crash(1, 'a'), healing, crash(3, 'c')]));
    expect(plan.schedule.faults.map(({ action }) => action.kind)).toEqual([
      'heal-all',
      'crash',
      'heal-all',
    ]);
  });

  it('takes away a beginning with its end when neither alone can go', () => {
    const isBalanced = ({ schedule }: Plan): boolean => {
      const kinds = schedule.faults.map(({ action }) => action.kind);
      const count = (kind: string): number => kinds.filter((one) => one === kind).length;
      return count('crash') === count('restart');
    };
    const faults = [1, 2, 3, 4].flatMap((second) => [
      crash(second * SECOND, 'a'),
      restart(second * SECOND + 5, 'a'),
    ]);
    const scenario = new Synthetic((plan) =>
      isBalanced(plan) && plan.schedule.faults.length > 2 ? 'sum' : undefined,
    );
    const { plan } = shrink(scenario, planOf(faults));
    expect(plan.schedule.faults.map(({ action }) => action.kind)).toEqual([
      'crash',
      'restart',
      'heal-all',
    ]);
  });

  it('shortens the run and rounds its times, as far as it still fails', () => {
    const isLate = ({ schedule }: Plan): boolean =>
      schedule.faults.some(
        ({ atMicroseconds, action }) => action.kind === 'crash' && atMicroseconds >= 2_340_000,
      );
    const scenario = new Synthetic((plan) => (isLate(plan) ? 'sum' : undefined));
    const { plan } = shrink(scenario, planOf([crash(2_345_678, 'a')]));
    // 2 s would be too early; 2.4 s is the roundest time near it that is not.
    expect(plan.schedule.faults[0]?.atMicroseconds).toBe(2_400_000);
    expect(plan.schedule.durationMicroseconds).toBe(3 * SECOND);
    expect(plan.schedule.faults.at(-1)?.atMicroseconds).toBe(3 * SECOND);
  });

  it('takes simpler settings as long as it still fails', () => {
    const withNodes = (plan: Plan, nodes: number): Plan => ({ ...plan, settings: { nodes } });
    const scenario = new Synthetic(
      (plan) => (Number(plan.settings['nodes']) >= 3 ? 'sum' : undefined),
      (plan) => {
        const nodes = Number(plan.settings['nodes']);
        return nodes > 1 ? [withNodes(plan, nodes - 1)] : [];
      },
    );
    const { plan } = shrink(scenario, planOf([], [], { nodes: 9 }));
    expect(plan.settings).toEqual({ nodes: 3 });
  });

  it('ends at its bound of runs with the smallest plan so far', () => {
    const scenario = new Synthetic((plan) => (crashesOf(plan, 'a') > 0 ? 'sum' : undefined));
    const drawn = scenario.draw(3);
    const result = shrink(scenario, drawn, { runsMax: 6 });
    expect(result).toMatchObject({ runs: 6, isMinimal: false, failure: { checker: 'sum' } });
    expect(crashesOf(result.plan, 'a')).toBeGreaterThan(0);
    expect(result.plan.schedule.faults.length).toBeLessThan(drawn.schedule.faults.length);
  });

  it('ends when it is told to, after the first run', () => {
    const scenario = new Synthetic(() => 'sum');
    const result = shrink(scenario, scenario.draw(3), { shouldStop: () => true });
    expect(result).toMatchObject({ runs: 1, isMinimal: false });
  });

  it('counts a plan that the scenario refuses as one that does not fail', () => {
    const scenario = new Synthetic((plan) => {
      if (plan.operations.length < 2) throw new SimulationError('invalid-plan', 'too few');
      return 'sum';
    });
    expect(shrink(scenario, scenario.draw(3)).plan.operations).toHaveLength(2);
  });

  it('refuses a plan that does not fail', () => {
    const scenario = new Synthetic(() => undefined);
    expect(() => shrink(scenario, scenario.draw(3))).toThrow('does not fail');
  });
});
