/**
 * `npm run mutants -- raft|raft-async|raft-groups|rollout|gossip|crdt|available|pages|bft-host|bft-aggregates [--only N]`: breaks our own code one line at a time, in a copy, and
 * requires of the test named beside it that it fails. `npm run mutants -- sim` requires it of the
 * simulator (`sim-main.ts`). Exit code 1 if any mutant lives.
 */
import { parseArgs } from 'node:util';
import { GOSSIP_MUTANTS } from './gossip-mutants.js';
import { AVAILABLE_MUTANTS } from './available.js';
import { BFT_AGGREGATES_MUTANTS } from './bft-aggregates.js';
import { BFT_HOST_MUTANTS } from './bft-host.js';
import { CRDT_MUTANTS } from './crdt.js';
import { PAGES_MUTANTS } from './pages.js';
import { RAFT_ASYNC_MUTANTS } from './raft-async.js';
import { RAFT_GROUPS_MUTANTS } from './raft-groups.js';
import { RAFT_MUTANTS } from './raft-mutants.js';
import { ROLLOUT_MUTANTS } from './rollout-mutants.js';
import { runSimMutants } from './sim-main.js';
import type { SourceMutant } from './source-mutant.js';
import { type Outcome, Workshop } from './workshop.js';

interface Table {
  readonly mutants: readonly SourceMutant[];
  /** The compiled folders that its tests need. */
  readonly folders: readonly string[];
  /** Chosen so that a mutant is caught each time or never. */
  readonly environment: Readonly<Record<string, string>>;
}

const ONE_SEED = { SEED: '1' };
const TABLES: Readonly<Record<string, Table>> = {
  raft: {
    mutants: RAFT_MUTANTS,
    folders: ['consensus/raft', 'test/consensus/raft'],
    environment: ONE_SEED,
  },
  'raft-async': {
    mutants: RAFT_ASYNC_MUTANTS,
    folders: ['consensus/raft', 'test/consensus/raft'],
    environment: ONE_SEED,
  },
  'raft-groups': {
    mutants: RAFT_GROUPS_MUTANTS,
    folders: ['consensus', 'nodes', 'src', 'transport', 'test/consensus', 'test/nodes'],
    // Its random tests have seeds of their own, always the same, and judge by what they see in all.
    environment: {},
  },
  gossip: {
    mutants: GOSSIP_MUTANTS,
    folders: ['consensus', 'sim/gossip', 'test/consensus'],
    environment: ONE_SEED,
  },
  crdt: {
    mutants: CRDT_MUTANTS,
    folders: ['consensus', 'test/consensus'],
    environment: ONE_SEED,
  },
  available: {
    mutants: AVAILABLE_MUTANTS,
    folders: ['consensus', 'nodes', 'src', 'transport', 'test'],
    environment: ONE_SEED,
  },
  pages: {
    mutants: PAGES_MUTANTS,
    folders: ['consensus', 'nodes', 'src', 'transport', 'test'],
    environment: ONE_SEED,
  },
  'bft-host': {
    mutants: BFT_HOST_MUTANTS,
    folders: ['consensus', 'examples', 'nodes', 'sim/world', 'src', 'transport', 'test'],
    environment: ONE_SEED,
  },
  'bft-aggregates': {
    mutants: BFT_AGGREGATES_MUTANTS,
    folders: ['consensus', 'examples', 'nodes', 'sim/world', 'src', 'transport', 'test'],
    environment: ONE_SEED,
  },
  rollout: {
    mutants: ROLLOUT_MUTANTS,
    folders: ['consensus', 'nodes', 'sim/world', 'src', 'transport', 'test'],
    environment: ONE_SEED,
  },
};

const SYMPTOM_CHARACTERS_MAX = 90;

/** What the test saw, in a line that fits into a table. */
function symptomOf(outcome: Outcome): string {
  if (outcome.type !== 'failed') return outcome.type === 'timeout' ? 'does not end' : 'ALIVE';
  const said = outcome.message.replace(/; run again[^]*/, '').replace(/\n\s+at [^]*/, '');
  const line = said.replaceAll(/[|\s]+/g, ' ');
  // The class of the error, and what a scenario puts before it, say nothing about the mutant.
  const where = /^.*?(?:AssertionError \[ERR_ASSERTION\]|InvariantViolation|RaftAssertion): /;
  return line.replace(where, '').slice(0, SYMPTOM_CHARACTERS_MAX);
}

/** Each test passes on the code as it is; otherwise its failure would say nothing. */
async function checkSound(workshop: Workshop, mutants: readonly SourceMutant[]): Promise<void> {
  const tests = new Map(
    mutants.map(({ caughtBy }) => [`${caughtBy.file} ${caughtBy.name}`, caughtBy]),
  );
  for (const test of tests.values()) {
    const outcome = await workshop.run(test);
    if (outcome.type !== 'passed') {
      throw new Error(`"${test.name}" of ${test.file} fails without any mutant`);
    }
  }
}

async function tryAll(workshop: Workshop, mutants: readonly SourceMutant[]): Promise<number> {
  let alive = 0;
  console.log(
    '| bug | mutant | caught by | which saw | seconds |\n| --- | --- | --- | --- | --- |',
  );
  for (const mutant of mutants) {
    const begunMs = performance.now();
    const outcome = await workshop.tryMutant(mutant);
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
    if (outcome.type === 'passed') alive += 1;
    const { bug, name, caughtBy } = mutant;
    console.log(
      `| ${bug} | ${name} | ${caughtBy.name || caughtBy.file} | ${symptomOf(outcome)} | ${seconds} |`,
    );
  }
  return alive;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  const names = [...Object.keys(TABLES), 'sim'].join('|');
  if (values.help === true) {
    console.log(`npm run mutants -- ${names} [--only N] [--seconds N]\n`);
    console.log('Breaks our own code one line at a time, in a copy, and says which test sees it.');
    console.log(
      '--only N     the N-th line of the table alone\n--seconds N  for each, of sim (60)',
    );
    return;
  }
  if (positionals[0] === 'sim') {
    const areAllCaught = await runSimMutants({ ...values, seconds: Number(values.seconds) });
    if (!areAllCaught) process.exitCode = 1;
    return;
  }
  const table = TABLES[positionals[0] ?? ''];
  if (table === undefined) {
    throw new Error(`usage: npm run mutants -- ${names} [--only BUG]`);
  }
  const { only } = values;
  const mutants = table.mutants.filter(({ bug }) => only === undefined || bug === Number(only));
  if (mutants.length === 0) throw new Error(`no mutant brings back bug ${only}`);
  const workshop = await Workshop.open(process.cwd(), table.folders, table.environment);
  try {
    await checkSound(workshop, mutants);
    const alive = await tryAll(workshop, mutants);
    console.log(`${mutants.length - alive} of ${mutants.length} mutants caught`);
    if (alive > 0) process.exitCode = 1;
  } finally {
    await workshop.close();
  }
}

await main();
