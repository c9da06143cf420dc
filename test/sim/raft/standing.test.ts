/** Plans with a fault that stays: when it comes, what it leaves, and what is demanded meanwhile. */
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../../sim/explore/plan.js';
import { raftRegisters } from '../../../sim/raft/index.js';
import { seedOfTest } from './seed.js';

const SECOND = 1_000_000;
const firstSeed = seedOfTest();

const standing: Plan[] = [];
for (let seed = firstSeed; standing.length < 60; seed += 1) {
  const plan = raftRegisters.draw(seed);
  if (plan.settings['answerMicrosecondsMax'] !== undefined) standing.push(plan);
}

/** The faults of the last moment before the end, and that moment. */
function stays({ schedule: { faults, durationMicroseconds } }: Plan) {
  const before = faults.filter(({ atMicroseconds: at }) => at < durationMicroseconds);
  const from = before.at(-1)?.atMicroseconds ?? 0;
  const last = before.filter(({ atMicroseconds }) => atMicroseconds === from);
  return { from, last: last.map(({ action }) => action), isCalm: before.length === last.length };
}

describe('a fault that stays', () => {
  const plans = standing.filter(({ schedule }) => schedule.nodes.length > 2);

  it('takes away no majority, and after unrest comes when everything has just been healed', () => {
    for (const plan of plans) {
      const { last, isCalm } = stays(plan);
      const gone = last.filter(({ kind }) => ['crash', 'pause', 'cut-off'].includes(kind));
      expect(gone.length, `seed ${plan.seed}`).toBeLessThan(plan.schedule.nodes.length / 2);
      if (!isCalm) expect(last[0]?.kind, `seed ${plan.seed}`).toBe('heal-all');
    }
  });

  it('from calm comes when nothing is on its way', () => {
    const calm = plans.filter((plan) => stays(plan).isCalm);
    expect(calm.length).toBeGreaterThan(3);
    for (const plan of calm) {
      const { from } = stays(plan);
      const late = plan.operations.filter(
        ({ atMicroseconds: at }) => at >= from - SECOND && at < from,
      );
      expect(late, `seed ${plan.seed}`).toEqual([]);
      expect(plan.settings).toMatchObject({ preVote: 1, checkQuorum: 1 });
    }
  });

  it('is survived, by groups without a fault that fits as well', () => {
    for (const plan of standing.slice(0, 20)) {
      const { failure } = raftRegisters.run(plan);
      expect(failure, `SEED=${plan.seed}: ${failure?.message}`).toBeUndefined();
    }
  });

  it('is not made simpler by fewer nodes, of which it could leave no majority', () => {
    const [plan] = plans as [Plan, ...Plan[]];
    for (const simpler of raftRegisters.simplify!(plan)) {
      expect(simpler.settings['voters']).toBe(plan.settings['voters']);
      const demandsService = simpler.settings['answerMicrosecondsMax'] !== undefined;
      if (demandsService) expect(simpler.settings).toHaveProperty('attemptMicroseconds');
    }
  });
});
