/** ReadIndex: thesis 6.4. */
import type { RaftRefusal } from './input.js';
import { CONTEXT_BYTES_MAX, READS_PENDING_MAX } from './limits.js';
import type { Message } from './message.js';
import { jointVote } from './quorum.js';
import { extendLease, holdsLease } from './lease.js';
import type { PendingRead } from './reads.js';
import { broadcastHeartbeat } from './replication.js';
import type { RaftState } from './state.js';
import { NO_NODE, type NodeId } from './types.js';

/** A read asked for on this node: served here by a leader, passed on to it by everybody else. */
export function requestRead(node: RaftState, context: string): RaftRefusal | undefined {
  if (node.leader === NO_NODE) return 'not-leader';
  if (context.length > CONTEXT_BYTES_MAX / 4) return 'bad-message';
  if (node.ownReads.has(context)) return 'duplicate-read';
  if (node.ownReads.size >= READS_PENDING_MAX) return 'too-many-reads';
  if (node.role === 'leader') {
    if (!acceptRead(node, node.id, context)) return 'too-many-reads';
    return undefined;
  }
  node.ownReads.set(context, node.ticks);
  node.send({ type: 'readIndexRequest', to: node.leader, term: 0, context });
  return undefined;
}

/** A read that a follower passed on. Only a leader takes it: passing it on again could loop. */
export function handleReadRequest(node: RaftState, request: Message): RaftRefusal | undefined {
  if (node.role !== 'leader') return 'not-leader';
  return acceptRead(node, request.from, request.context) ? undefined : 'too-many-reads';
}

function acceptRead(node: RaftState, from: NodeId, context: string): boolean {
  if (node.reads.size + node.postponedReads.length >= READS_PENDING_MAX) return false;
  if (from === node.id) node.ownReads.set(context, node.ticks);
  if (!node.hasCommittedInTerm) {
    // The commit index of a new leader may be older than what an earlier one has answered with.
    node.postponedReads.push({ from, context });
    return true;
  }
  if (holdsLease(node)) {
    answerRead(node, { from, context, index: node.log.commit, round: 0 });
    return true;
  }
  const mustBegin = node.reads.add(from, context, node.log.commit);
  if (mustBegin) beginRound(node);
  return true;
}

function beginRound(node: RaftState): void {
  node.reads.begin(node.nowMs);
  broadcastHeartbeat(node);
  // Alone in the group, the leader is its own quorum.
  confirmReads(node);
}

/** Answers the reads of the round under way if a quorum has answered it, then begins the next. */
export function confirmReads(node: RaftState): void {
  if (!node.reads.underWay) return;
  const { voters, votersOutgoing } = node.group.members;
  const outcome = jointVote(voters, votersOutgoing, (voter) =>
    voter === node.id || node.reads.hasAnswered(voter) ? true : undefined,
  );
  if (outcome !== 'won') return;
  extendLease(node, node.reads.begunAtMs);
  for (const read of node.reads.confirm()) answerRead(node, read);
  if (node.reads.size > 0) beginRound(node);
}

function answerRead(node: RaftState, read: PendingRead): void {
  const { from, context, index } = read;
  if (from === node.id) {
    node.ownReads.delete(context);
    node.readStates.push({ context, index });
  } else {
    node.send({ type: 'readIndexResponse', to: from, index, context });
  }
}

/** The leader's answer to a read passed on by this node. */
export function handleReadResponse(node: RaftState, response: Message): void {
  if (!node.ownReads.delete(response.context)) return;
  node.readStates.push({ context: response.context, index: response.index });
}

/** Gives up reads passed on so long ago that request or answer must be lost. */
export function dropLateReads(node: RaftState): void {
  for (const [context, asked] of node.ownReads) {
    if (node.ticks - asked < 2 * node.config.electionTicks) return;
    node.ownReads.delete(context);
    node.droppedReads.push(context);
  }
}

/** The first commit of the term: reads that waited for it go on. */
export function releasePostponedReads(node: RaftState): void {
  if (node.postponedReads.length === 0 || !node.hasCommittedInTerm) return;
  const released = node.postponedReads;
  node.postponedReads = [];
  for (const { from, context } of released) acceptRead(node, from, context);
}
