import { describe, expect, it } from 'vitest';
import { DRIFT_MAX, TICK_MS } from './clock.js';
import { InvariantViolation } from './invariants.js';
import { ALL_FAULTS, type Faults, Network, type NetworkOptions } from './network.js';

const STEPS = Number(process.env['STEPS'] ?? 400);
/** SEED=n runs that seed alone, SEEDS=n more or fewer of them. */
const ONLY_SEED = process.env['SEED'];
const SEEDS = Number(process.env['SEEDS'] ?? 300);

/**
 * A promise holds for 4 ticks or more (`electionTicks` is 5), the shortest on the fastest clock,
 * and the lease must be over by then on the slowest.
 */
const LEASE_MS = Math.floor((4 * TICK_MS * (1 - DRIFT_MAX)) / (1 + DRIFT_MAX));

const MANY_CRASHES = { ...ALL_FAULTS, change: 0, crash: 0.04 };
const MUCH_LOSS = { ...ALL_FAULTS, drop: 0.25, partition: 0.04, crash: 0.004 };
/** Leaders stay long enough to get a lease, and are then cut off or fall asleep. */
const LEASES: Faults = {
  ...ALL_FAULTS,
  drop: 0.01,
  crash: 0.001,
  partition: 0.004,
  change: 0.005,
  jump: 0.001,
  stall: 0.001,
};
const HANGING: Faults = { ...ALL_FAULTS, stall: 0.05, crash: 0.02 };

interface Run extends NetworkOptions {
  readonly faults: Faults;
  readonly share: number;
  readonly steps?: number;
}

const SERIAL = { isPipelined: false, leaseMs: null };
const PIPELINED = { isPipelined: true, leaseMs: null };
const LEASED = { isPipelined: true, leaseMs: LEASE_MS };

const RUNS: Record<string, Run> = {
  'everything at once': { ...SERIAL, faults: ALL_FAULTS, share: 0.6 },
  'fixed membership, many crashes': { ...SERIAL, faults: MANY_CRASHES, share: 0.2 },
  'much loss and many partitions': { ...SERIAL, faults: MUCH_LOSS, share: 0.2 },
  'overlapping writes, everything at once': { ...PIPELINED, faults: ALL_FAULTS, share: 0.6 },
  'overlapping writes, many crashes': { ...PIPELINED, faults: MANY_CRASHES, share: 0.2 },
  'overlapping writes, disks that hang': { ...PIPELINED, faults: HANGING, share: 0.2 },
  'leases, everything at once': { ...LEASED, faults: ALL_FAULTS, share: 0.15, steps: 3 * STEPS },
  'leases of leaders that stay': { ...LEASED, faults: LEASES, share: 0.15, steps: 3 * STEPS },
};

function run(seed: number, { steps = STEPS, faults, ...options }: Run): Network {
  const network = new Network(seed, faults, options);
  for (let step = 0; step < steps; step += 1) network.step();
  network.heal();
  return network;
}

describe('five nodes on a failing network and failing disks', () => {
  for (const [name, options] of Object.entries(RUNS)) {
    it(`keeps the invariants and recovers: ${name}`, () => {
      const count = ONLY_SEED === undefined ? Math.round(SEEDS * options.share) : 1;
      let [committed, reads, alone] = [0, 0, 0];
      for (let at = 0; at < count; at += 1) {
        const seed = ONLY_SEED === undefined ? 1000 + at : Number(ONLY_SEED);
        try {
          const network = run(seed, options);
          committed += network.invariants.lastCommitted;
          reads += network.readsAnswered;
          alone += network.readsAnsweredAlone;
        } catch (error) {
          throw new Error(`seed ${seed}: run again with SEED=${seed}`, { cause: error });
        }
      }
      if (ONLY_SEED !== undefined) return;
      // A run in which nothing happens proves nothing.
      expect(committed / count).toBeGreaterThan(15);
      expect(reads).toBeGreaterThan(count);
      if (options.leaseMs !== null) expect(alone).toBeGreaterThan(count);
    });
  }

  it('finds out where a lease is longer than the promises of the followers', () => {
    const options = { ...LEASED, faults: LEASES, share: 1, steps: 3 * STEPS };
    const tooLong = { ...options, leaseMs: 10 * LEASE_MS };
    const isFound = (seed: number) => {
      try {
        run(seed, tooLong);
        return false;
      } catch (error) {
        if (error instanceof InvariantViolation) return /a read asked for/.test(error.message);
        throw error;
      }
    };
    const seeds = Array.from({ length: 200 }, (_, at) => 1000 + at);
    expect(seeds.some(isFound)).toBe(true);
  });
});
