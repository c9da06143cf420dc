import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';

import { prepareNode } from '../../nodes/create.js';
import { NodeError } from '../../nodes/errors.js';
import { readNodeFile } from '../../nodes/data-directory.js';
import { SwarmNode } from '../../nodes/node.js';
import { releaseFiles } from '../../nodes/release/files.js';
import { ownRelease } from '../../nodes/release/identity.js';
import { knownReleases } from '../../nodes/release/steps.js';
import { SUPERVISED_FLAG } from '../../nodes/release/orphan.js';
import {
  formatHostPort,
  formatPeerAddress,
  parseHostPort,
  parsePeerAddress,
  type HostPort,
} from '../../transport/identity/index.js';
import { print } from './connection.js';
import { messageFor } from './failure.js';
import { detachedArguments, probe, startDetached, stop, tokenFromStdin } from './node-process.js';
import { numberOf } from './number.js';
import { pagesOptions, rememberPages, withPages } from './pages-options.js';
import type { PagesFlags } from './pages-options.js';
import { SUPERVISE_FLAG, TOPICS_FLAG, runSupervised, supervise } from './supervised.js';

/** Below, single blocks would take longer than their calls may. */
const BYTES_PER_SECOND_MIN = 65_536;

/** Instead of the option, for the processes that a supervisor starts. */
const TOPICS_VARIABLE = 'AGENTIC_FLOW_TOPICS_LISTEN';

interface StartFlags extends PagesFlags {
  readonly data: string;
  readonly listen?: string;
  readonly advertise?: string;
  readonly join?: string;
  readonly token?: string;
  readonly leaseReads?: boolean;
  readonly distrustDisk?: boolean;
  readonly snapshotBytesPerSecond?: number;
  readonly topicsListen?: HostPort;
  readonly zone?: string;
  readonly replace?: number;
  readonly detach?: boolean;
  readonly prepare?: boolean;
  readonly tokenStdin?: boolean;
  readonly supervise?: boolean;
  readonly supervised?: boolean;
  readonly json?: boolean;
}

/** `node start | probe | stop`. */
export function addNodeCommands(program: Command): void {
  const node = program.command('node').description('Run a node of a swarm');
  withPages(node.command('start'))
    .description('Run the node of a directory in the foreground; joins a swarm when it is new')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--listen <host:port>', 'UDP address; needed to join, kept afterwards')
    .option('--advertise <host:port>', 'address under which others reach it, if another')
    .option('--join <host:port#peerid>', 'a member of the swarm to join')
    .option('--token <token>', 'join token of the swarm (or AGENTIC_FLOW_TOKEN)')
    .option('--zone <name>', 'where it stands (rack, building): voters are spread over zones')
    .option('--replace <node-id>', 'take the place of this member, which is removed then', numberOf)
    .option('--token-stdin', 'read the join token from standard input')
    .option('--detach', 'run it as a process of its own; end when it serves (log: DIR.log)')
    .option('--prepare', 'join and write the directory; do not run the node')
    .option('--lease-reads', 'while it leads, answer reads without asking the others (see docs)')
    .option('--distrust-disk', 'after a power cut, do not vote before others confirm the log')
    .option(
      '--snapshot-bytes-per-second <n>',
      'what the transfer of one snapshot may take of the network, in or out',
      bytesPerSecond,
    )
    .addOption(
      new Option(
        `${TOPICS_FLAG} <host:port>`,
        'UDP address of its own for topics; given at each start (see docs/topics.md)',
      )
        .env(TOPICS_VARIABLE)
        .argParser(hostPort),
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
  node
    .command('probe')
    .description('Say whether a directory holds a node, and whether it runs')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--json', 'print one JSON object')
    .action(probe);
  node
    .command('stop')
    .description('End the node of a directory on this machine, as SIGTERM does, and wait for it')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--json', 'print one JSON object')
    .action(stop);
}

async function start(flags: StartFlags): Promise<void> {
  const pages = pagesOptions(flags);
  // Before it takes the directory: nobody serves while it does.
  if (pages !== undefined) await import('../../nodes/pages/node-pages.js');
  const options = {
    log,
    leaseReads: flags.leaseReads === true,
    distrustDisk: flags.distrustDisk === true,
    ...(flags.snapshotBytesPerSecond === undefined
      ? {}
      : { snapshotBytesPerSecondMax: flags.snapshotBytesPerSecond }),
    ...(flags.topicsListen === undefined ? {} : { topicsListen: flags.topicsListen }),
    ...(pages === undefined ? {} : { pages }),
  };
  if (flags.supervised === true) return runSupervised(flags.data, options);
  const own = ownRelease();
  own.catch(() => undefined);
  const token =
    flags.tokenStdin === true
      ? await tokenFromStdin()
      : (flags.token ?? process.env['AGENTIC_FLOW_TOKEN']);
  if (flags.detach === true) {
    const {
      ready,
      pid,
      log: file,
    } = await startDetached(flags.data, detachedArguments(process.argv.slice(2)), token);
    print(
      flags.json,
      { ...ready, pid, log: file },
      `ready ${ready.address} process ${pid} ${file}`,
    );
    return;
  }
  const paths = await prepareNode({
    directory: flags.data,
    log,
    ...(flags.listen === undefined ? {} : { listen: parseHostPort(flags.listen) }),
    ...(flags.advertise === undefined ? {} : { advertise: parseHostPort(flags.advertise) }),
    ...(flags.join === undefined ? {} : { peer: parsePeerAddress(flags.join) }),
    ...(token === undefined ? {} : { token }),
    ...(flags.zone === undefined ? {} : { zone: flags.zone }),
    ...(flags.replace === undefined ? {} : { replaces: flags.replace }),
  });
  if (flags.prepare === true) {
    const { swarmId, nodeId, peerId, advertise } = await readNodeFile(paths);
    const address = formatPeerAddress({ ...advertise, peerId });
    print(
      flags.json,
      { swarmId, nodeId, address },
      `node ${nodeId} of swarm ${swarmId} is ready to start`,
    );
    return;
  }
  if (flags.supervise === true) {
    // A build of before, to which a release may go back, knows the option not and passes over this.
    if (flags.topicsListen !== undefined) {
      process.env[TOPICS_VARIABLE] = formatHostPort(flags.topicsListen);
    }
    rememberPages(flags);
    return supervise(paths.root, flags.json === true, log);
  }
  const stopped = stopSignal();
  const releases = knownReleases(releaseFiles(paths.root), await own);
  const starting = SwarmNode.start({
    ...options,
    paths,
    releases,
    failed: (error) => {
      if (error instanceof NodeError && error.code === 'left') {
        log(error.message);
        process.exit(0);
      }
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

function hostPort(text: string): HostPort {
  try {
    return parseHostPort(text);
  } catch (error) {
    throw new InvalidArgumentError(messageFor(error));
  }
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
