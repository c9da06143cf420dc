/**
 * Our Raft core beside Go's etcd/raft on the same random inputs: `npm run test:differential`.
 * `docs/raft.md`, "Against Go's etcd/raft", says what is compared.
 */
import { Command } from 'commander';
import * as core from '../../consensus/raft/index.js';
import { Driver } from './driver.js';
import { MUTANTS, plant } from './mutants.js';
import { RULES } from './rules.js';
import { type RunResult, run } from './run.js';
import { buildDriver, ensureGo, versions } from './toolchain.js';

interface Options {
  readonly steps: number;
  readonly seed: number;
  readonly group?: number;
  readonly install: boolean;
  readonly mutants: boolean;
}

const STEPS_PER_MUTANT_MAX = 300_000;
/** Fixed, so that a mutant does not live or die by the day. */
const SEED_OF_MUTANTS = 5;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function table(counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return rows.map(([name, times]) => `  ${String(times).padStart(8)}  ${name}`).join('\n');
}

function printResult(result: RunResult): void {
  const { steps, groups, seconds, rules, events, ended } = result;
  const rate = Math.round(steps / seconds);
  print(`${steps} steps in ${groups} groups, ${seconds.toFixed(1)} s, ${rate} steps a second`);
  print(`what happened:\n${table(events)}`);
  const named = [...rules].map(
    ([name, times]) => [`${name} (${RULES[name].kind})`, times] as const,
  );
  print(`rules that were needed:\n${table(new Map(named))}`);
  if (ended.size > 0) print(`groups that ended early:\n${table(ended)}`);
}

function printDifference({ difference }: RunResult): void {
  if (difference === undefined) return;
  const { groupSeed, step, node, config, inputs, theirs, ours, sentences } = difference;
  print(`DIFFERENCE in the group of seed ${groupSeed}, step ${step}, node ${node}`);
  print(`again: npm run test:differential -- --no-mutants --group ${groupSeed}`);
  print(`settings: ${JSON.stringify(config)}`);
  print(`last inputs:\n  ${inputs.join('\n  ')}`);
  print(`Go:   ${JSON.stringify(theirs)}`);
  print(`ours: ${JSON.stringify(ours)}`);
  print(sentences.map((each) => `  ${each}`).join('\n'));
}

/** Whether the core as it is agrees with Go where a mutant does not: what a mutant has to be told by. */
async function agrees(driver: Driver, difference: RunResult['difference']): Promise<boolean> {
  if (difference === undefined) return false;
  const only = difference.groupSeed;
  const result = await run({ core, driver, steps: difference.step, seed: 0, only });
  return result.difference === undefined;
}

/** Returns how many mutants no difference has told. */
async function runMutants(path: string): Promise<number> {
  let survived = 0;
  for (const mutant of MUTANTS) {
    const planted = await plant(mutant);
    const driver = new Driver(path);
    const options = {
      core: planted.core,
      driver,
      steps: STEPS_PER_MUTANT_MAX,
      seed: SEED_OF_MUTANTS,
    };
    const { steps, difference } = await run(options);
    const isTold = await agrees(driver, difference);
    await driver.close();
    planted.remove();
    if (!isTold) survived += 1;
    const [first = ''] = difference?.sentences ?? [];
    const outcome = isTold ? `told after ${steps} steps` : `NOT TOLD in ${steps} steps`;
    print(`  ${mutant.name}: ${outcome}\n      ${first.split('\n')[0]}`);
  }
  return survived;
}

async function main(options: Options): Promise<void> {
  ensureGo(options.install);
  const { steps, seed, group } = options;
  print(`SEED=${seed}, against ${versions()}`);
  const built = buildDriver();
  try {
    const driver = new Driver(built.path);
    const result = await run({
      core,
      driver,
      steps,
      seed,
      ...(group !== undefined && { only: group }),
    });
    await driver.close();
    printResult(result);
    printDifference(result);
    if (result.difference !== undefined) process.exitCode = 1;
    if (result.difference !== undefined || !options.mutants) return;
    print('mutants of our core, each of which must be told from Go:');
    const survived = await runMutants(built.path);
    print(`${MUTANTS.length - survived} of ${MUTANTS.length} mutants told`);
    if (survived > 0) process.exitCode = 1;
  } finally {
    built.remove();
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`${text} is no whole number\n`);
  return process.exit(1);
}

await new Command('test:differential')
  .description("Runs our Raft core beside Go's etcd/raft on the same random inputs.")
  .option('--steps <count>', 'inputs to compare', wholeNumber, 100_000)
  .option('--seed <number>', 'seed of the run', wholeNumber, Date.now() % 0x7fff_ffff)
  .option('--group <seed>', 'run the group of this seed alone', wholeNumber)
  .option('--no-install', 'do not install Go by apt if it is missing')
  .option('--no-mutants', 'do not run the mutants')
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
