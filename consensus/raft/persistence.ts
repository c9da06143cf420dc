/** What the driver reports of its disk and its application (thesis 10.2.1). */
import type { WriteReceipt } from './effect.js';
import { leaveJointIfDue } from './changing.js';
import type { RaftState } from './state.js';
import type { SnapshotMeta } from './types.js';

/**
 * A write is durable. Its entries count only if the term is still that of the receipt. Otherwise
 * another write may be on its way that replaces them, and a third one that brings them back: until
 * that is done, the disk does not hold what this log says, although index and term agree (ABA).
 * Every later receipt names the end of the log again, so nothing is forgotten by that.
 */
export function handleWritten(node: RaftState, receipt: WriteReceipt): void {
  const { term, index, logTerm, snapshot } = receipt;
  const { log } = node;
  node.diskTicks = 0;
  if (index > 0 && term < node.term) {
    node.trace?.({ type: 'receiptOutdated', theirs: term, term: node.term });
  } else if (index > 0) {
    const isNews = index > log.persisted;
    const own = isNews ? log.termAt(index) : undefined;
    if (own === logTerm) {
      log.persisted = index;
      log.inWrite = Math.max(log.inWrite, index);
    } else {
      node.trace?.({ type: 'receiptIgnored', entry: { index, term: logTerm }, own });
    }
  }
  if (snapshot !== null) handleInstalled(node, snapshot);
}

/** A snapshot is stored and the application goes on from it. */
export function handleInstalled(node: RaftState, snapshot: SnapshotMeta): void {
  const { log } = node;
  if (log.pendingSnapshot === snapshot) {
    log.pendingSnapshot = null;
    log.pendingSnapshotInWrite = false;
  }
  log.appliedTo(snapshot.index, 0, node.config.maxApplyBytes);
  leaveJointIfDue(node);
}

/** Entries up to `index` are applied, `entryBytes` of them with `payloadBytes` of data. */
export function handleApplied(
  node: RaftState,
  { index, entryBytes, payloadBytes }: { index: number; entryBytes: number; payloadBytes: number },
): void {
  node.log.appliedTo(index, entryBytes, node.config.maxApplyBytes);
  node.uncommittedBytes = Math.max(0, node.uncommittedBytes - payloadBytes);
  leaveJointIfDue(node);
}
