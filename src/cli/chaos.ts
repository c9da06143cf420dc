import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { describeSchedule, generateSchedule } from '../../sim/nemesis/index.js';
import type { FaultKind, Schedule } from '../../sim/nemesis/index.js';
import { reliableNetwork } from '../../sim/world/index.js';
import type { NetworkOptions } from '../../sim/world/index.js';
import { ChaosError } from '../chaos/errors.js';
import { limits } from '../chaos/limits.js';
import { obstacle, removeLeftovers } from '../chaos/namespaces.js';
import { nodeNames } from '../chaos/places.js';
import { reportText } from '../chaos/report.js';
import { runChaos } from '../chaos/run.js';
import { readScheduleFile } from '../chaos/schedule-file.js';
import { chaosKinds } from '../chaos/treatments.js';
import { print } from './connection.js';
import { ExitError, messageFor } from './failure.js';
import { numberOf } from './number.js';

interface ChaosFlags {
  readonly nodes?: number;
  readonly seconds?: number;
  readonly minutes?: number;
  readonly seed?: number;
  readonly faults: readonly FaultKind[];
  readonly clients: number;
  readonly delay: number;
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly schedule?: string;
  readonly data?: string;
  readonly program: string;
  readonly json?: boolean;
  readonly keep?: boolean;
}

const NODES_DEFAULT = 3;
const SECONDS_DEFAULT = 60;
const CLIENTS_DEFAULT = 4;
const DELAY_MS_MAX = 10_000;
const PREREQUISITE_EXIT_CODE = 2;
const INTERRUPTED_EXIT_CODE = 130;
const THIS_PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));

/** `chaos`: faults of the simulator on real processes. */
export function addChaosCommand(program: Command): void {
  const { nodesMin, nodesMax, secondsMin, secondsMax, clientsMax } = limits;
  const percent = share('a percentage');
  program
    .command('chaos')
    .description('Break a fresh swarm of real processes in every way, and judge what clients saw')
    .option('--nodes <n>', `nodes of the swarm (${NODES_DEFAULT})`, whole(nodesMin, nodesMax))
    .option(
      '--seconds <n>',
      `length of the faults (${SECONDS_DEFAULT})`,
      whole(secondsMin, secondsMax),
    )
    .addOption(
      new Option('--minutes <n>', 'the same in minutes')
        .argParser(whole(1, Math.floor(secondsMax / 60)))
        .conflicts('seconds'),
    )
    .option(
      '--seed <n>',
      'of faults and requests; drawn and printed when left out',
      whole(0, 2 ** 32),
    )
    .option(
      '--faults <kinds>',
      `any of ${chaosKinds.join(',')}; kill is another name of crash`,
      kindsOf,
      chaosKinds,
    )
    .option('--clients <n>', 'closed-loop clients', whole(1, clientsMax), CLIENTS_DEFAULT)
    .option('--delay <ms>', 'mean delay of every datagram between nodes', whole(0, DELAY_MS_MAX), 0)
    .option('--loss <percent>', 'datagrams between nodes that are lost', percent, 0)
    .option('--duplicate <percent>', 'that come twice', percent, 0)
    .option('--reorder <percent>', 'that may overtake others; wants a delay', percent, 0)
    .addOption(
      new Option(
        '--schedule <file>',
        'do what this file says: one that an earlier run wrote',
      ).conflicts(['nodes', 'seconds', 'minutes', 'faults']),
    )
    .option('--data <dir>', 'new or empty directory for everything of the run; kept')
    .option('--program <file>', 'main.js of the release that the nodes run', THIS_PROGRAM)
    .option('--keep', 'keep the directory of the run even if it passes and --data is not given')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nWants Linux, root and `ip`: each node runs in a network namespace of its own, and nothing of\n' +
        'the network of this machine is touched. Follow it on standard error.\n\n' +
        'Exit codes: 0 every check passed; 1 one did not, or the run failed; 2 this machine lacks\n' +
        'something that it needs; 130 interrupted.',
    )
    .action(chaos);
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function share(what: string): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (value >= 0 && value <= 100) return value / 100;
    throw new InvalidArgumentError(`It must be ${what}, 0 to 100.`);
  };
}

function kindsOf(text: string): FaultKind[] {
  return text.split(',').map((name) => {
    const wanted = name === 'kill' ? 'crash' : name;
    const kind = chaosKinds.find((each) => each === wanted);
    if (kind !== undefined) return kind;
    throw new InvalidArgumentError(`'${name}' is none of ${chaosKinds.join(', ')}, kill.`);
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function chaos(flags: ChaosFlags): Promise<void> {
  const why = obstacle();
  if (why !== undefined) {
    throw new ExitError(PREREQUISITE_EXIT_CODE, `error: chaos cannot run here: ${why}`);
  }
  const schedule = scheduleOf(flags);
  const directory = directoryOf(flags);
  removeLeftovers();
  say(describeSchedule(schedule));
  say(`data and logs: ${directory}`);

  const interruption = new AbortController();
  const interrupt = (): void => {
    // Asked twice: at once, by way of the exit below.
    if (interruption.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
    interruption.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const each of signals) process.on(each, interrupt);
  let exitNow: (() => void) | undefined;
  const exit = (): void => exitNow?.();
  process.once('exit', exit);
  let isKept = true;
  try {
    const report = await runChaos(
      {
        schedule,
        directory,
        clients: flags.clients,
        network: networkOf(flags),
        program: resolve(flags.program),
        log: say,
        signal: interruption.signal,
      },
      (atOnce) => (exitNow = atOnce),
    );
    writeFileSync(join(directory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    isKept = !report.passed || flags.keep === true || flags.data !== undefined;
    const shown = isKept ? report : { ...report, directory: null };
    print(flags.json, shown, reportText(shown));
    if (!report.passed) throw new ExitError(1);
  } catch (error) {
    if (!(error instanceof ChaosError)) throw error;
    const code = error.code === 'interrupted' ? INTERRUPTED_EXIT_CODE : 1;
    throw new ExitError(code, `error: ${messageFor(error)}`);
  } finally {
    for (const each of signals) process.off(each, interrupt);
    process.off('exit', exit);
    if (!isKept) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function scheduleOf(flags: ChaosFlags): Schedule {
  if (flags.schedule !== undefined) {
    const schedule = readScheduleFile(flags.schedule);
    return flags.seed === undefined ? schedule : { ...schedule, seed: flags.seed };
  }
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
  const seconds = flags.minutes === undefined ? flags.seconds : flags.minutes * 60;
  return generateSchedule(seed, {
    nodes: nodeNames(flags.nodes ?? NODES_DEFAULT),
    durationMicroseconds: (seconds ?? SECONDS_DEFAULT) * 1e6,
    kinds: flags.faults,
    meanPauseMicroseconds: limits.meanPauseMs * 1_000,
    meanFaultMicroseconds: limits.meanFaultMs * 1_000,
    // A third of the faults of one node hit whoever leads.
    targets: ['@leader'],
  });
}

function networkOf({ delay, loss, duplicate, reorder }: ChaosFlags): NetworkOptions {
  const [minimumMicroseconds, maximumMicroseconds] = [delay * 500, delay * 1_500];
  return {
    ...reliableNetwork,
    delay: { kind: 'uniform', minimumMicroseconds, maximumMicroseconds },
    lossProbability: loss,
    duplicationProbability: duplicate,
    reorderingProbability: reorder,
  };
}

function directoryOf({ data }: ChaosFlags): string {
  if (data === undefined) return mkdtempSync(join(tmpdir(), 'agentic-flow-chaos-'));
  const directory = resolve(data);
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new ExitError(1, `error: ${directory} is not empty; give a new directory`);
  }
  mkdirSync(directory, { recursive: true });
  return directory;
}
