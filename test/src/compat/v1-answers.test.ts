/** The answers of agentic-flow 1.10.2, as `npm run test:v1-api -- --record` has them, beside those of v2. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as selector from '../../../src/compat/backend-selector.js';
import * as bank from '../../../src/compat/reasoningbank/index.js';
import { CALLS } from '../../v1-api/calls.js';
import { compareAnswers } from '../../v1-api/compare.js';
import { DIFFERENCES } from '../../v1-api/differences.js';
import { type Answer, replay } from '../../v1-api/replay.js';
import { inProjects } from './support.js';

const root = process.cwd();
inProjects();

describe('the calls of v1', () => {
  it('are answered as v1 answers them, but for what is documented', async () => {
    const path = join(root, 'test/v1-api/v1-answers.json');
    const v1 = JSON.parse(readFileSync(path, 'utf8')) as Answer[];
    const v2 = await replay({ bank, selector, database: undefined });
    const { same, documented, failures } = compareAnswers(v1, v2, DIFFERENCES);
    expect(failures).toEqual([]);
    expect([...documented].sort()).toEqual(Object.keys(DIFFERENCES).sort());
    expect(same).toBe(CALLS.length - documented.length);
  });

  it('cover every name', () => {
    const used = CALLS.map(({ name, run }) => `${name} ${String(run)}`).join('\n');
    // Of `consolidate`, which stores each run.
    const within = ['storeConsolidationRun'];
    const names = [...Object.keys(bank), ...Object.keys(selector), ...Object.keys(bank.db)];
    expect(names.filter((name) => !used.includes(name))).toEqual(within);
    expect(Object.keys(bank)).toHaveLength(29);
  });

  it('that differ are told', () => {
    const answer = { name: 'a', threw: false, answer: 1 };
    const compared = compareAnswers([answer], [{ ...answer, answer: 2 }], {});
    expect(compared.failures).toEqual(['a: v1 answers 1, v2 answers 2']);
    expect(compareAnswers([answer], [answer], { a: 'why' }).failures).toEqual([
      'a: documented as different, and equal',
    ]);
  });
});
