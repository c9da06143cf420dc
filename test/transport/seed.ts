import fc from 'fast-check';

/** Seed of all random tests: printed, and taken back from the environment variable SEED. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
console.log(`SEED=${SEED}`);

/** Checks a property, sync or not, `runs` times with the seed. */
export function fuzz(property: fc.IRawProperty<unknown>, runs: number): void | Promise<void> {
  return fc.assert(property, { seed: SEED, numRuns: runs });
}
