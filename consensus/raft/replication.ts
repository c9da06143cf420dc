/** The leader's side of replication and commit: Raft 5.3 and 5.4.2, thesis 10.2. */
import type { Message } from './message.js';
import { jointCommitted } from './quorum.js';
import { confirmReads, releasePostponedReads } from './reading.js';
import type { RaftState } from './state.js';
import type { Progress } from './tracker/progress.js';
import type { NodeId } from './types.js';

/** How often in a row a member may refuse what it has acknowledged; a late refusal is one. */
const REFUSALS_OF_MATCH_MAX = 3;

/**
 * Sends the next entries to a member, or a snapshot where they are compacted. Returns whether
 * anything was sent. An append without entries is sent only if `evenIfEmpty`.
 */
export function sendAppend(node: RaftState, to: NodeId, evenIfEmpty: boolean): boolean {
  const member = node.group.progress.get(to);
  if (member === undefined || member.paused) return false;
  const { log } = node;
  const index = member.next - 1;
  const logTerm = log.termAt(index);
  if (logTerm === undefined) return sendSnapshotTo(node, to, member);
  // With a full window an empty append still goes out on a heartbeat answer: its answer shows
  // whether everything in the window was lost.
  const entries = member.mayCarry
    ? log.slice(member.next, log.lastIndex, node.config.maxMessageBytes)
    : [];
  if (entries.length === 0 && !evenIfEmpty) return false;
  node.send({ type: 'appendRequest', to, index, logTerm, entries, commit: log.commit });
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  member.sentEntries(entries.length, bytes);
  return true;
}

/** Sends the newest snapshot, after which the member is fed again when it has answered. */
export function sendSnapshotTo(node: RaftState, to: NodeId, member: Progress): boolean {
  // A member that does not answer would only waste a transfer.
  if (!member.recentActive) {
    node.trace?.({ type: 'snapshotSkipped', to, why: 'inactive' });
    return false;
  }
  const { snapshot } = node.log;
  if (snapshot === null) {
    node.trace?.({ type: 'snapshotSkipped', to, why: 'none' });
    return false;
  }
  const before = member.status();
  member.becomeSnapshot(snapshot.index);
  node.trace?.({
    type: 'snapshotSent',
    to,
    snapshot,
    firstIndex: node.log.firstIndex,
    commit: node.log.commit,
    before,
    after: member.status(),
  });
  node.send({ type: 'snapshot', to, snapshot });
  return true;
}

/** Sends appends to everybody else, empty ones as well: they carry the commit index. */
export function broadcastAppend(node: RaftState): void {
  for (const to of node.group.progress.keys()) {
    if (to !== node.id) sendAppend(node, to, true);
  }
}

/** Sends heartbeats to everybody else. */
export function broadcastHeartbeat(node: RaftState): void {
  const { context } = node.reads;
  for (const [to, member] of node.group.progress) {
    if (to === node.id) continue;
    // A follower whose log is not known to match must not be told to commit beyond that.
    const commit = Math.min(member.match, node.log.commit);
    node.send({ type: 'heartbeat', to, commit, context });
  }
}

/**
 * Advances the commit index to what a quorum holds, if that is an entry of the present term: one
 * of an earlier term may still be replaced although a quorum holds it (Raft 5.4.2, figure 8).
 */
export function advanceCommit(node: RaftState): boolean {
  const { members, progress } = node.group;
  const index = jointCommitted(
    members.voters,
    members.votersOutgoing,
    (voter) => progress.get(voter)?.match,
  );
  if (!Number.isFinite(index) || index <= node.log.commit) return false;
  if (node.log.termAt(index) !== node.term) return holdBack(node, index);
  node.log.commitTo(index);
  node.trace?.({ type: 'committed', commit: index, by: 'quorum' });
  return true;
}

/** A quorum holds the entry, but it is of an earlier term (Raft 5.4.2, figure 8). */
function holdBack(node: RaftState, index: number): boolean {
  const entryTerm = node.log.termAt(index);
  node.trace?.({ type: 'commitHeldBack', index, entryTerm, term: node.term });
  return false;
}

/** Handles the answer of a member to an append request or a snapshot. */
export function handleAppendResponse(node: RaftState, response: Message, member: Progress): void {
  member.recentActive = true;
  if (response.reject) {
    handleRejection(node, response, member);
    return;
  }
  const { from, index } = response;
  // A member cannot hold what the leader does not: such an answer is not of this leader's making.
  if (index > node.log.lastIndex) return;
  const wasPaused = member.paused;
  const isNews = member.acknowledge(index);
  // A probing member that acknowledges what is known already can be fed again.
  if (!isNews && !(member.match === index && member.state === 'probe')) return;
  if (member.state === 'probe') {
    member.becomeReplicate();
  } else if (member.state === 'replicate') {
    member.freeInflights(index);
  } else if (member.match + 1 >= node.log.firstIndex) {
    // Whatever snapshot it installed, the log can take over from here.
    node.trace?.({ type: 'snapshotRecovered', peer: from, progress: member.status() });
    member.becomeProbe();
    member.becomeReplicate();
  }
  if (advanceCommit(node)) {
    releasePostponedReads(node);
    broadcastAppend(node);
  } else if (wasPaused) {
    // The member may lack the latest commit index.
    if (from !== node.id) sendAppend(node, from, true);
  }
  if (from === node.id) return;
  while (sendAppend(node, from, false));
  if (from === node.transferTarget && member.match === node.log.lastIndex) {
    node.trace?.({ type: 'timeoutNowSent', to: from, caughtUpAlready: false });
    node.send({ type: 'timeoutNow', to: from });
  }
}

function handleRejection(node: RaftState, response: Message, member: Progress): void {
  const { from, index, rejectHint, logTerm } = response;
  const hint = { index: rejectHint, term: logTerm };
  node.trace?.({ type: 'rejectionReceived', from, index, hint });
  // Where the follower has a lower term than this log, everything of a higher term here cannot
  // match: one probe a term instead of one an entry (end of Raft 5.3).
  const guess = logTerm > 0 ? node.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!member.decrease(index, guess)) return;
  // Again and again the entry is refused that it had acknowledged: it has lost it since.
  if (member.refusalsOfMatch >= REFUSALS_OF_MATCH_MAX) member.regress(guess);
  node.trace?.({ type: 'progressDecreased', peer: from, progress: member.status() });
  if (member.state === 'replicate') member.becomeProbe();
  sendAppend(node, from, true);
}

/** A heartbeat answer shows that the member is reachable: lost appends are made up for. */
export function handleHeartbeatResponse(
  node: RaftState,
  response: Message,
  member: Progress,
): void {
  member.recentActive = true;
  member.flowPaused = false;
  if (response.reject && member.match > response.rejectHint) {
    member.regress(response.rejectHint);
    node.trace?.({ type: 'progressDecreased', peer: response.from, progress: member.status() });
  }
  if (member.match < node.log.lastIndex || member.state === 'probe') {
    sendAppend(node, response.from, true);
  }
  if (response.context === '') return;
  node.reads.answer(response.from, response.context);
  confirmReads(node);
}

/** The driver tells how a snapshot transfer ended. */
export function handleSnapshotReport(node: RaftState, peer: NodeId, ok: boolean): void {
  const member = node.group.progress.get(peer);
  if (node.role !== 'leader' || member === undefined || member.state !== 'snapshot') return;
  if (!ok) member.pendingSnapshot = 0;
  member.becomeProbe();
  node.trace?.({ type: 'snapshotReported', peer, ok, progress: member.status() });
  // Waits for the member's own answer, or after a failure for the next heartbeat.
  member.flowPaused = true;
}

/** The driver tells that a message was lost: the next append probes. */
export function handleUnreachable(node: RaftState, peer: NodeId): void {
  const member = node.group.progress.get(peer);
  if (node.role !== 'leader' || member === undefined || peer === node.id) return;
  member.becomeUnreachable();
  node.trace?.({ type: 'unreachable', peer, progress: member.status() });
}
