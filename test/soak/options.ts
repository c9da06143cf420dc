/** Command line of the soak. */
import { Command, InvalidArgumentError, Option } from 'commander';

import { MIX_DEFAULT, type Mix } from '../../examples/rolling-migration/workload.js';
import { limits } from './limits.js';

export type Kind = 'engine' | 'release';
export type KillMode = 'none' | 'random' | 'leader';

export interface SoakOptions {
  readonly rounds: number;
  readonly nodes: number;
  /** What each round rolls forward and back, in this order. */
  readonly kinds: readonly Kind[];
  readonly kill: KillMode;
  readonly partitions: boolean;
  /** Whether three processes of etcd are restarted one by one under the same load. */
  readonly etcd: boolean;
  readonly seed: number;
  readonly json: string | undefined;
  /** Whether goals of time fail the run as well. */
  readonly strict: boolean;
  readonly clients: number;
  /** Mean pause of a client between an answer and its next request. */
  readonly thinkMs: number;
  /** What the requests of the clients are. */
  readonly mix: Mix;
  /** Of the v1 installation that the swarm begins with. */
  readonly memories: number;
  /** Steady load before each round, in seconds. */
  readonly seconds: number;
  readonly canaries: number;
  readonly batchSize: number;
  readonly soakMs: number;
  readonly faultPauseMs: number;
  /** Whether what a round has written is deleted after it, so that no round begins with more. */
  readonly forget: boolean;
  readonly keep: boolean;
}

interface Given {
  readonly rounds: number;
  readonly nodes: number;
  readonly kind: 'engine' | 'release' | 'both';
  readonly kill: KillMode;
  readonly partitions: boolean;
  readonly etcd: boolean;
  readonly seed: number;
  readonly json?: string;
  readonly strict: boolean;
  readonly clients: number;
  readonly thinkMs: number;
  readonly gets: number;
  readonly texts: number;
  readonly memories: number;
  readonly seconds: number;
  readonly canaries: number;
  readonly batchSize: number;
  readonly soak: number;
  readonly faultPause: number;
  readonly forget: boolean;
  readonly keep: boolean;
}

export function integer(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`${name} must be a whole number from ${min} to ${max}.`);
  };
}

export function soakCommand(): Command {
  const number = (flag: string, what: string, min: number, max: number, byDefault: number) => {
    const [name = ''] = flag.split(' ');
    return new Option(flag, what).default(byDefault).argParser(integer(name, min, max));
  };
  const { nodesMin, nodesMax, batchSizeMax, faultPauseSecondsMax } = limits;
  return new Command('upgrade-soak')
    .description(
      'Rolls a swarm of node processes forward and back again and again, under load, while nodes,\n' +
        'leaders and supervisors are killed and networks are cut, and looks for requests that failed,\n' +
        'writes that were lost, and gaps.',
    )
    .addOption(number('--rounds <n>', 'rounds, each forward and back', 1, limits.roundsMax, 1))
    .addOption(number('--nodes <n>', 'node processes', nodesMin, nodesMax, 5))
    .addOption(
      new Option('--kind <kind>', 'what is rolled')
        .choices(['engine', 'release', 'both'])
        .default('both'),
    )
    .addOption(
      new Option('--kill <which>', 'who is killed with SIGKILL, again and again')
        .choices(['none', 'random', 'leader'])
        .default('random'),
    )
    .addOption(
      number('--fault-pause <n>', 'mean seconds between two faults', 1, faultPauseSecondsMax, 2),
    )
    .option('--partitions', 'cut networks between the kills; wants root and ip', false)
    .option('--etcd', 'restart three processes of etcd under the same load, to compare', false)
    .addOption(number('--seed <n>', 'of load and faults', 0, 0xffff_ffff, 1))
    .option('--json <file>', 'write the report as one JSON object to this file')
    .option('--strict', 'fail as well when a goal of time is not met', false)
    .addOption(number('--clients <n>', 'closed-loop clients', 1, limits.clientsMax, 16))
    .addOption(
      number('--think-ms <n>', 'mean pause of a client after an answer', 0, limits.thinkMsMax, 40),
    )
    .addOption(number('--gets <n>', 'of a hundred requests', 0, limits.getsMax, MIX_DEFAULT.gets))
    .addOption(
      number('--texts <n>', 'of a hundred others, that embed a text', 0, 100, MIX_DEFAULT.texts),
    )
    .addOption(
      number('--memories <n>', 'of the v1 installation at first', 1, limits.memoriesMax, 200),
    )
    .addOption(number('--seconds <n>', 'steady load before each round', 1, limits.secondsMax, 5))
    .addOption(number('--canaries <n>', 'nodes that go first', 0, nodesMax, 0))
    .addOption(number('--batch-size <n>', 'nodes of a batch', 1, batchSizeMax, 1))
    .addOption(
      number(
        '--soak <n>',
        'seconds that a node serves before the next',
        0,
        limits.soakSecondsMax,
        0,
      ),
    )
    .option(
      '--forget',
      'delete what a round has written after it; at the end it must be gone everywhere',
      false,
    )
    .option('--keep', 'keep the directory with the data and logs of all nodes', false)
    .addHelpText(
      'after',
      '\nExit code 0 when every promise was kept, 1 with a sentence for each that was not,\n' +
        '130 when interrupted. Goals of time are told as met or not met.',
    );
}

/** Parses the arguments after the program's name; prints help or the fault and exits otherwise. */
export function parseSoakOptions(args: readonly string[], command = soakCommand()): SoakOptions {
  command.parse(args, { from: 'user' });
  const { kind, soak, faultPause, json, gets, texts, ...rest } = command.opts<Given>();
  const kinds: readonly Kind[] = kind === 'both' ? ['engine', 'release'] : [kind];
  const mix = { gets, texts };
  return { ...rest, json, mix, kinds, soakMs: soak * 1_000, faultPauseMs: faultPause * 1_000 };
}
