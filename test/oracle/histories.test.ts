import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runHistoriesOracle, type HistoryOutcome } from './histories.js';

const folder = join(process.cwd(), '..', 'shared', 'oracles', 'histories');

describe('recorded histories of real systems', () => {
  let outcomes: HistoryOutcome[] = [];

  beforeAll(() => {
    if (!existsSync(folder)) {
      throw new Error(
        'the oracles are missing: put the shared folder, with oracles/histories, beside the project',
      );
    }
    outcomes = runHistoriesOracle(folder);
  });

  it.each([
    ['jepsen-etcd', 52],
    ['kv', 6],
    ['cas-register', 61],
  ])('judges each file of %s as its source does', (part, least) => {
    const own = outcomes.filter((outcome) => outcome.file.startsWith(part));
    expect(own.length).toBeGreaterThanOrEqual(least);
    expect(own.filter((outcome) => !outcome.passed)).toEqual([]);
  });

  it('takes less than ten seconds for all of them', () => {
    const total = outcomes.reduce((sum, outcome) => sum + outcome.milliseconds, 0);
    expect(total).toBeLessThan(10_000);
  });
});
