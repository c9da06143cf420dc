import { it } from 'vitest';

/** SEED=n runs that seed alone; otherwise these and one that is new each time. */
const FIXED_SEEDS = [1, 2, 3];
const only = process.env['SEED'];
const SEEDS =
  only === undefined ? [...FIXED_SEEDS, Math.floor(Math.random() * 0x1_0000_0000)] : [Number(only)];

/** A test that is run with several seeds. Its name and its failure tell the seed. */
export function seeded(name: string, body: (seed: number) => void): void {
  it.each(SEEDS)(`${name}, seed %i`, (seed) => {
    try {
      body(seed);
    } catch (error) {
      throw new Error(`${name}: ${String(error)}; run again with SEED=${seed}`, {
        cause: error,
      });
    }
  });
}
