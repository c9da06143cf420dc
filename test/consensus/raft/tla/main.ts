import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { Model } from './model.js';
import { checkModel } from './model-invariants.js';
import { formatLine, parseTrace } from './trace-event.js';
import { runTraced } from './traced-network.js';

function check(path: string): void {
  const events = parseTrace(readFileSync(path, 'utf8'));
  const model = new Model(events);
  while (model.next()) checkModel(model);
  process.stdout.write(`${events.length} events are a behaviour of the model\n`);
}

function run({ seed, steps, check: path }: { seed: string; steps: string; check?: string }): void {
  if (path !== undefined) {
    check(path);
    return;
  }
  const { events, beyondModel } = runTraced(Number(seed), Number(steps));
  process.stdout.write(events.map((event) => `${formatLine(event)}\n`).join(''));
  const end =
    beyondModel === null ? '' : `; it ends where the model has no such step: ${beyondModel}`;
  process.stderr.write(`seed ${seed}: ${events.length} events${end}\n`);
}

new Command('raft-trace')
  .description(
    'Runs five nodes on a random network and writes a trace for tla/Traceetcdraft.tla of ' +
      'etcd-io/raft to the standard output, or checks one.',
  )
  .option('--seed <n>', 'seed of the run', String(Date.now() % 1_000_000))
  .option('--steps <n>', 'random steps', '1500')
  .option('--check <file>', 'replays the trace in a file against the model instead')
  .action(run)
  .parse();
