/**
 * Quiescence: a group in which nothing happens stops its heartbeats and its election timeouts, as
 * in CockroachDB and TiKV ("hibernate regions"), so that a node can hold many groups.
 *
 *     leader                                             member
 *     idle for `quiesceTicks`
 *     heartbeat, ask N (index, logTerm, commit) ------>  has the same, applied and durable: notes N
 *                            <------ answer, yes N ----  (otherwise, or of an older release: echo)
 *     all have said yes: asleep
 *     heartbeat, go N ------------------------------->   N noted and nothing since: asleep
 *
 * Whatever happens to a node afterwards wakes it (`noteInput`, `noteMessage`). A leader then sends
 * heartbeats at once, which wake the others; a member begins its election timeout, and tells its
 * leader if that may not know. Sleep is absence of ticks and nothing else: votes, terms and logs
 * are those of Raft. What is lost is that members notice by themselves that their leader is gone:
 * the driver has to report it (`unreachable`), also when it has known it before they fell asleep.
 *
 * Numbers of questions rise within a term, and who has been woken since it agreed does not go to
 * sleep: neither late nor repeated messages of a leader that is gone put a member to sleep.
 */
import type { RaftInput } from './input.js';
import { type Message, type MessageType, TRANSFER_CONTEXT } from './message.js';
import { broadcastHeartbeat } from './replication.js';
import type { RaftState } from './state.js';
import { allVoters, isJoint } from './tracker/membership.js';
import { NO_NODE, type NodeId } from './types.js';

/** What a node knows about falling asleep. */
export class Quiescence {
  asleep = false;
  /** Leader: ticks since the last activity. */
  idleTicks = 0;
  /** Leader: number of the last question of this term. */
  round = 0;
  /** Leader: whether a question is under way, and at which of `idleTicks` it was first asked. */
  asking = false;
  askedAtTicks = 0;
  /** Leader: who has said yes to it. */
  readonly agreed = new Set<NodeId>();
  /** Member: the last question of this term. */
  lastAsk = 0;
  /** Member: the question agreed to, 0 if none is or something has happened since. */
  agreedTo = 0;

  /** Forgets what a change of role ends; the numbers of a term last as long as the term. */
  reset(isNewTerm: boolean): void {
    this.asleep = false;
    this.stir();
    if (!isNewTerm) return;
    this.round = 0;
    this.lastAsk = 0;
  }

  /** Something has happened. */
  stir(): void {
    this.idleTicks = 0;
    this.asking = false;
    this.agreedTo = 0;
  }
}

const MARK = /^quiesce-(ask|yes|go) ([1-9]\d{0,15})$/;
/** What the mark of a heartbeat, or of its answer, says. */
export type MarkKind = 'ask' | 'yes' | 'go';

/** The context of a heartbeat, or of its answer, that belongs to a question. */
export function formatMark(kind: MarkKind, round: number): string {
  return `quiesce-${kind} ${round}`;
}

/** Reads what `formatMark` wrote; undefined for every other context. */
export function parseMark(context: string): { kind: MarkKind; round: number } | undefined {
  // Nearly all contexts are empty or a number.
  if (!context.startsWith('q')) return undefined;
  const match = MARK.exec(context);
  const round = Number(match?.[2]);
  return Number.isSafeInteger(round) ? { kind: match?.[1] as MarkKind, round } : undefined;
}

/** Notes an input that is neither a message nor a report of what was asked for before. */
export function noteInput(node: RaftState, input: RaftInput): void {
  switch (input.type) {
    case 'propose':
    case 'proposeConfChange':
    case 'readIndex':
    case 'transferLeader':
      noteActivity(node, true);
      return;
    case 'campaign':
    case 'forgetLeader':
      noteActivity(node, false);
      return;
    case 'setPriorities':
      if (node.role === 'leader') noteActivity(node, false);
      return;
    case 'unreachable':
      // A leader that lost a member learns nothing by waking: whoever needs it will wake it.
      if (node.role !== 'leader' && input.peer === node.leader) noteActivity(node, false);
      return;
    default:
  }
}

/** Messages that belong to the heartbeats and answers of an idle group. */
const IDLE_TYPES: ReadonlySet<MessageType> = new Set([
  'heartbeat',
  'heartbeatResponse',
  'appendResponse',
  'voteResponse',
  'preVoteResponse',
]);

/**
 * Notes a message before it is handled. Returns false if it must not be: a node asleep leaves late
 * messages of the question that put it to sleep unanswered.
 */
export function noteMessage(node: RaftState, message: Message): boolean {
  const { type, from } = message;
  const { quiescence } = node;
  if (from === node.id) return true;
  if (!quiescence.asleep) {
    if (!IDLE_TYPES.has(type)) noteActivity(node, false);
    return true;
  }
  if (isOfLastQuestion(node, message)) return false;
  // Whoever was removed and does not know it asks for votes for ever. The lease refuses them.
  if (isOfOutsider(node, message)) return true;
  noteActivity(node, from !== node.leader);
  return true;
}

function isOfLastQuestion(node: RaftState, message: Message): boolean {
  const { type, from, term, context } = message;
  if (term !== node.term) return false;
  const mark = parseMark(context);
  if (mark === undefined) return false;
  if (node.role === 'leader') return type === 'heartbeatResponse' && mark.kind === 'yes';
  const isAsked = mark.kind !== 'yes' && mark.round <= node.quiescence.lastAsk;
  return type === 'heartbeat' && from === node.leader && isAsked;
}

function isOfOutsider(node: RaftState, { type, from, context }: Message): boolean {
  if (node.group.progress.has(from) || context === TRANSFER_CONTEXT) return false;
  return type === 'preVoteRequest' || type === 'voteRequest' || type === 'heartbeatResponse';
}

/**
 * An election timeout has passed on a node that may not campaign. A learner that was started while
 * its group sleeps would otherwise never hear of its leader.
 */
export function seekLeader(node: RaftState): void {
  const { members, progress } = node.group;
  if (node.config.quiesceTicks === 0 || !progress.has(node.id)) return;
  // Once a timeout. The time since the leader was heard goes on: begun anew, it would hold back the vote
  // of a voter that owes entries for ever (`isLeased`).
  if (node.electionElapsed % node.electionTimeout !== 0) return;
  for (const to of allVoters(members)) {
    if (to !== node.id) node.send({ type: 'heartbeatResponse', to });
  }
}

/** Something happened; `nudges`: something that the leader may not know of. */
function noteActivity(node: RaftState, nudges: boolean): void {
  const { quiescence } = node;
  quiescence.stir();
  if (!quiescence.asleep) return;
  quiescence.asleep = false;
  node.electionElapsed = 0;
  node.heartbeatElapsed = 0;
  const { role, term } = node;
  node.trace?.({ type: 'woke', role, term });
  if (role !== 'leader') {
    if (nudges && node.leader !== NO_NODE)
      node.send({ type: 'heartbeatResponse', to: node.leader });
    return;
  }
  // What members answered before does not show that they are there now: an election timeout from
  // now on, and no longer, they have time to answer (thesis 6.2).
  for (const [id, member] of node.group.progress) {
    if (id !== node.id) member.recentActive = false;
  }
  broadcastHeartbeat(node);
}

/** Called once a tick on a leader that is awake. */
export function countIdle(node: RaftState): void {
  if (node.config.quiesceTicks === 0) return;
  if (isIdle(node)) node.quiescence.idleTicks += 1;
  else node.quiescence.stir();
}

/** Whether this leader has nothing to do, and no member lacks anything. */
function isIdle(node: RaftState): boolean {
  const { log, group } = node;
  const { lastIndex } = log;
  if (log.commit !== lastIndex || log.applied !== lastIndex) return false;
  if (log.persisted !== lastIndex || node.transferTarget !== NO_NODE) return false;
  if (node.reads.size + node.postponedReads.length + node.ownReads.size > 0) return false;
  if (isJoint(group.members) || !group.progress.has(node.id)) return false;
  for (const [id, member] of group.progress) {
    if (member.match !== lastIndex) return false;
    if (id !== node.id && member.state !== 'replicate') return false;
  }
  // It may have to hand over to a voter that should lead instead.
  if (node.priorities.size === 0) return true;
  const own = node.priorityOf(node.id);
  return allVoters(group.members).every((voter) => node.priorityOf(voter) <= own);
}

/**
 * Called when heartbeats are due. Asks instead of sending plain ones if the group has been idle for
 * long enough; returns false if plain ones are to be sent.
 */
export function askForQuiescence(node: RaftState): boolean {
  const { quiescence, config, group } = node;
  if (config.quiesceTicks === 0 || quiescence.idleTicks < config.quiesceTicks) return false;
  if (!quiescence.asking) {
    for (const member of group.progress.values()) if (!member.recentActive) return false;
    quiescence.asking = true;
    quiescence.askedAtTicks = quiescence.idleTicks;
    quiescence.round += 1;
    quiescence.agreed.clear();
  } else if (quiescence.idleTicks - quiescence.askedAtTicks >= config.electionTicks) {
    // Somebody does not answer; plain heartbeats extend leases, questions do not.
    quiescence.stir();
    return false;
  }
  broadcastMark(node, 'ask');
  fallAsleepIfAgreed(node);
  return true;
}

function broadcastMark(node: RaftState, kind: MarkKind): void {
  const { lastIndex: index, lastTerm: logTerm, commit } = node.log;
  const context = formatMark(kind, node.quiescence.round);
  for (const to of node.group.progress.keys()) {
    // Every member matches (`isIdle`), so it may be told the whole commit index.
    if (to !== node.id) node.send({ type: 'heartbeat', to, index, logTerm, commit, context });
  }
}

/** Takes the answer of a member to a heartbeat on its leader. */
export function noteHeartbeatAnswer(node: RaftState, { from, context }: Message): void {
  const { quiescence } = node;
  if (!quiescence.asking) return;
  if (context === formatMark('ask', quiescence.round)) {
    // An echo: the member has something to do, or is of a release that does not know the question.
    quiescence.stir();
  } else if (context === formatMark('yes', quiescence.round)) {
    quiescence.agreed.add(from);
    fallAsleepIfAgreed(node);
  }
}

function fallAsleepIfAgreed(node: RaftState): void {
  const { quiescence, group } = node;
  if (!isIdle(node)) return;
  for (const id of group.progress.keys()) {
    if (id !== node.id && !quiescence.agreed.has(id)) return;
  }
  broadcastMark(node, 'go');
  fallAsleep(node);
}

function fallAsleep(node: RaftState): void {
  const { role, term } = node;
  node.quiescence.stir();
  node.quiescence.asleep = true;
  // Nobody answers heartbeats from now on: a lease of before must not answer a read, nor may one
  // begin by a late answer.
  node.leaseFromMs = -Infinity;
  if (node.reads.size === 0) node.reads.confirm();
  node.trace?.({ type: 'quiesced', role, term });
}

/**
 * What a member answers to a heartbeat: the context of its answer, or undefined if it has fallen
 * asleep and answers nothing.
 */
export function answerContext(node: RaftState, request: Message): string | undefined {
  const { quiescence, config } = node;
  const mark = config.quiesceTicks === 0 ? undefined : parseMark(request.context);
  if (mark === undefined || mark.kind === 'yes') return request.context;
  const { kind, round } = mark;
  const isSame = hasSameLog(node, request);
  if (kind === 'go') {
    // The leader sleeps: an answer without a mark wakes it.
    if (quiescence.agreedTo !== round || !isSame) return '';
    fallAsleep(node);
    return undefined;
  }
  if (round > quiescence.lastAsk) {
    quiescence.lastAsk = round;
    quiescence.agreedTo = isSame ? round : 0;
  }
  return isSame && quiescence.agreedTo === round ? formatMark('yes', round) : request.context;
}

/** Whether this log is the leader's to the last entry, all of it committed, applied and durable. */
function hasSameLog(node: RaftState, { index, logTerm }: Message): boolean {
  const { log } = node;
  if (log.lastIndex !== index || log.lastTerm !== logTerm || log.pendingSnapshot !== null) {
    return false;
  }
  if (log.commit !== index || log.applied !== index || log.persisted !== index) return false;
  return node.ownReads.size === 0 && node.toldEnds === null;
}
