/** Command line of the demo. */

import { Command, InvalidArgumentError, Option } from 'commander';

import { limits } from './limits.js';

export type KillMode = 'leader' | 'migrating' | 'random';

export interface DemoOptions {
  readonly nodes: number;
  /** A v1 installation; undefined to generate one. */
  readonly from: string | undefined;
  /** Memories of the installation that is generated when none is given. */
  readonly memories: number;
  readonly kill: KillMode | undefined;
  /** Whether the rollout is rolled back after it was finalized, and run again. */
  readonly rollback: boolean;
  /** Where the report goes as JSON. */
  readonly json: string | undefined;
  /** Steady load before the rollout. */
  readonly seconds: number;
  readonly clients: number;
  /** Mean pause of a client between an answer and its next request. */
  readonly thinkMs: number;
  readonly seed: number;
  readonly keep: boolean;
}

function integer(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`${name} must be a whole number from ${min} to ${max}.`);
  };
}

/** The command with its options; the caller parses the arguments with it. */
export function demoCommand(): Command {
  const { nodesMin, nodesMax, clientsMax, secondsMax } = limits;
  return new Command('rolling-migration')
    .description(
      'Starts a swarm of node processes on a v1 installation, puts load on it, migrates it to v2\n' +
        'node by node, goes back to v1 after that was final, and to v2 again, and checks that nothing\n' +
        'failed and nothing was lost.',
    )
    .addOption(
      new Option('--nodes <n>', 'node processes of the swarm')
        .default(5)
        .argParser(integer('--nodes', nodesMin, nodesMax)),
    )
    .option('--from <dir>', 'a v1 installation to start from; it is copied, never changed')
    .addOption(
      new Option('--memories <n>', 'of the installation that is generated without --from')
        .default(limits.generatedMemories)
        .argParser(integer('--memories', 1, limits.generatedMemoriesMax)),
    )
    .addOption(
      new Option('--kill <which>', 'SIGKILL in the middle of a step of the rollout').choices([
        'leader',
        'migrating',
        'random',
      ]),
    )
    .option('--no-rollback', 'end with the finalized rollout, without going back in its window')
    .option('--json <file>', 'write the report as one JSON object to this file')
    .addOption(
      new Option('--seconds <n>', 'steady load before the rollout')
        .default(5)
        .argParser(integer('--seconds', 1, secondsMax)),
    )
    .addOption(
      new Option('--clients <n>', 'closed-loop clients')
        .default(16)
        .argParser(integer('--clients', 1, clientsMax)),
    )
    .addOption(
      new Option('--think-ms <n>', 'mean pause of a client after an answer; 0 for none')
        .default(limits.thinkMs)
        .argParser(integer('--think-ms', 0, limits.thinkMsMax)),
    )
    .addOption(
      new Option('--seed <n>', 'of the generated installation and of the load')
        .default(1)
        .argParser(integer('--seed', 0, 0xffff_ffff)),
    )
    .option('--keep', 'keep the working directory with the data and logs of all nodes', false)
    .addHelpText(
      'after',
      '\nExit code 0 when every promise was kept, 1 with a sentence for each that was not,\n' +
        '130 when interrupted.',
    );
}

/** Parses the arguments after the program's name; prints help or the fault and exits otherwise. */
export function parseDemoOptions(args: readonly string[], command = demoCommand()): DemoOptions {
  command.parse(args, { from: 'user' });
  const given = command.opts<Partial<DemoOptions>>();
  return {
    nodes: given.nodes ?? 5,
    from: given.from,
    memories: given.memories ?? limits.generatedMemories,
    kill: given.kill,
    rollback: given.rollback ?? true,
    json: given.json,
    seconds: given.seconds ?? 5,
    clients: given.clients ?? 16,
    thinkMs: given.thinkMs ?? limits.thinkMs,
    seed: given.seed ?? 1,
    keep: given.keep ?? false,
  };
}
