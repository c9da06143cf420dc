import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { prepareNode } from '../../nodes/create.js';
import { SwarmNode } from '../../nodes/node.js';
import { releaseFiles } from '../../nodes/release/files.js';
import { ownRelease } from '../../nodes/release/identity.js';
import { knownReleases } from '../../nodes/release/steps.js';
import { SUPERVISED_FLAG } from '../../nodes/release/orphan.js';
import {
  formatPeerAddress,
  parseHostPort,
  parsePeerAddress,
} from '../../transport/identity/index.js';
import { messageFor } from './failure.js';
import { numberOf } from './number.js';
import { SUPERVISE_FLAG, runSupervised, supervise } from './supervised.js';

/** Below, single blocks would take longer than their calls may. */
const BYTES_PER_SECOND_MIN = 65_536;

interface StartFlags {
  readonly data: string;
  readonly listen?: string;
  readonly advertise?: string;
  readonly join?: string;
  readonly token?: string;
  readonly leaseReads?: boolean;
  readonly distrustDisk?: boolean;
  readonly snapshotBytesPerSecond?: number;
  readonly supervise?: boolean;
  readonly supervised?: boolean;
  readonly json?: boolean;
}

/** `node start`. */
export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('Run a node of a swarm');
  node
    .command('start')
    .description('Run the node of a directory in the foreground; joins a swarm when it is new')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--listen <host:port>', 'UDP address; needed to join, kept afterwards')
    .option('--advertise <host:port>', 'address under which others reach it, if another')
    .option('--join <host:port#peerid>', 'a member of the swarm to join')
    .option('--token <token>', 'join token of the swarm (or AGENTIC_FLOW_TOKEN)')
    .option('--lease-reads', 'while it leads, answer reads without asking the others (see docs)')
    .option('--distrust-disk', 'after a power cut, do not vote before others confirm the log')
    .option(
      '--snapshot-bytes-per-second <n>',
      'what the transfer of one snapshot may take of the network, in or out',
      bytesPerSecond,
    )
    .option(SUPERVISE_FLAG, 'start the node again when it dies, and let it change its release')
    .addOption(new Option(SUPERVISED_FLAG).hideHelp())
    .option('--json', 'print events as JSON lines')
    .addHelpText(
      'after',
      '\nPrints a line that begins with "ready" when it serves; logs go to standard error.\n' +
        'SIGTERM and SIGINT drain it: leadership moves away, running requests end, exit code 0.\n' +
        'Start it again with --data alone.',
    )
    .action(start);
}

async function start(flags: StartFlags): Promise<void> {
  const options = {
    log,
    leaseReads: flags.leaseReads === true,
    distrustDisk: flags.distrustDisk === true,
    ...(flags.snapshotBytesPerSecond === undefined
      ? {}
      : { snapshotBytesPerSecondMax: flags.snapshotBytesPerSecond }),
  };
  if (flags.supervised === true) return runSupervised(flags.data, options);
  const token = flags.token ?? process.env['AGENTIC_FLOW_TOKEN'];
  const own = ownRelease();
  own.catch(() => undefined);
  const paths = await prepareNode({
    directory: flags.data,
    log,
    ...(flags.listen === undefined ? {} : { listen: parseHostPort(flags.listen) }),
    ...(flags.advertise === undefined ? {} : { advertise: parseHostPort(flags.advertise) }),
    ...(flags.join === undefined ? {} : { peer: parsePeerAddress(flags.join) }),
    ...(token === undefined ? {} : { token }),
  });
  if (flags.supervise === true) return supervise(paths.root, flags.json === true, log);
  const stopped = stopSignal();
  const releases = knownReleases(releaseFiles(paths.root), await own);
  const starting = SwarmNode.start({
    ...options,
    paths,
    releases,
    failed: (error) => {
      process.stderr.write(
        `error: the node stops: ${messageFor(error)}\n` +
          'No acknowledged write is lost. Mend the cause and start it again.\n',
      );
      process.exit(1);
    },
  });
  const node = await Promise.race([starting, stopped.then(() => undefined)]);
  // Asked to stop before it had caught up: nothing was promised to anybody yet.
  if (node === undefined) process.exit(0);
  const { nodeId, peerId, advertise } = node.file;
  const address = formatPeerAddress({ ...advertise, peerId });
  const ready = { event: 'ready', nodeId, peerId, address };
  process.stdout.write(
    flags.json === true ? `${JSON.stringify(ready)}\n` : `ready node ${nodeId} ${address}\n`,
  );
  await stopped;
  await node.stop();
  log('stopped');
  process.exit(0);
}

function bytesPerSecond(text: string): number {
  const value = numberOf(text);
  if (Number.isSafeInteger(value) && value >= BYTES_PER_SECOND_MIN) return value;
  throw new InvalidArgumentError(`give a whole number of at least ${BYTES_PER_SECOND_MIN}.`);
}

function log(message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${message}\n`);
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
