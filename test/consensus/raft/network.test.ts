import { describe, expect, it } from 'vitest';
import { ALL_FAULTS, type Faults, Network } from './network.js';

const STEPS = 400;
/** SEED=n runs that seed alone, SEEDS=n more or fewer of them. */
const ONLY_SEED = process.env['SEED'];
const SEEDS = Number(process.env['SEEDS'] ?? 300);

const RUNS: Record<string, { faults: Faults; share: number }> = {
  'everything at once': { faults: ALL_FAULTS, share: 0.6 },
  'fixed membership, many crashes': {
    faults: { ...ALL_FAULTS, change: 0, crash: 0.04 },
    share: 0.2,
  },
  'much loss and many partitions': {
    faults: { ...ALL_FAULTS, drop: 0.25, partition: 0.04, crash: 0.004 },
    share: 0.2,
  },
};

function run(seed: number, faults: Faults): Network {
  const network = new Network(seed, faults);
  for (let step = 0; step < STEPS; step += 1) network.step();
  network.heal();
  return network;
}

describe('five nodes on a failing network and failing disks', () => {
  for (const [name, { faults, share }] of Object.entries(RUNS)) {
    it(`keeps the invariants and recovers: ${name}`, () => {
      const count = ONLY_SEED === undefined ? Math.round(SEEDS * share) : 1;
      let committed = 0;
      let reads = 0;
      for (let at = 0; at < count; at += 1) {
        const seed = ONLY_SEED === undefined ? 1000 + at : Number(ONLY_SEED);
        try {
          const network = run(seed, faults);
          committed += network.invariants.lastCommitted;
          reads += network.readsAnswered;
        } catch (error) {
          throw new Error(`seed ${seed}: run again with SEED=${seed}`, { cause: error });
        }
      }
      // A run in which nothing happens proves nothing.
      expect(committed / count).toBeGreaterThan(15);
      if (ONLY_SEED === undefined) expect(reads).toBeGreaterThan(count);
    }, 60_000);
  }
});
