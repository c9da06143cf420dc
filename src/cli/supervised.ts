/** `node start --supervise`, and the process that its supervisor starts. */
import { prepareNode } from '../../nodes/create.js';
import { NodeError, hasLeft } from '../../nodes/errors.js';
import { SwarmNode } from '../../nodes/node.js';
import type { NodeOptions, Successor } from '../../nodes/node.js';
import { ownRelease } from '../../nodes/release/identity.js';
import { SUPERVISED_FLAG } from '../../nodes/release/orphan.js';
import { rehearse } from '../../nodes/release/rehearsal.js';
import { releaseFiles } from '../../nodes/release/files.js';
import { STANDBY_VARIABLE } from '../../nodes/release/messages.js';
import { supervisedReleases } from '../../nodes/release/steps.js';
import { SupervisedChild } from '../../nodes/release/supervised.js';
import { Supervisor } from '../../nodes/release/supervisor.js';
import type { Serving } from '../../nodes/release/supervisor.js';
import { warm } from '../../nodes/warm.js';
import { formatPeerAddress } from '../../transport/identity/index.js';
import { createMiniLmEmbedder } from '../memory/index.js';
import { dataPaths } from '../../nodes/data-directory.js';
import { messageFor } from './failure.js';
import { PAGES_FLAGS } from './pages-options.js';

export const SUPERVISE_FLAG = '--supervise';
export const TOPICS_FLAG = '--topics-listen';
/** What a process has from the directory, or from its environment. */
const PREPARING_FLAGS = [
  '--listen',
  '--advertise',
  '--join',
  '--token',
  '--data',
  '--zone',
  '--replace',
  TOPICS_FLAG,
  ...PAGES_FLAGS,
];

/** Runs a supervisor until it is stopped. The directory is made or joined already. */
export async function supervise(
  directory: string,
  isJson: boolean,
  log: (message: string) => void,
): Promise<void> {
  const { root } = dataPaths(directory);
  const supervisor = await Supervisor.start({
    directory: root,
    args: childArguments(process.argv.slice(2), root),
    log,
    serving: (what) => process.stdout.write(`${isJson ? readyJson(what) : readyLine(what)}\n`),
  });
  const stop = (): void => supervisor.stop();
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const problem = await supervisor.ended;
  // A process that is left drains when it sees the channel close.
  if (problem !== null && !hasLeft(problem)) {
    process.stderr.write(`error: the supervisor stops: ${problem}\n`);
    process.exit(1);
  }
  log(problem ?? 'stopped');
  process.exit(0);
}

/** The node has no place in its swarm any more: another process would find none either. */
function isForGood({ code }: NodeError): boolean {
  return code === 'stopped' || code === 'left';
}

function readyLine({ nodeId, address, release }: Serving): string {
  return `ready node ${nodeId} ${address} release ${release}`;
}

function readyJson(what: Serving): string {
  return JSON.stringify({ event: 'ready', ...what });
}

/** The options of the command line, with those of the supervisor taken out. */
export function childArguments(args: readonly string[], root: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    if (word === SUPERVISE_FLAG || word === '--token-stdin') continue;
    const flag = PREPARING_FLAGS.find((each) => word === each || word.startsWith(`${each}=`));
    if (flag === undefined) kept.push(word);
    else if (word === flag) i += 1;
  }
  return [...kept, '--data', root, SUPERVISED_FLAG];
}

/** Runs a node for the supervisor that started this process. */
export async function runSupervised(
  directory: string,
  options: Omit<NodeOptions, 'failed' | 'paths'>,
): Promise<void> {
  const supervisor = new SupervisedChild();
  const stopped = stopReason(supervisor);
  const embedder = createMiniLmEmbedder();
  let isStarted = false;
  void stopped.then(() => {
    // It has nothing yet that could be lost.
    if (!isStarted) process.exit(0);
  });
  const end = async (error: unknown, isFinal: boolean): Promise<never> => {
    process.stderr.write(`error: the node stops: ${messageFor(error)}\n`);
    await supervisor.failed(error, isFinal);
    return process.exit(1);
  };
  try {
    const release = await ownRelease();
    if (process.env[STANDBY_VARIABLE] === '1') {
      await warm(embedder, options.log);
      await rehearse(embedder);
    }
    await supervisor.standby(release);
    const { failed } = await supervisor.go;
    isStarted = true;
    const paths = await prepareNode({ directory, log: options.log });
    const node = await SwarmNode.start({
      ...options,
      paths,
      embedder,
      releases: supervisedReleases({
        files: releaseFiles(paths.root),
        running: release,
        supervisor,
        failed,
      }),
      directoryOpened: () => void supervisor.opened(),
      failed: (error) => void end(error, error instanceof NodeError && isForGood(error)),
    });
    const { nodeId, peerId, advertise } = node.file;
    await supervisor.ready({
      nodeId,
      peerId,
      address: formatPeerAddress({ ...advertise, peerId }),
    });
    const { isHandOver } = await stopped;
    await node.stop(isHandOver ? successorBy(supervisor) : undefined);
  } catch (error) {
    await end(error, error instanceof NodeError && error.code === 'no-node');
  }
  options.log('stopped');
  process.exit(0);
}

function successorBy(supervisor: SupervisedChild): Successor {
  return {
    opensDirectory: async () => {
      await supervisor.released();
      await supervisor.leave;
    },
  };
}

function stopReason(supervisor: SupervisedChild): Promise<{ isHandOver: boolean }> {
  // A terminal sends this to the supervisor as well, which says what is to be done.
  process.on('SIGINT', () => undefined);
  const terminated = new Promise<{ isHandOver: boolean }>((resolve) => {
    process.once('SIGTERM', () => resolve({ isHandOver: false }));
  });
  return Promise.race([supervisor.drain, terminated]);
}
