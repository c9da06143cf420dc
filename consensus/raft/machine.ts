/**
 * What a node does with a message. First the term (Raft 5.1), then the votes, which every role
 * answers alike, then what the role makes of the rest.
 */
import { handleLogEndRequest, handleLogEndResponse } from './amnesia.js';
import { propose } from './changing.js';
import {
  answerVoteRequest,
  countVote,
  learnCommit,
  rejection,
  startCampaign,
  traceVote,
} from './elections.js';
import { assert } from './error.js';
import { handleAppendRequest, handleHeartbeat, handleSnapshot } from './following.js';
import type { RaftRefusal } from './input.js';
import { type Message, TRANSFER_CONTEXT } from './message.js';
import { isLeased } from './lease.js';
import { noteHeartbeatAnswer, noteMessage } from './quiescence.js';
import { handleReadRequest, handleReadResponse } from './reading.js';
import { handleRepairRequest, handleRepairResponse } from './repair.js';
import { handleAppendResponse, handleHeartbeatResponse } from './replication.js';
import type { RaftState } from './state.js';
import { transferLeadership } from './transfer.js';
import { NO_NODE } from './types.js';

/** Takes a message of another node, or an answer of this node to itself. */
export function stepMessage(node: RaftState, message: Message): RaftRefusal | undefined {
  if (!isSound(node, message)) return 'bad-message';
  node.trace?.({ type: 'received', message });
  if (!noteMessage(node, message)) return undefined;
  switch (message.type) {
    // Requests passed on by a follower; they belong to no term.
    case 'proposeRequest':
      if (node.role !== 'leader') return 'not-leader';
      return propose(node, message.entries);
    case 'readIndexRequest':
      return handleReadRequest(node, message);
    case 'logEndRequest':
      handleLogEndRequest(node, message);
      return undefined;
    case 'logEndResponse':
      handleLogEndResponse(node, message);
      return undefined;
    case 'repairRequest':
      handleRepairRequest(node, message);
      return undefined;
    case 'repairResponse':
      handleRepairResponse(node, message);
      return undefined;
    case 'voteResponse':
    case 'preVoteResponse':
      if (message.reject) learnCommit(node, message);
      break;
    default:
  }
  if (message.term > node.term) {
    if (!adoptTerm(node, message)) return undefined;
  } else if (message.term < node.term) {
    answerLowerTerm(node, message);
    return undefined;
  }
  switch (message.type) {
    case 'voteRequest':
    case 'preVoteRequest':
      answerVoteRequest(node, message);
      return undefined;
    case 'appendRequest':
    case 'heartbeat':
    case 'snapshot':
      handleLeader(node, message);
      return undefined;
    case 'voteResponse':
      if (node.role === 'candidate') countVote(node, message);
      return undefined;
    case 'preVoteResponse':
      if (node.role === 'precandidate') countVote(node, message);
      return undefined;
    case 'appendResponse':
    case 'heartbeatResponse':
      handleMember(node, message);
      return undefined;
    case 'timeoutNow':
      handleTimeoutNow(node, message);
      return undefined;
    case 'transferLeader':
      return node.role === 'leader' ? transferLeadership(node, message.index) : 'not-leader';
    case 'readIndexResponse':
      handleReadResponse(node, message);
      return undefined;
  }
}

/** Whether a message can be what a correct peer sends to this node. */
function isSound(node: RaftState, message: Message): boolean {
  const { to, from, term, type, entries, index, logTerm } = message;
  if (to !== node.id || from === NO_NODE) return false;
  if (type === 'proposeRequest' || type === 'readIndexRequest') return from !== node.id;
  if (type === 'logEndRequest' || type === 'logEndResponse') return from !== node.id;
  if (type === 'repairRequest' || type === 'repairResponse') return from !== node.id && index > 0;
  if (term === 0) return false;
  if (type === 'snapshot' && message.snapshot === null) return false;
  if (type !== 'appendRequest') return true;
  let previous = logTerm;
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== index + at + 1 || entry.term < previous) return false;
    previous = entry.term;
  }
  return previous <= term;
}

/** Raft 5.1: a later term ends this node's role. Returns false if the message is ignored. */
function adoptTerm(node: RaftState, message: Message): boolean {
  const { type, from, term } = message;
  if (type === 'voteRequest' || type === 'preVoteRequest') {
    if (isLeased(node) && message.context !== TRANSFER_CONTEXT) {
      // Thesis 4.2.3: who hears from a leader does not help to depose it.
      traceVote(node, 'voteIgnored', message, false);
      return false;
    }
  }
  // A pre-vote never changes the term; its grant carries the term that was asked about.
  if (type === 'preVoteRequest') return true;
  if (type === 'preVoteResponse' && !message.reject) return true;
  node.trace?.({ type: 'higherTerm', message: type, from, theirs: term, term: node.term });
  const isLeader = type === 'appendRequest' || type === 'heartbeat' || type === 'snapshot';
  node.becomeFollower(term, isLeader ? from : NO_NODE);
  return true;
}

function answerLowerTerm(node: RaftState, message: Message): void {
  const { type, from } = message;
  const { checkQuorum, preVote } = node.config;
  const isLeader = type === 'appendRequest' || type === 'heartbeat';
  // A campaign of this node would tell the sender of its term as well, if it may campaign and the
  // sender is a member that it knows. Otherwise only an answer does (Raft figure 2).
  const campaignTells = node.promotable && node.group.progress.has(from);
  if (isLeader && (checkQuorum || preVote || !campaignTells)) {
    // Leases and pre-votes keep a node that came back with a later term from being heard
    // otherwise: this answer makes the leader step down, so that the group gets past that term.
    node.send({ type: 'appendResponse', to: from });
  } else if (type === 'preVoteRequest') {
    // Dropping it could leave a former candidate with a later term and a shorter log, and one
    // with an earlier term and a longer log, waiting for each other.
    traceVote(node, 'voteAnswered', message, false);
    node.send({ type: 'preVoteResponse', to: from, ...rejection(node) });
  } else if (type === 'voteRequest' && !campaignTells) {
    traceVote(node, 'voteAnswered', message, false);
    node.send({ type: 'voteResponse', to: from, ...rejection(node) });
  } else {
    const { term } = node;
    node.trace?.({ type: 'lowerTermIgnored', message: type, from, theirs: message.term, term });
  }
}

/** What the leader of this term sends. */
function handleLeader(node: RaftState, message: Message): void {
  assert(node.role !== 'leader', 'a term has one leader, and a leader hears of no other');
  const { from } = message;
  assert(node.leader === NO_NODE || node.leader === from, 'a term has one leader');
  if (node.role !== 'follower') node.becomeFollower(node.term, from);
  node.electionElapsed = 0;
  node.promisedTick = node.ticks;
  node.follow(from);
  if (message.type === 'appendRequest') handleAppendRequest(node, message);
  else if (message.type === 'heartbeat') handleHeartbeat(node, message);
  else handleSnapshot(node, message);
}

/** What a member answers to its leader. */
function handleMember(node: RaftState, message: Message): void {
  if (node.role !== 'leader') return;
  const member = node.group.progress.get(message.from);
  if (member === undefined) {
    node.trace?.({ type: 'answerDropped', from: message.from });
    return;
  }
  if (message.type === 'appendResponse') {
    handleAppendResponse(node, message, member);
  } else {
    handleHeartbeatResponse(node, message, member);
    noteHeartbeatAnswer(node, message);
  }
}

function handleTimeoutNow(node: RaftState, message: Message): void {
  const { term, role } = node;
  node.trace?.({ type: 'timeoutNowReceived', from: message.from, term, role });
  // No pre-vote: the leader itself wants to be replaced.
  if (role === 'follower') startCampaign(node, 'transfer');
}
