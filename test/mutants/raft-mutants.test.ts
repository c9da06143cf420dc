import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NAMED_BUGS } from '../consensus/raft/named-bugs/bugs.js';
import { BFT_AGGREGATES_MUTANTS } from './bft-aggregates.js';
import { BFT_HOST_MUTANTS } from './bft-host.js';
import { RAFT_ASYNC_MUTANTS } from './raft-async.js';
import { RAFT_GROUPS_MUTANTS } from './raft-groups.js';
import { RAFT_MUTANTS } from './raft-mutants.js';
import { ROLLOUT_MUTANTS } from './rollout-mutants.js';
import { mutate, occurrences } from './source-mutant.js';

describe('the mutants of the Raft core', () => {
  for (const { bug, name, file, source, caughtBy } of RAFT_MUTANTS) {
    it(`bug ${bug}, "${name}": its text is in the code once, and its test is there`, () => {
      expect(occurrences(readFileSync(file, 'utf8'), source), file).toBe(1);
      const test = readFileSync(`test/${caughtBy.file}.test.ts`, 'utf8');
      expect(occurrences(test, `'${caughtBy.name}`), caughtBy.name).toBe(1);
    });
  }

  const ofBft = [...BFT_HOST_MUTANTS, ...BFT_AGGREGATES_MUTANTS];
  const byFile = [...RAFT_ASYNC_MUTANTS, ...RAFT_GROUPS_MUTANTS, ...ROLLOUT_MUTANTS, ...ofBft];
  for (const { name, file, source, caughtBy } of byFile) {
    it(`"${name}": its text is in the code once, and its test file is there`, () => {
      expect(occurrences(readFileSync(file, 'utf8'), source), file).toBe(1);
      expect(existsSync(`test/${caughtBy.file}.test.ts`), caughtBy.file).toBe(true);
    });
  }

  it('bring back each named bug that is not looked after elsewhere', () => {
    const covered = new Set(RAFT_MUTANTS.map(({ bug }) => bug));
    const expected = Object.entries(NAMED_BUGS)
      .filter(([, { elsewhere }]) => elsewhere === undefined)
      .map(([bug]) => Number(bug));
    expect(Object.keys(NAMED_BUGS)).toHaveLength(30);
    expect([...covered].sort((a, b) => a - b)).toEqual(expected);
  });

  it('are refused where their text is not there once', () => {
    const mutant = { ...RAFT_MUTANTS[0]!, source: 'a', replacement: '$&' };
    expect(mutate(mutant, 'bac')).toBe('b$&c');
    expect(() => mutate(mutant, 'aa')).toThrow('2 times, not once');
    expect(() => mutate(mutant, 'b')).toThrow('0 times, not once');
  });
});
