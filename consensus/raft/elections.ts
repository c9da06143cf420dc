/** Campaigns and votes: Raft 5.2 and 5.4.1, thesis 4.2.3 (leases), 9.6 (pre-vote). */
import { coversOwed } from './amnesia.js';
import type { RaftRefusal } from './input.js';
import { isLeased } from './lease.js';
import { type Message, TRANSFER_CONTEXT } from './message.js';
import { jointVote } from './quorum.js';
import { broadcastAppend } from './replication.js';
import type { RaftState } from './state.js';
import { allVoters } from './tracker/membership.js';
import { NO_NODE } from './types.js';

/** How a campaign is run: by asking first, at once, or on the leader's behalf. */
export type CampaignKind = 'pre-vote' | 'vote' | 'transfer';

/** Starts a campaign if this node may lead. */
export function startCampaign(node: RaftState, kind: CampaignKind): RaftRefusal | undefined {
  const { term } = node;
  if (node.role === 'leader') {
    node.trace?.({ type: 'campaignIgnored', why: 'leader', term });
    return undefined;
  }
  if (!node.promotable) {
    node.trace?.({ type: 'campaignIgnored', why: 'not-voter', term });
    return 'not-voter';
  }
  // Leaders count on the own vote as on those of others; only a transfer releases it.
  if (kind !== 'transfer' && node.config.leaseMs > 0 && isLeased(node)) {
    node.trace?.({ type: 'campaignIgnored', why: 'leased', term });
    return 'leased';
  }
  if (hasUnappliedChange(node)) {
    node.trace?.({ type: 'campaignIgnored', why: 'unapplied-change', term });
    return 'unapplied-change';
  }
  node.trace?.({ type: 'campaignStarted', term });
  campaign(node, kind);
  return undefined;
}

/** A node with a committed change that it has not applied would count votes in an old membership. */
function hasUnappliedChange(node: RaftState): boolean {
  const { log } = node;
  return log.pendingSnapshot === null && log.mayHoldChange(log.commit);
}

function campaign(node: RaftState, kind: CampaignKind): void {
  if (kind === 'pre-vote') node.becomePreCandidate();
  else node.becomeCandidate();
  const asksFirst = kind === 'pre-vote';
  const request = asksFirst ? 'preVoteRequest' : 'voteRequest';
  const term = asksFirst ? node.term + 1 : node.term;
  const { lastIndex, lastTerm } = node.log;
  for (const to of allVoters(node.group.members)) {
    if (to === node.id) {
      // The own vote counts once it is durable, like any other.
      node.send({ type: asksFirst ? 'preVoteResponse' : 'voteResponse', to, term });
      continue;
    }
    node.trace?.({
      type: 'voteRequested',
      message: request,
      to,
      term: node.term,
      log: node.lastEntry,
    });
    node.send({
      type: request,
      to,
      term,
      index: lastIndex,
      logTerm: lastTerm,
      context: kind === 'transfer' ? TRANSFER_CONTEXT : '',
    });
  }
}

/** Answers a request for a vote or a pre-vote of this or a later term. */
export function answerVoteRequest(node: RaftState, request: Message): void {
  const isPreVote = request.type === 'preVoteRequest';
  const free =
    node.vote === request.from ||
    (node.vote === NO_NODE && node.leader === NO_NODE) ||
    (isPreVote && request.term > node.term);
  // A learner votes as well: it may have been promoted without knowing it yet.
  const isUpToDate = node.log.isUpToDate(request.index, request.logTerm);
  const mayVote = node.toldEnds === null && node.log.lastIndex >= node.owedIndex;
  const isComplete = isUpToDate && coversOwed(node, request.index, request.logTerm);
  const granted = free && mayVote && isComplete;
  traceVote(node, 'voteAnswered', request, granted);
  // Who has lost entries campaigns after the others, but its timeout begins anew with each campaign of
  // theirs. Against a candidate that cannot win it would not come to its turn.
  if (!isUpToDate && !isPreVote && node.log.lostCount > 0) node.drawElectionTimeout(true);
  node.send({
    type: isPreVote ? 'preVoteResponse' : 'voteResponse',
    to: request.from,
    // A grant repeats the term asked for: the pre-candidate drops answers of earlier terms.
    term: granted ? request.term : node.term,
    ...(!granted && rejection(node)),
  });
  if (granted && !isPreVote) {
    node.electionElapsed = 0;
    node.vote = request.from;
  }
}

/**
 * A refusal names the last entry known to be committed. Without it, a group whose leader removed
 * itself could be stuck: the remaining voters hold the change but do not know that it is
 * committed, so they still need the vote of the removed node, whose log is longer than theirs.
 */
export function rejection(node: RaftState): Partial<Message> {
  const { commit } = node.log;
  return { reject: true, index: commit, logTerm: node.log.termAt(commit) ?? 0 };
}

/** Takes over what a refusal says about the commit index: whoever says it, it stays true. */
export function learnCommit(node: RaftState, refusal: Message): void {
  const { index, logTerm } = refusal;
  if (index <= node.log.commit || !node.log.matches(index, logTerm)) return;
  node.log.commitTo(index);
  node.trace?.({ type: 'committed', commit: index, by: 'refusal' });
  const isCampaigning = node.role === 'candidate' || node.role === 'precandidate';
  // The votes asked for were those of a membership that has ended.
  if (isCampaigning && hasUnappliedChange(node)) node.becomeFollower(node.term, NO_NODE);
}

/** Tells the listener about a request for a vote. */
export function traceVote(
  node: RaftState,
  type: 'voteAnswered' | 'voteIgnored',
  request: Message,
  granted: boolean,
): void {
  node.trace?.({
    type,
    message: request.type,
    from: request.from,
    candidate: { term: request.logTerm, index: request.index },
    granted,
    term: node.term,
    log: node.lastEntry,
    vote: node.vote,
    leaseTicksLeft: node.config.electionTicks - node.electionElapsed,
  });
}

/** Counts an answer to the campaign under way. */
export function countVote(node: RaftState, response: Message): void {
  const { type: message, from, reject } = response;
  if (!node.group.progress.has(from)) return;
  // A grant of an earlier campaign; it says nothing about this one.
  if (node.role === 'precandidate' && !reject && response.term !== node.term + 1) return;
  node.trace?.({ type: 'voteReceived', message, from, granted: !reject, term: node.term });
  if (reject) node.wasRefused = true;
  // The first answer of a member stands.
  if (!node.votes.has(from)) node.votes.set(from, !reject);
  const { members } = node.group;
  if (node.trace !== undefined) {
    const cast = allVoters(members).map((voter) => node.votes.get(voter));
    const granted = cast.filter((vote) => vote === true).length;
    const rejected = cast.filter((vote) => vote === false).length;
    node.trace({ type: 'votesCounted', message, granted, rejected });
  }
  const outcome = jointVote(members.voters, members.votersOutgoing, (v) => node.votes.get(v));
  if (outcome === 'lost') {
    // A pre-vote carries a future term, so it is the present one that is kept.
    node.becomeFollower(node.term, NO_NODE);
  } else if (outcome === 'won' && node.role === 'precandidate') {
    campaign(node, 'vote');
  } else if (outcome === 'won') {
    node.becomeLeader();
    broadcastAppend(node);
  }
}
