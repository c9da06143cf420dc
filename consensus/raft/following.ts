/** The follower's side of replication: Raft 5.3 and 7. */
import { trustAfterAppend } from './amnesia.js';
import { restoreGroup } from './confchange/changer.js';
import type { Message } from './message.js';
import { switchGroup } from './changing.js';
import { answerContext } from './quiescence.js';
import { repairEntry } from './repair.js';
import type { RaftState } from './state.js';
import type { SnapshotMeta } from './types.js';

/** Appends what the leader sent if the logs agree just before it, and answers. */
export function handleAppendRequest(node: RaftState, request: Message): void {
  const { from, index, logTerm, entries } = request;
  const { log } = node;
  if (index < log.commit) {
    // An old request: everything up to the commit index is here and agrees.
    node.send({ type: 'appendResponse', to: from, index: log.commit });
    return;
  }
  // Empty requests as well have to agree, or a commit index would be taken on trust.
  if (!log.matches(index, logTerm)) {
    const own = log.termAt(index) ?? 0;
    node.trace?.({ type: 'appendRejected', from, at: { index, term: logTerm }, own });
    const hint = log.findConflictByTerm(Math.min(index, log.lastIndex), logTerm);
    node.send({
      type: 'appendResponse',
      to: from,
      index,
      reject: true,
      rejectHint: hint.index,
      logTerm: hint.term,
    });
    return;
  }
  if (log.lostCount > 0) for (const entry of entries) repairEntry(node, entry);
  const conflict = log.findConflict(entries);
  if (conflict > 0) {
    if (conflict <= log.lastIndex) {
      const theirs = entries[conflict - index - 1]?.term ?? 0;
      const existing = log.termAt(conflict) ?? 0;
      node.trace?.({ type: 'conflictFound', index: conflict, existing, theirs });
      node.trace?.({ type: 'suffixReplaced', from: conflict, persisted: log.persisted });
    }
    log.replaceFrom(entries.slice(conflict - index - 1));
  }
  const last = index + entries.length;
  // Beyond the last entry of the request this log may differ from the leader's.
  log.commitTo(Math.min(request.commit, last));
  trustAfterAppend(node, last, request.commit);
  node.send({ type: 'appendResponse', to: from, index: last });
}

/** Takes the commit index of a heartbeat, which the leader has bounded by what matches. */
export function handleHeartbeat(node: RaftState, request: Message): void {
  const { from: to, commit } = request;
  const { lastIndex } = node.log;
  if (commit > lastIndex) {
    // This node has acknowledged entries that it does not have: its disk has lost what it said to
    // have synced. It says so, and gives no vote before it has them again (a vote from amnesia).
    node.owedIndex = Math.max(node.owedIndex, commit);
    node.trace?.({ type: 'suffixMissing', commit, lastIndex });
    node.send({
      type: 'heartbeatResponse',
      to,
      context: request.context,
      reject: true,
      rejectHint: lastIndex,
    });
    return;
  }
  node.log.commitTo(commit);
  const context = answerContext(node, request);
  if (context === undefined) return;
  node.send({ type: 'heartbeatResponse', to, context });
}

/** Installs the leader's snapshot unless this log is as far already, and answers. */
export function handleSnapshot(node: RaftState, request: Message): void {
  const { snapshot } = request;
  const restored = snapshot !== null && restoreSnapshot(node, snapshot);
  if (snapshot !== null) {
    const type = restored ? 'snapshotRestored' : 'snapshotIgnored';
    node.trace?.({ type, snapshot, commit: node.log.commit });
  }
  // Behind a snapshot that repairs it, this log may differ from the leader's.
  const index = restored && snapshot !== null ? snapshot.index : node.log.commit;
  node.send({ type: 'appendResponse', to: request.from, index });
}

function restoreSnapshot(node: RaftState, snapshot: SnapshotMeta): boolean {
  const { log } = node;
  const repairs = log.firstLost <= snapshot.index;
  if (snapshot.index <= log.commit && !repairs) return false;
  // It may be older than the change that added this node: that change then follows as an entry.
  if (!repairs && log.matches(snapshot.index, snapshot.term)) {
    node.trace?.({
      type: 'snapshotFastForward',
      snapshot,
      commit: log.commit,
      log: node.lastEntry,
    });
    log.commitTo(snapshot.index);
    return false;
  }
  node.trace?.({
    type: 'snapshotStarting',
    snapshot,
    commit: log.commit,
    applied: log.applied,
    handedOut: log.handedOut,
    lastIndex: log.lastIndex,
    persisted: log.persisted,
    inWrite: log.inWrite,
  });
  if (repairs && log.matches(snapshot.index, snapshot.term)) log.restoreBelow(snapshot);
  else log.restore(snapshot);
  switchGroup(node, restoreGroup(snapshot.confState, node.newMember()));
  return true;
}
