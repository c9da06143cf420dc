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
import { copyBeside } from './backup.js';
import { planRecovery } from './plan.js';
import type { RecoverySituation } from './plan.js';

/** What was found, and, after a recovery, where the log of before lies. */
export interface RecoveryReport {
  readonly situation: RecoverySituation;
  readonly peerId: string;
  /** The copy of the `raft` folder; null when nothing was done. */
  readonly backup: string | null;
}

/**
 * Reads the log of a stopped node and says what a recovery does; does it only with `acceptDataLoss`.
 * Throws a `StorageError` when the directory is in use (`locked`) or the log is damaged, and a
 * `NodeError` (`refused`, `directory`) when this node cannot go on alone.
 */
export async function recoverDirectory(
  paths: DataPaths,
  options: { readonly acceptDataLoss: boolean },
): Promise<RecoveryReport> {
  const file = await readNodeFile(paths);
  await requireKeyAndLog(paths, file);
  const { peerId } = await readIdentity(paths);
  const lock = lockDirectory(paths.root);
  try {
    const { store, restored } = await RaftLogStore.open(paths.raft, { clusterId: file.swarmId });
    try {
      const { situation, hardState, entries } = planRecovery(file.swarmId, file.nodeId, restored);
      requireStores(paths, file.nodeId, restored);
      if (!options.acceptDataLoss) return { situation, peerId, backup: null };
      const backup = await copyBeside(paths.raft);
      await store.append({ hardState, entries });
      // Not part of the step: a node that starts with the old list mends it from its log.
      const members = file.members.filter(({ nodeId }) => nodeId === file.nodeId);
      await writeNodeFile(paths, { ...file, members });
      return { situation, peerId, backup };
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
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
