#!/usr/bin/env node
/**
 * `npm run upgrade:coordinator-kill`: the node that leads is killed after every single log entry of a
 * rollout, forward and back, and started again; the rollout has to end, and no step may have its effect
 * twice.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command, Option } from 'commander';

import { CRASH_MEMORY_MS } from '../../../nodes/release/limits.js';
import { DemoError } from '../../../examples/rolling-migration/demo-error.js';
import { Scope } from '../../../examples/rolling-migration/scope.js';
import { Loopback } from '../ground.js';
import { limits } from '../limits.js';
import { integer, parseSoakOptions } from '../options.js';
import type { SoakOptions } from '../options.js';
import { formatReport, buildReport } from '../report.js';
import { runSoak } from '../run.js';
import { journalVariables, judgeJournals } from './journal.js';
import type { JournalRecord } from './journal.js';

const RELEASE_ROUNDS = 32;
/** A supervisor counts deaths of a node that did not serve for a while in between: three of them take no longer. */
const SPARE_MS = 4 * CRASH_MEMORY_MS;
const PRELOAD = new URL('./journal-preload.js', import.meta.url).href;

interface Given {
  readonly nodes: number;
  readonly kind: string;
  readonly rounds?: number;
  readonly seed: number;
  readonly json?: string;
  readonly keep: boolean;
}

function given(): Given {
  const command = new Command('upgrade-coordinator-kill')
    .description('Kills the node that leads after every log entry of a rollout, forward and back.')
    .addOption(
      new Option('--nodes <n>', 'processes').default(3).argParser(integer('--nodes', 3, 7)),
    )
    .addOption(
      new Option('--kind <kind>', 'what is rolled')
        .choices(['engine', 'release'])
        .default('engine'),
    )
    .addOption(
      new Option(
        '--rounds <n>',
        'what was not killed after in one round may be in the next; 1 for engines, 32 for releases, ' +
          'of which a node is killed twice in four minutes at most',
      ).argParser(integer('--rounds', 1, limits.roundsMax)),
    )
    .addOption(
      new Option('--seed <n>', 'of the load')
        .default(1)
        .argParser(integer('--seed', 0, 0xffff_ffff)),
    )
    .option('--json <file>', 'write the verdict as one JSON object to this file')
    .option('--keep', 'keep the directory with the data and logs of all nodes', false);
  command.parse();
  return command.opts<Given>();
}

/** A light load: what is looked at is the rollout. */
function optionsOf({ nodes, kind, rounds, seed }: Given): SoakOptions {
  const load = ['--clients', '4', '--think-ms', '200', '--memories', '20', '--seconds', '1'];
  const times = String(rounds ?? (kind === 'engine' ? 1 : RELEASE_ROUNDS));
  const what = ['--nodes', String(nodes), '--kind', kind, '--seed', String(seed)];
  what.push('--rounds', times, '--forget');
  return parseSoakOptions([...what, '--kill', 'none', ...load]);
}

function readJournals(directory: string): Map<string, JournalRecord[]> {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort();
  return new Map(
    names.map((name) => {
      const lines = readFileSync(join(directory, name), 'utf8').split('\n');
      // A process that is killed while it writes leaves half a line at the end of what it wrote.
      const whole = lines.filter((line) => line.endsWith('}'));
      return [name, whole.map((line) => JSON.parse(line) as JournalRecord)];
    }),
  );
}

async function main(): Promise<number> {
  const asked = given();
  const options = optionsOf(asked);
  const directory = mkdtempSync(join(tmpdir(), 'agentic-flow-coordinator-'));
  const [journals, marks] = [join(directory, 'journals'), join(directory, 'marks')];
  mkdirSync(journals);
  mkdirSync(marks);
  const scope = new Scope();
  const remove = (): void => {
    if (!asked.keep) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const exitNow = (): void => {
    scope.exitNow();
    remove();
  };
  process.once('exit', exitNow);
  const startedMs = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    process.stderr.write(`${seconds.padStart(7)} s  ${line}\n`);
  };
  try {
    const interrupted = new Promise<never>((_resolve, reject) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, () => reject(new DemoError('interrupted', 'interrupted')));
      }
    });
    scope.failsWith(interrupted);
    const env = (name: string): Record<string, string> => ({
      NODE_OPTIONS: `--import=${PRELOAD}`,
      [journalVariables.file]: join(journals, `${name}.jsonl`),
      [journalVariables.marks]: marks,
      [journalVariables.spareMs]: asked.kind === 'release' ? String(SPARE_MS) : '0',
    });
    const coordinator = { env, revives: true, toleratesFailures: true };
    const ports = { options, ground: new Loopback(), directory, scope, say, ...coordinator };
    const facts = await runSoak(ports);
    const verdict = judgeJournals(readJournals(journals));
    const kills = readdirSync(marks).length;
    const seconds = (performance.now() - startedMs) / 1_000;
    const report = buildReport({ options, ...facts, seconds, broken: facts.broken });
    const shown = verdict.broken.slice(0, limits.examplesMax);
    const broken = [...report.broken, ...shown];
    if (kills === 0) broken.push('Nobody was killed, so nothing was shown.');
    process.stdout.write(
      `${formatReport({ ...report, goals: [], broken })}\n` +
        `${verdict.entries} entries of rollouts, ${verdict.copies} of them copies that changed ` +
        `nothing, ${verdict.unclear} of unknown effect; the leader was killed after ${kills} of the ` +
        `${verdict.kinds} things that an entry did; ${verdict.steps} steps, each once.\n`,
    );
    if (asked.json !== undefined) {
      const text = JSON.stringify({ ...report, journal: verdict, kills, broken }, null, 2);
      writeFileSync(asked.json, `${text}\n`);
    }
    return broken.length === 0 ? 0 : 1;
  } finally {
    await scope.end();
    process.off('exit', exitNow);
    remove();
    if (asked.keep) say(`the data, journals and logs of all nodes are in ${directory}`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`The coordinator kill ended early: ${message}\n`);
  process.exitCode = error instanceof DemoError && error.code === 'interrupted' ? 130 : 1;
}
