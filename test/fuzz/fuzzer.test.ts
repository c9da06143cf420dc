import { expect, it } from 'vitest';
import { SEED } from '../transport/seed.js';
import { Fuzzer } from './fuzzer.js';

it('a few thousand hostile packets disturb neither an engine nor an RPC endpoint', async () => {
  const report = await Fuzzer.run({ cases: 3_000, seed: SEED });
  expect(Object.values(report.kinds).reduce((sum, count) => sum + count)).toBe(3_000);
  // They were not just ignored.
  expect(Object.keys(report.ends).length).toBeGreaterThan(3);
});
