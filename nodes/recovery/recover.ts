/**
 * Recovery of a data directory after its swarm has lost its quorum for good. Everything that changes
 * is one append to the log, which is durable whole or not at all: a process that is killed leaves
 * the node as it was or as the only voter.
 */
import { readIdentity, readNodeFile, requireKeyAndLog, writeNodeFile } from '../data-directory.js';
import type { DataPaths } from '../data-directory.js';
import { emptyControlState } from '../control-plane/state.js';
import { NodeEngines } from '../node-engines.js';
import { RaftLogStore, lockDirectory } from '../storage/index.js';
import type { RestoredLog } from '../storage/index.js';
import { decodeControlState } from '../wire/state-codec.js';
import { NodeError } from '../errors.js';
import { copyBeside } from './backup.js';
import { whoAnswers } from './living.js';
import { planRecovery } from './plan.js';
import type { RecoverySituation } from './plan.js';

/** What was found, and, after a recovery, where the log of before lies. */
export interface RecoveryReport {
  readonly situation: RecoverySituation;
  readonly peerId: string;
  /** Ids of other members that answer at their addresses now. */
  readonly answering: readonly number[];
  /** The copy of the `raft` folder; null when nothing was done. */
  readonly backup: string | null;
}

export interface RecoveryOptions {
  readonly acceptDataLoss: boolean;
  /** Go on although other members answer. */
  readonly othersMayLive?: boolean;
  /** How long the other members are waited for. */
  readonly answerMs?: number;
}

const ANSWER_MS = 1_000;

/**
 * Reads the log of a stopped node and says what a recovery does; does it only with `acceptDataLoss`, and
 * only if no other member answers at its address, unless `othersMayLive`.
 * Throws a `StorageError` when the directory is in use (`locked`) or the log is damaged, and a
 * `NodeError` (`refused`, `directory`) when this node cannot go on alone.
 */
export async function recoverDirectory(
  paths: DataPaths,
  options: RecoveryOptions,
): Promise<RecoveryReport> {
  const file = await readNodeFile(paths);
  await requireKeyAndLog(paths, file);
  const identity = await readIdentity(paths);
  const { peerId } = identity;
  const lock = lockDirectory(paths.root);
  try {
    const { store, restored } = await RaftLogStore.open(paths.raft, { clusterId: file.swarmId });
    try {
      const { situation, hardState, entries } = planRecovery(file.swarmId, file.nodeId, restored);
      requireStores(paths, file.nodeId, restored);
      const { acceptDataLoss, othersMayLive = false, answerMs = ANSWER_MS } = options;
      const answering = await whoAnswers(identity, situation.members, answerMs);
      if (!acceptDataLoss) return { situation, peerId, answering, backup: null };
      if (!othersMayLive) requireNobody(answering);
      const backup = await copyBeside(paths.raft);
      await store.append({ hardState, entries });
      // Not part of the step: a node that starts with the old list mends it from its log.
      const members = file.members.filter(({ nodeId }) => nodeId === file.nodeId);
      await writeNodeFile(paths, { ...file, members });
      return { situation, peerId, answering, backup };
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}

/** Together with one that lives there would be two swarms, and what it has more than this one is lost. */
function requireNobody(answering: readonly number[]): void {
  if (answering.length === 0) return;
  const [who, verb] = [answering.join(', '), answering.length === 1 ? 'answers' : 'answer'];
  throw new NodeError(
    'refused',
    `member ${who} ${verb}: start the others that can be started, and nothing is lost. If a majority is ` +
      'gone for good, recover the one with the highest last term, then last index, and stop all others for ' +
      'good first; or add --others-may-live. Nothing was done',
  );
}

/** A node without its memories is no one to go on with: fails as a start would. */
function requireStores(paths: DataPaths, nodeId: number, { snapshot }: RestoredLog): void {
  const control = snapshot === null ? emptyControlState() : decodeControlState(snapshot.data);
  const engines = new NodeEngines(paths, nodeId);
  try {
    engines.openAll(control, snapshot?.meta.index ?? 0, () => undefined);
  } finally {
    engines.close();
  }
}
