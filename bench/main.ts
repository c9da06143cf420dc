import { Command, InvalidArgumentError } from 'commander';
import { formatResult, runBench } from './harness.js';
import { benches } from './registry.js';
import type { BenchSizes } from './registry.js';

function parseCount(text: string): number {
  const rounds = Number(text);
  if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > 1_000_000) {
    throw new InvalidArgumentError('give a whole number from 1 to 1000000');
  }
  return rounds;
}

function parseNames(text: string): string[] {
  return text.split(',');
}

interface Options extends BenchSizes {
  readonly json?: true;
  readonly rounds?: number;
}

async function run(name: string, options: Options): Promise<void> {
  const create = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (create === undefined) {
    process.stderr.write(
      `no bench is named ${name}; there are: ${Object.keys(benches).join(', ')}\n`,
    );
    process.exitCode = 1;
    return;
  }
  const bench = create(options);
  const rounds = options.rounds ?? bench.roundsDefault;
  const result = await runBench(bench, rounds, (round, subject) => {
    if (process.stderr.isTTY) process.stderr.write(`round ${round + 1} of ${rounds}: ${subject}\n`);
  });
  process.stdout.write(`${options.json ? JSON.stringify(result) : formatResult(result)}\n`);
}

const names = Object.entries(benches).map(([name, create]) => `  ${name}: ${create().description}`);
await new Command('bench')
  .description('Measures in rounds that take turns, and prints medians and ratios.')
  .argument('<name>', 'which bench')
  .option(
    '--json',
    'print one JSON object {machine, rows, ratios, goals, absent, notes} and nothing else',
  )
  .option('--rounds <n>', 'rounds of each subject', parseCount)
  .option('--sets <names>', 'data sets, separated by commas (memory)', parseNames)
  .option('--subjects <names>', 'subjects, separated by commas (memory, vector-files)', parseNames)
  .option('--vectors <n>', 'vectors of each data set (memory)', parseCount)
  .option('--count <n>', 'memories (migration)', parseCount)
  .option('--rows <n>', 'rows of which the peak of memory is measured (migration)', parseCount)
  .option('--file <path>', 'sts-test.csv of the STS Benchmark (sts), or an editing trace (crdt)')
  .option('--megabytes <n>', 'size of the state (snapshot)', parseCount)
  .addHelpText('after', `\nBenches:\n${names.join('\n')}`)
  .action(run)
  .parseAsync();
