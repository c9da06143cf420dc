/**
 * `npm run matrix [-- --seeds 30]`: every moment of a rollout with every fault, forward and back, in the
 * simulator. Exit code 1 if a run failed, or if a fault never met its moment.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { writePlanFile } from '../../sim/explore/plan-file.js';
import { HITS } from '../../sim/scenarios/upgrade-settings.js';
import { type Cell, cellsOf, planOf, rowsOf } from './cells.js';
import { fail, wholeNumber } from './flags.js';
import type { CellResult, CellTask } from './run-cell.js';
import { tableOf } from './table.js';
import { runInThreads } from './threads.js';

const HELP = `npm run matrix -- [options]

Every step of a rollout of engines and of releases, forward and with a rollback at that step, with each of:
${HITS.join(', ')}.

  --seeds N       runs of each cell (30)
  --first-seed N  the first of them (1)
  --kind KIND     engine or release alone
  --threads N     (2)
  --out DIR       where plans of failing runs go (sim-failures)
  --json          one JSON object instead of the table
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '30' },
    'first-seed': { type: 'string', default: '1' },
    kind: { type: 'string' },
    threads: { type: 'string', default: '2' },
    out: { type: 'string', default: 'sim-failures' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const seeds = wholeNumber('--seeds', values.seeds, 1, 1_000_000);
const firstSeed = wholeNumber('--first-seed', values['first-seed'], 0, Number.MAX_SAFE_INTEGER);
const threads = wholeNumber('--threads', values.threads, 1, 64);
const { kind } = values;
if (kind !== undefined && kind !== 'engine' && kind !== 'release') {
  fail(`--kind takes engine or release, not '${kind}'`);
}

const cells = cellsOf(rowsOf());
const chosen = [...cells.keys()].filter((at) => kind === undefined || cells[at]?.kind === kind);
const startMs = performance.now();
const results = await runInThreads<CellTask, CellResult>(
  new URL('run-cell.js', import.meta.url),
  chosen.map((cell) => ({ cell, firstSeed, seeds })),
  threads,
  'cells',
);
const failed = results.filter(({ failures }) => failures.length > 0);
const missed = results.filter(({ hits }) => hits === 0);
for (const result of failed) keepPlans(result);
if (values.json) {
  const named = results.map((result) => ({ ...cells[result.cell], ...result }));
  process.stdout.write(`${JSON.stringify({ seeds, firstSeed, cells: named }, null, 2)}\n`);
} else {
  print();
}
process.exit(failed.length + missed.length === 0 ? 0 : 1);

/** What a failing run was, so that `agentic-flow sim replay` draws it. */
function keepPlans({ cell, failures }: CellResult): void {
  mkdirSync(values.out, { recursive: true });
  for (const { seed, sentence } of failures.slice(0, 3)) {
    const found = cells[cell] as Cell;
    const name = `matrix-${cell}-${seed}.json`;
    const plan = planOf(found, seed);
    writeFileSync(
      join(values.out, name),
      writePlanFile({ plan, about: sentence.slice(0, 200), expect: 'pass', mustReach: [] }),
    );
  }
}

function print(): void {
  process.stdout.write(tableOf(results, cells, seeds));
  for (const { cell, failures } of failed) {
    const { kind: of, way, moment, hit } = cells[cell] as Cell;
    const [first] = failures;
    process.stdout.write(
      `FAILED ${of} ${way} ${moment} ${hit}: ${failures.length} of ${seeds} seeds; seed ` +
        `${first?.seed}: ${first?.sentence}\n  plan: ${values.out}/matrix-${cell}-${first?.seed}.json\n`,
    );
  }
  for (const { cell } of missed) {
    const { kind: of, way, moment, hit } = cells[cell] as Cell;
    process.stdout.write(`NEVER HIT: ${of} ${way} ${moment} ${hit}\n`);
  }
  const runs = results.length * seeds;
  const hits = results.reduce((sum, result) => sum + result.hits, 0);
  const bad = results.reduce((sum, { failures }) => sum + failures.length, 0);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
  process.stdout.write(
    `${runs} runs in ${results.length} cells, seeds ${firstSeed} to ${firstSeed + seeds - 1}; ` +
      `${hits} were hit at their moment; ${runs - bad} passed, ${bad} failed in ${seconds} s\n`,
  );
}
