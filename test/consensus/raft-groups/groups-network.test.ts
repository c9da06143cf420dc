import { describe, expect, it } from 'vitest';
import { type GroupFaults, GroupsNetwork } from './groups-network.js';

const STEPS = 600;
/** SEED=n runs that seed alone, SEEDS=n more or fewer of them. */
const ONLY_SEED = process.env['SEED'];
const SEEDS = Number(process.env['SEEDS'] ?? 120);

const RUNS: Record<string, GroupFaults> = {
  'a calm network': { drop: 0, duplicate: 0, crash: 0.002, partition: 0, pause: 0 },
  'everything at once': {
    drop: 0.03,
    duplicate: 0.05,
    crash: 0.005,
    partition: 0.006,
    pause: 0.01,
  },
  'many partitions and pauses': {
    drop: 0.01,
    duplicate: 0.1,
    crash: 0.002,
    partition: 0.02,
    pause: 0.02,
  },
};

describe('four groups on four nodes that fail', () => {
  for (const [name, faults] of Object.entries(RUNS)) {
    it(`keep their invariants, sleep, wake and recover: ${name}`, () => {
      const count = ONLY_SEED === undefined ? Math.round(SEEDS / 3) : 1;
      const total = { quiesced: 0, woke: 0, readsAnswered: 0 };
      let committed = 0;
      for (let at = 0; at < count; at += 1) {
        const seed = ONLY_SEED === undefined ? 5000 + at : Number(ONLY_SEED);
        try {
          const network = new GroupsNetwork(seed, faults);
          for (let step = 0; step < STEPS; step += 1) network.step();
          for (const key of Object.keys(total) as (keyof typeof total)[]) {
            total[key] += network.counts[key];
          }
          network.heal();
          for (const each of network.invariants.values()) committed += each.lastCommitted;
        } catch (error) {
          throw new Error(`seed ${seed}: run again with SEED=${seed}`, { cause: error });
        }
      }
      // A run in which nothing falls asleep, or nothing happens, proves nothing.
      expect(total.quiesced / count).toBeGreaterThan(20);
      expect(total.woke / count).toBeGreaterThan(10);
      expect(committed / count).toBeGreaterThan(30);
      if (ONLY_SEED === undefined) expect(total.readsAnswered / count).toBeGreaterThan(2);
    });
  }
});
