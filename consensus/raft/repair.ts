/**
 * Entries that the disk of this node has lost, after "Protocol-Aware Recovery for Consensus-Based
 * Storage" (Alagappan et al., FAST 2018). Index and term of each are known, its data are not. The
 * node has acknowledged it once, so it may be committed, and this node may be the one that makes the
 * quorum. Hence:
 *
 *     votes          as if the entry were there: who lacks it does not get this node's vote
 *     acknowledges   as if the entry were there: it was counted already
 *     applies        up to the entry before it
 *     asks           its leader, or everybody while it knows none, for the data, until it has them
 *     leads          only if nobody else does, and takes nothing before its log is whole
 *
 * As a leader it may learn that a quorum of others has never had the entry. They have answered in its
 * term, so they take it from no earlier leader any more: it cannot be committed, and is cut off.
 *
 * One that owes entries (`amnesia.ts`) may have had it and forgotten it, and says so. It counts only
 * once all other voters have answered and none has it: if it had been committed, a majority of disks
 * would have lost it, and nobody could bring it back.
 */
import { type Message, OWES_CONTEXT } from './message.js';
import { jointVote } from './quorum.js';
import { broadcastAppend, sendSnapshotTo } from './replication.js';
import type { RaftState } from './state.js';
import { allVoters } from './tracker/membership.js';
import { type Entry, NO_NODE, type NodeId } from './types.js';

/** Asks for the first lost entries, once a heartbeat interval. */
export function askForLost(node: RaftState): void {
  const { log, config } = node;
  if (log.lostCount === 0 || node.ticks % config.heartbeatTicks !== 0) return;
  if (isTornAlone(node)) {
    discardLost(node);
    return;
  }
  const isLed = node.role === 'follower' && node.leader !== NO_NODE;
  const peers = isLed ? [node.leader] : [...node.group.progress.keys()];
  const wanted = { index: log.firstLost, commit: log.firstLostThrough };
  for (const to of peers) {
    if (to !== node.id) node.send({ type: 'repairRequest', to, term: 0, ...wanted });
  }
}

/**
 * Whether this leader has nobody to ask, and lacks just the end of its log. A power cut in the middle
 * of the last write looks like that; nothing in that write was acknowledged. Damage to an end that
 * was acknowledged would look the same, but is by far the rarer of the two.
 */
function isTornAlone(node: RaftState): boolean {
  const { log } = node;
  const isAlone = node.role === 'leader' && node.group.progress.size === 1;
  return isAlone && log.firstLost > log.commit && log.firstLostThrough === log.lastIndex;
}

/** Answers with the entries asked for, as many as there are and fit into a message. */
export function handleRepairRequest(node: RaftState, request: Message): void {
  const { from: to, index, commit: through } = request;
  const { log } = node;
  const context = node.owesEntries ? OWES_CONTEXT : '';
  const answer = {
    type: 'repairResponse',
    to,
    term: 0,
    index,
    commit: node.term,
    context,
  } as const;
  if (index < log.firstIndex) {
    node.send({ ...answer, reject: true, rejectHint: log.firstIndex });
    const member = node.group.progress.get(to);
    if (node.role !== 'leader' || member === undefined || member.state === 'snapshot') return;
    // The log cannot help any more, but the state that it has led to can.
    member.recentActive = true;
    sendSnapshotTo(node, to, member);
    return;
  }
  if (index > log.lastIndex) {
    node.send({ ...answer, reject: true });
    return;
  }
  const entries = log.slice(index, through, node.config.maxMessageBytes);
  // Who has lost it as well says nothing: it had it, and it may be committed.
  if (entries.length > 0) node.send({ ...answer, entries });
}

/** Takes over what others have, and counts who does not have it. */
export function handleRepairResponse(node: RaftState, response: Message): void {
  const { log } = node;
  if (log.lostCount === 0) return;
  const { entries, index, reject, rejectHint } = response;
  const first = log.firstLost;
  for (const entry of entries) repairEntry(node, entry);
  if (log.lostCount === 0) {
    finishRepair(node);
    return;
  }
  const isOther = entries.some((entry) => entry.index === first && !log.matches(first, entry.term));
  const isMissing = reject && rejectHint === 0 && index <= first;
  const isDenial = log.firstLost === first && (isOther || isMissing);
  if (isDenial && node.role === 'leader' && response.commit === node.term) denied(node, response);
}

/** Puts an entry where it was lost; any other is left alone. */
export function repairEntry(node: RaftState, entry: Entry): void {
  if (!node.log.repair(entry)) return;
  node.repaired.push(entry);
  node.trace?.({ type: 'entryRepaired', entry: { index: entry.index, term: entry.term } });
}

/** A member says in this leader's term that it does not have the first lost entry. */
function denied(node: RaftState, { from, context }: Message): void {
  const { log, denials } = node;
  if (denials.index !== log.firstLost) node.denials = { index: log.firstLost, by: new Map() };
  node.denials.by.set(from, context !== OWES_CONTEXT);
  if (log.firstLost > log.commit && isDeniedByQuorum(node)) discardLost(node);
}

/** Whether a quorum of others has never had the entry, or no other voter at all has it. */
function isDeniedByQuorum(node: RaftState): boolean {
  const { members } = node.group;
  const { by } = node.denials;
  // This node itself has had it, and is none of them.
  const isQuorum = (has: (voter: NodeId) => boolean): boolean =>
    jointVote(members.voters, members.votersOutgoing, (v) => has(v) || undefined) === 'won';
  if (isQuorum((voter) => by.get(voter) === true)) return true;
  const isAnswered = allVoters(members).every((voter) => voter === node.id || by.has(voter));
  return isAnswered && isQuorum((voter) => by.has(voter));
}

function discardLost(node: RaftState): void {
  const { log } = node;
  node.trace?.({ type: 'lostDiscarded', from: log.firstLost, through: log.lastIndex });
  log.discardFrom(log.firstLost);
  node.restartProgress();
  if (log.lostCount === 0) finishRepair(node);
}

/** The log is whole: a leader that waited for that begins its term. */
function finishRepair(node: RaftState): void {
  if (node.role !== 'leader' || !node.isRepairing) return;
  node.beginTerm();
  broadcastAppend(node);
}
