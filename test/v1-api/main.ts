/**
 * `npm run test:v1-api`: installs v1 from the registry, makes the same calls on it and on this package, and
 * compares. `--record` keeps v1's answers for the tests that have no network; `--folder DIR` keeps the
 * installation for the next run.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compareAnswers } from './compare.js';
import { DIFFERENCES } from './differences.js';
import { replay } from './replay.js';
import { answersOfV1, withoutKeys } from './v1.js';
import * as bank from '../../src/compat/reasoningbank/index.js';
import * as selector from '../../src/compat/backend-selector.js';

const root = process.cwd();
const { values: options } = parseArgs({
  options: { record: { type: 'boolean' }, folder: { type: 'string' } },
});
const v1 = answersOfV1(options.folder === undefined ? undefined : resolve(options.folder));
if (options.record === true) {
  writeFileSync(join(root, 'test/v1-api/v1-answers.json'), `${JSON.stringify(v1, null, 1)}\n`);
}
const project = mkdtempSync(join(tmpdir(), 'agentic-flow-v2-api-'));
process.env = withoutKeys(process.env);
process.chdir(project);
try {
  const v2 = await replay({ bank, selector, database: undefined });
  const { same, documented, failures } = compareAnswers(v1, v2, DIFFERENCES);
  for (const name of documented) console.log(`differs as documented: ${name}`);
  for (const failure of failures) console.log(`FAILED ${failure}`);
  console.log(`${same} same, ${documented.length} documented, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  process.chdir(root);
  bank.db.closeDb();
  rmSync(project, { recursive: true, force: true });
}
