import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { limits } from '../../sim/explore/limits.js';
import { ExitError } from './failure.js';
import { numberOf } from './number.js';
import { list, replay, shrinkFile } from './sim/plan-commands.js';
import { positive, positiveInteger, withRunFlags } from './sim/run-flags.js';
import { run } from './sim/run.js';

/** `sim run | replay | shrink | list`. Exit code 2 for bad usage. */
export function addSimCommands(program: Command): void {
  const sim = program
    .command('sim')
    .description('Simulate a whole swarm under faults; every seed replays to the same events')
    .exitOverride((error) => {
      throw new ExitError(error.exitCode === 0 ? 0 : 2);
    });
  withRunFlags(sim.command('run'))
    .description('Run seeds; exit code 1 if one fails, 2 if nothing could be run')
    .allowExcessArguments(false)
    .action(run);
  sim
    .command('replay')
    .description('Run the plan in a file, and show its messages in time')
    .argument('<file>', 'a plan, as `sim run` writes it')
    .option('--scenario <module>', 'the module of the scenario, if it is your own')
    .option('--from <ms>', 'show what happens from this time of the run on', numberOf)
    .option('--until <ms>', 'show what happens until this time', numberOf)
    .option('--node <name>', 'show only this node and its peers; may be repeated', collect)
    .option('--last <n>', 'show the last so many moments; 0 for all (default: 80)', whole)
    .option('--width <columns>', 'characters of a line', positiveInteger)
    .option('--json', 'print the moments as JSON, one a line, and the result last')
    .option('--mermaid', 'print a sequence diagram of Mermaid')
    .allowExcessArguments(false)
    .action(replay);
  sim
    .command('shrink')
    .description('Make the plan in a file smaller, as long as the same checker fails')
    .argument('<file>', 'a plan that fails')
    .option('--scenario <module>', 'the module of the scenario, if it is your own')
    .option('--out <file>', 'where to write it (default: in its place)')
    .option('--runs <n>', 'runs at most', positiveInteger, limits.shrinkRunsMax)
    .option('--seconds <s>', 'time at most', positive, 60)
    .option('--json', 'print one JSON object')
    .allowExcessArguments(false)
    .action(shrinkFile);
  sim
    .command('list')
    .description('Show the scenarios and their probes')
    .option('--json', 'print one JSON object')
    .allowExcessArguments(false)
    .action(list);
}

function collect(name: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), name];
}

function whole(text: string): number {
  const value = numberOf(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('it must be a whole number from 0');
}
