/**
 * The file of a namespace that comes from a backup. The state comes as it was, with the version that says
 * what had been seen: what had been deleted stays deleted, also when an older copy of the namespace is
 * met later. The replica has a name of its own, so that it never makes an update of a name that another
 * replica, dead or alive, has made already.
 */
import { snapshotOfState } from '../../consensus/crdt/index.js';
import { FrameLog } from '../../src/frame-log/frame-log.js';
import { freshReplicaName, namespaceFrames, namespacePath } from './namespace-file.js';
import type { NamespaceRecord } from './namespace-records.js';

/**
 * Resolves when the file is on the disk. Throws `CrdtError` for bytes that are no state, and
 * `NamespaceFileError`.
 */
export async function writeRestored(
  directory: string,
  nodeId: number,
  name: string,
  state: Uint8Array,
): Promise<void> {
  const records: readonly [NamespaceRecord, NamespaceRecord] = [
    { kind: 'replica', bytes: Buffer.from(freshReplicaName(nodeId)) },
    { kind: 'snapshot', bytes: snapshotOfState(state) },
  ];
  const path = namespacePath(directory, name);
  const snapshot = (): readonly NamespaceRecord[] => records;
  const { log } = await FrameLog.open({ path, name, frames: namespaceFrames, snapshot });
  try {
    // The first append makes the file, out of everything that there is.
    await log.append(records[1]);
  } finally {
    await log.close();
  }
}
