/**
 * A node whose disk may have lost a suffix of the log that it said to have synced (a cache that was
 * not written back before a power cut). What is left looks whole, so the node cannot tell; but it may
 * have acknowledged entries, and given votes, that it does not know of any more. Until that is made
 * up for it gives no vote and does not campaign:
 *
 *     [amnesiac] --- appends reach it up to what a leader has committed in its term ------> [trusted]
 *          \------- so many others tell the ends of their logs that every quorum that it --> [trusted]
 *                    was part of has one of them among it; from then on it votes only for
 *                    logs that are as complete as all of these
 *
 * The vote of the present term counts as spent. With three voters the second way needs both others.
 *
 * Who leads and is asked learns from the question where this log ends now, and counts no longer on what
 * it acknowledged beyond. A leader that was not asked could still commit by that, together with somebody
 * who told before it took the entry. Hence all have to tell, or so many in one and the same term, and
 * with them whoever may lead in it: an earlier leader finds too few that listen, and of a later one they
 * would know, for it had a vote of one of them before this node acknowledged anything to it.
 */
import type { Message } from './message.js';
import type { RaftState } from './state.js';
import { majoritySize } from './quorum.js';
import { isVoter } from './tracker/membership.js';
import type { LogEnd } from './trace.js';
import { NO_NODE, type NodeId } from './types.js';

/** The end of a log, the term of who told it, and who may lead in that term, or `NO_NODE`. */
interface ToldEnd extends LogEnd {
  readonly currentTerm: number;
  readonly leader: NodeId;
}

/** What others have told, by who told it. */
export type LogEnds = Map<NodeId, ToldEnd>;

/** Asks the others where their logs end, once a heartbeat interval. */
export function askForLogEnds(node: RaftState): void {
  const { toldEnds, config } = node;
  if (toldEnds === null || node.ticks % config.heartbeatTicks !== 0) return;
  if (isEnough(node, toldEnds)) {
    trust(node, toldEnds);
    return;
  }
  const { persisted: index, commit } = node.log;
  const end = { term: 0, index, logTerm: node.log.termAt(index) ?? 0, commit };
  const latest = latestTerm(toldEnds);
  for (const to of node.group.progress.keys()) {
    const told = toldEnds.get(to)?.currentTerm ?? -1;
    const isKnown = told >= latest && told >= node.term;
    if (to !== node.id && !isKnown) node.send({ type: 'logEndRequest', to, ...end });
  }
  // All that is missing is who may lead in this term. If it is gone, the others may not get out of the
  // term without this node (pre-votes): their next campaign finds a later one here.
  const waitsForLeader = node.term <= latest && isEnough(node, toldEnds, false);
  if (waitsForLeader && node.electionElapsed >= node.electionTimeout) {
    node.becomeFollower(latest + 1, NO_NODE);
  }
}

function latestTerm(told: LogEnds): number {
  let latest = 0;
  for (const { currentTerm } of told.values()) latest = Math.max(latest, currentTerm);
  return latest;
}

export function handleLogEndRequest(node: RaftState, request: Message): void {
  if (node.role === 'leader') forgetAcknowledged(node, request);
  const index = endToTell(node);
  const rejectHint = node.leader === NO_NODE ? node.vote : node.leader;
  const logTerm = node.log.termAt(index) ?? 0;
  const answer = { term: 0, index, logTerm, commit: node.term, rejectHint };
  node.send({ type: 'logEndResponse', to: request.from, ...answer });
}

/** What a member has acknowledged and may have forgotten counts for nothing. */
function forgetAcknowledged(node: RaftState, { from, index, logTerm, commit }: Message): void {
  const member = node.group.progress.get(from);
  const holds = node.log.matches(index, logTerm) ? index : commit;
  // A member of an earlier release does not say where its log ends.
  if (member === undefined || index === 0 || member.match <= holds) return;
  member.regress(holds);
  node.trace?.({ type: 'progressDecreased', peer: from, progress: member.status() });
}

/**
 * What is not durable here was never acknowledged, and a crash that takes it back would leave the one
 * who asked waiting for entries that nobody has. Nor was what came after this node lost its vote, beyond
 * what is committed; one that may have a vote again, and not know it yet, has the change in its log.
 */
function endToTell(node: RaftState): number {
  const { log, group } = node;
  if (isVoter(group.members, node.id) || log.pendingSnapshot !== null) return log.persisted;
  return log.mayHoldChange(log.lastIndex) ? log.persisted : Math.min(log.persisted, log.commit);
}

export function handleLogEndResponse(node: RaftState, response: Message): void {
  const { toldEnds } = node;
  const { from, index, logTerm: term, commit: currentTerm, rejectHint: leader } = response;
  if (toldEnds === null || !node.group.progress.has(from)) return;
  toldEnds.set(from, { index, term, currentTerm, leader });
  if (isEnough(node, toldEnds)) trust(node, toldEnds);
}

/**
 * Whether each quorum that this node can have been part of has somebody who told of the latest term, and,
 * if `needsLeaders`, whoever they know as a possible leader of it told as well; or everybody told.
 */
function isEnough(node: RaftState, told: LogEnds, needsLeaders = true): boolean {
  const { voters, votersOutgoing } = node.group.members;
  // The membership is lost as well: whom to ask will be known once a leader has sent it.
  if (voters.size === 0) return false;
  const latest = latestTerm(told);
  const counts = (voter: NodeId): boolean => {
    const end = told.get(voter);
    if (end === undefined || end.currentTerm < latest) return false;
    const { leader } = end;
    return !needsLeaders || leader === NO_NODE || leader === node.id || told.has(leader);
  };
  return [voters, votersOutgoing].every((half) => {
    // Where it has no vote, nobody has counted on it. Alone, there is nobody to ask.
    if (!half.has(node.id) || half.size === 1) return true;
    const quorum = majoritySize(half.size);
    const others = [...half].filter((voter) => voter !== node.id);
    if (others.every((voter) => told.has(voter))) return true;
    const silent = others.filter((voter) => !counts(voter)).length;
    return silent < quorum - 1;
  });
}

function trust(node: RaftState, told: LogEnds): void {
  let { term } = node;
  const { voters, votersOutgoing } = node.group.members;
  for (const [from, { term: endTerm, index, currentTerm }] of told) {
    term = Math.max(term, currentTerm);
    // What was committed is held by voters. A learner may be ahead of all of them, and who waits for a
    // log as long as that of one who cannot lead waits for ever.
    if (!voters.has(from) && !votersOutgoing.has(from)) continue;
    const { owedEnd } = node;
    const isLater = endTerm > owedEnd.term || (endTerm === owedEnd.term && index > owedEnd.index);
    if (isLater) node.owedEnd = { term: endTerm, index };
  }
  if (term > node.term) node.becomeFollower(term, NO_NODE);
  // Another vote may have been given in this term.
  if (node.vote === NO_NODE) node.vote = node.id;
  end(node);
}

/** An append of this term's leader was accepted that ends at `last`; `told` is its commit index. */
export function trustAfterAppend(node: RaftState, last: number, told: number): void {
  if (node.toldEnds === null || last < told) return;
  // The leader counts on nothing here behind `last`, and whatever was committed before is there.
  if (!node.hasCommittedInTerm) return;
  if (node.vote === NO_NODE) node.vote = node.id;
  end(node);
}

function end(node: RaftState): void {
  node.toldEnds = null;
  node.trace?.({ type: 'amnesiaEnded', owed: node.owedEnd, term: node.term });
}

/** Whether a log that ends with (index, term) holds everything that this node may have forgotten. */
export function coversOwed(node: RaftState, index: number, term: number): boolean {
  const { owedEnd } = node;
  return term > owedEnd.term || (term === owedEnd.term && index >= owedEnd.index);
}
