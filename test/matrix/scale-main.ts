/**
 * `npm run matrix:scale [-- --seed 1]`: rollouts of swarms of 10 to 100 nodes in the simulator. Exit code 1
 * if a run failed, if the time of a batch grows with the swarm, or the load of a node.
 */
import { parseArgs } from 'node:util';

import { wholeNumber } from './flags.js';
import { faultsOf, figuresOf, scaleTable } from './growth.js';
import type { ScaleTask } from './run-scale.js';
import { type ScaleCase, type ScaleResult, WAYS } from './scale.js';
import { runInThreads } from './threads.js';

const HELP = `npm run matrix:scale -- [options]

Rolls swarms of which five or seven nodes vote, and the others hold everything: engines and releases; forward,
and back from the moment it is finalized; in a calm world and under faults.

  --nodes A,B,...    sizes of the swarms, 10 to 101 (10,25,50,100)
  --batches A,B,...  sizes of the batches (1,5,10)
  --seed N           (1)
  --threads N        (2)
  --json             one JSON object instead of the table
`;

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '10,25,50,100' },
    batches: { type: 'string', default: '1,5,10' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const sizes = numbers('--nodes', values.nodes, 10, 101);
const batchSizes = numbers('--batches', values.batches, 1, 101);
const seed = wholeNumber('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER);
const threads = wholeNumber('--threads', values.threads, 1, 64);

const cases: ScaleCase[] = [];
for (const kind of ['engine', 'release'] as const) {
  for (const way of WAYS) {
    for (const batchSize of batchSizes) {
      for (const nodes of sizes) cases.push({ kind, way, nodes, batchSize });
    }
  }
}
const startMs = performance.now();
const results = await runInThreads<ScaleTask, ScaleResult>(
  new URL('run-scale.js', import.meta.url),
  cases.map((scale) => ({ scale, seed })),
  threads,
  'runs',
);
const faults = faultsOf(results);
if (values.json) {
  const runs = results.map((result) => ({ ...result, ...figuresOf(result) }));
  process.stdout.write(`${JSON.stringify({ seed, runs, faults }, null, 2)}\n`);
} else {
  process.stdout.write(scaleTable(results));
  for (const fault of faults) process.stdout.write(`FAILED ${fault}\n`);
  const events = results.reduce((sum, result) => sum + result.events, 0);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
  process.stdout.write(
    `${results.length} runs of seed ${seed}, ${events} events in ${seconds} s; ` +
      `${faults.length === 0 ? 'no figure grows' : `${faults.length} do not hold`}\n`,
  );
}
process.exit(faults.length === 0 ? 0 : 1);

function numbers(name: string, text: string, min: number, max: number): number[] {
  return text.split(',').map((part) => wholeNumber(name, part, min, max));
}
