/**
 * Everything one node knows, its outbox, and the changes of role.
 *
 *                        higher term, or a leader of this term
 *      +------------------------------+---------------------------+
 *      v            timeout           |        quorum             |
 *  [follower] --------------> [precandidate] -------> [candidate] +
 *   ^   |  ^                          |  lost               | |   |
 *   |   |  +--------------------------+---------------------+ |   |
 *   |   +--- timeout without pre-vote, or told to campaign -->+   |
 *   |                                                quorum   |   |
 *   |   higher term, no active quorum, removed                v   |
 *   +----------------------------------------------------- [leader]
 *
 * Raft figure 4, thesis 9.6 (pre-vote) and 6.2 (a leader without a quorum steps down).
 */
import { type LogEnds, coversOwed } from './amnesia.js';
import { type RaftConfig, type RestoredState, checkRaftConfig } from './config.js';
import { EMPTY_GROUP, type Group, restoreGroup } from './confchange/changer.js';
import type { ReadState } from './effect.js';
import { RaftError, assert } from './error.js';
import { RaftLog } from './log.js';
import { type Message, type MessageFields, createMessage } from './message.js';
import { Quiescence } from './quiescence.js';
import { ReadRounds } from './reads.js';
import { Progress } from './tracker/progress.js';
import { allVoters, isVoter } from './tracker/membership.js';
import type { LogEnd, RaftEvent } from './trace.js';
import { type Entry, NO_NODE, type NodeId, type Role } from './types.js';

/** A read that was forwarded to, or arrived at, a leader without a commit in its term. */
export interface PostponedRead {
  readonly from: NodeId;
  readonly context: string;
}

/** See the head of this file. */
export class RaftState {
  readonly id: NodeId;
  readonly config: RaftConfig;
  readonly log: RaftLog;
  readonly trace: ((event: RaftEvent) => void) | undefined;
  term: number;
  vote: NodeId;
  leader: NodeId = NO_NODE;
  role: Role = 'follower';
  group: Group = EMPTY_GROUP;
  /** Votes received in the campaign under way. */
  readonly votes = new Map<NodeId, boolean>();
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  transferTarget: NodeId = NO_NODE;
  /** A leader proposes no membership change before this index is applied. */
  pendingConfIndex = 0;
  uncommittedBytes = 0;
  reads = new ReadRounds();
  postponedReads: PostponedRead[] = [];
  /** Reads asked for on this node and not answered, with the tick at which each was, oldest first. */
  readonly ownReads = new Map<string, number>();
  /** Ticks since the start. */
  ticks = 0;
  /** The clock that the present input brings (`lease.ts`), NaN if it brings none. */
  nowMs = Number.NaN;
  /** The last clock that any input brought. */
  clockMs = -Infinity;
  /** A quorum has promised not to vote for `leaseMs` from then on. */
  leaseFromMs = -Infinity;
  /** The tick at which a leader was last heard; after a restart any may have been just before. */
  promisedTick: number;
  /** Whether this leader has told, or will tell, another one to campaign. */
  hasTransferred = false;
  /** Who should lead; see `setPriorities`. */
  priorities: ReadonlyMap<NodeId, number> = new Map();
  /** Whether a voter has refused this node since it last knew a leader. */
  wasRefused = false;
  /** Set while this node may have forgotten what it acknowledged (`amnesia.ts`). */
  toldEnds: LogEnds | null = null;
  /** No vote for logs that are less complete than this. */
  owedEnd: LogEnd = { term: 0, index: 0 };
  /** No vote, and no campaign, before the log reaches so far again. */
  owedIndex = 0;
  /** Entries that were lost and are to be written again. */
  repaired: Entry[] = [];
  /**
   * On a leader that lacks an entry: the first one, and who does not have it, with whether that one
   * is sure to have never had it.
   */
  denials: { index: number; by: Map<NodeId, boolean> } = { index: 0, by: new Map() };
  /** A leader whose log is not whole: it takes nothing yet. */
  isRepairing = false;
  readonly quiescence = new Quiescence();
  /** Ticks since the disk last reported a write while one is under way. */
  diskTicks = 0;
  messages: Message[] = [];
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];
  droppedReads: string[] = [];

  constructor(config: RaftConfig, restored: RestoredState) {
    checkRaftConfig(config);
    this.id = config.id;
    this.config = config;
    this.trace = config.trace;
    this.log = new RaftLog(restored);
    this.term = restored.hardState.term;
    this.vote = restored.hardState.vote;
    // Also a member that joins: the term in which it has answered may not have become durable. Only
    // scripted tests start with a membership in no term.
    this.promisedTick = this.term > 0 || restored.snapshot === null ? 0 : -Infinity;
    if (restored.mayHaveLostSuffix === true) this.toldEnds = new Map();
    if (this.log.lastTerm > this.term && this.term !== 0) {
      throw new RaftError(
        'inconsistent-state',
        `the log has term ${this.log.lastTerm} but the hard state only term ${this.term}`,
      );
    }
    const confState = restored.confState ?? restored.snapshot?.confState;
    if (confState !== undefined) this.group = restoreGroup(confState, this.newMember());
  }

  get lastEntry(): LogEnd {
    return { term: this.log.lastTerm, index: this.log.lastIndex };
  }

  /** What a member added now starts with. */
  newMember(): { lastIndex: number; limits: RaftConfig } {
    return { lastIndex: this.log.lastIndex, limits: this.config };
  }

  /** Whether this node may campaign: it votes, its disk works, no snapshot is to be installed. */
  get promotable(): boolean {
    const member = this.group.progress.get(this.id);
    const isMember = member !== undefined && isVoter(this.group.members, this.id);
    const isReady = this.log.pendingSnapshot === null && !this.isDiskStalled;
    return isMember && isReady && !this.owesEntries;
  }

  /** Whether this node has, or may have, acknowledged entries that it does not have. */
  get owesEntries(): boolean {
    if (this.toldEnds !== null || this.log.lastIndex < this.owedIndex) return true;
    return !coversOwed(this, this.log.lastIndex, this.log.lastTerm);
  }

  /** Whether a write takes longer than `diskStallTicks`. */
  get isDiskStalled(): boolean {
    const { diskStallTicks } = this.config;
    return diskStallTicks > 0 && this.diskTicks >= diskStallTicks;
  }

  /**
   * Queues a message. Votes, acknowledgements of appends and everything to this node itself wait
   * for the disk (thesis 3.8), refusals included. So do requests for votes: if a crash took back
   * the term, or the log that they speak of, the votes would count for another campaign of the
   * same term, with another log (Raft figure 2: persistent before the RPC).
   */
  send(fields: MessageFields): void {
    const message = createMessage(fields, this.id, fields.term ?? this.term);
    this.trace?.({ type: 'sent', message });
    switch (message.type) {
      case 'voteRequest':
      case 'appendResponse':
      case 'voteResponse':
      case 'preVoteResponse':
        this.messagesAfterPersist.push(message);
        return;
      default:
        assert(message.to !== this.id, 'a node sends itself nothing but answers');
        this.messages.push(message);
    }
  }

  private reset(term: number): void {
    assert(term >= this.term, 'the term of a node never falls');
    this.quiescence.reset(term !== this.term);
    if (term !== this.term) {
      this.term = term;
      this.vote = NO_NODE;
    }
    this.leader = NO_NODE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    this.transferTarget = NO_NODE;
    this.hasTransferred = false;
    this.leaseFromMs = -Infinity;
    this.votes.clear();
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.dropReads();
    this.isRepairing = false;
    this.denials = { index: 0, by: new Map() };
    this.restartProgress();
  }

  /** Forgets what is known about the members' logs. */
  restartProgress(): void {
    const progress = new Map<NodeId, Progress>();
    for (const [node, member] of this.group.progress) {
      const fresh = new Progress(this.log.lastIndex + 1, member.isLearner, this.config);
      if (node === this.id) fresh.match = this.log.lastIndex;
      progress.set(node, fresh);
    }
    this.group = { members: this.group.members, progress };
  }

  /** `hasRefused`: a candidate has just been told that its log is shorter than this one. */
  drawElectionTimeout(hasRefused = false): void {
    const { electionTicks, random } = this.config;
    const drawn = random();
    assert(drawn >= 0 && drawn < 1, 'a random number lies in [0, 1)');
    const isHarmed = this.log.lostCount > 0 && !hasRefused;
    const isLast = !this.mayGoFirst || isHarmed;
    const delay = isLast ? electionTicks : 0;
    const turn = this.turnToCampaign;
    const spread = turn ?? Math.floor(drawn * electionTicks);
    this.electionTimeout = delay + electionTicks + spread;
  }

  /** Ticks after the first of the order of this term; undefined where the timeout is drawn. */
  private get turnToCampaign(): number | undefined {
    const { electionStepTicks } = this.config;
    if (electionStepTicks === 0 || this.wasRefused) return undefined;
    // Who waits for others to go first, or cannot campaign, does so in an order of its own.
    const rivals = allVoters(this.group.members).filter(
      (id) => id !== this.leader && this.priorityOf(id) === this.priorityOf(this.id),
    );
    const place = rivals.indexOf(this.id);
    if (place === -1) return undefined;
    // The others have heard the leader at the same time, but in another part of a tick: one tick sooner
    // they would still keep their promise to it, and refuse.
    return 1 + ((place + this.term) % rivals.length) * electionStepTicks;
  }

  priorityOf(node: NodeId): number {
    return this.priorities.get(node) ?? 1;
  }

  /**
   * Whether no voter should rather take the leader's place than this node. One that was refused has had its turn:
   * its log may be behind, and without pre-votes each of its campaigns makes the others wait anew.
   */
  private get mayGoFirst(): boolean {
    if (this.priorities.size === 0) return true;
    if (this.wasRefused) return false;
    const own = this.priorityOf(this.id);
    return allVoters(this.group.members).every(
      (voter) => voter === this.leader || this.priorityOf(voter) <= own,
    );
  }

  /** No read that waits here will be answered: tells those who asked on this node. */
  dropReads(): void {
    if (this.reads.size > 0 || this.reads.underWay) this.reads = new ReadRounds();
    this.postponedReads = [];
    if (this.ownReads.size === 0) return;
    this.droppedReads.push(...this.ownReads.keys());
    this.ownReads.clear();
  }

  becomeFollower(term: number, leader: NodeId): void {
    if (leader !== NO_NODE) this.wasRefused = false;
    this.reset(term);
    this.follow(leader);
    this.role = 'follower';
    this.trace?.({ type: 'became', role: 'follower', term });
  }

  follow(leader: NodeId): void {
    if (this.leader === leader) return;
    this.leader = leader;
    // The order of those who campaign when it is lost goes without it.
    if (this.config.electionStepTicks > 0) this.drawElectionTimeout();
  }

  /** Asks for votes of the next term; the term and the vote stay as they are (thesis 9.6). */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.votes.clear();
    this.leader = NO_NODE;
    this.dropReads();
    this.role = 'precandidate';
    this.trace?.({ type: 'became', role: 'precandidate', term: this.term });
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader does not campaign');
    this.reset(this.term + 1);
    this.vote = this.id;
    this.role = 'candidate';
    this.trace?.({ type: 'became', role: 'candidate', term: this.term });
  }

  /** Takes over and appends the entry that commits everything before it (Raft 5.4.2, 8). */
  becomeLeader(): void {
    assert(this.role === 'candidate', 'only a candidate becomes leader');
    this.wasRefused = false;
    this.reset(this.term);
    this.leader = this.id;
    this.role = 'leader';
    const own = this.group.progress.get(this.id);
    assert(own !== undefined, 'a leader is a member when it is elected');
    own.recentActive = true;
    this.trace?.({ type: 'became', role: 'leader', term: this.term });
    if (this.log.lostCount > 0) this.isRepairing = true;
    else this.beginTerm();
  }

  /** The first entry of a term, on a log that is whole. */
  beginTerm(): void {
    this.isRepairing = false;
    this.group.progress.get(this.id)?.becomeReplicate();
    // Any entry here may be a membership change that is committed without this node knowing.
    this.pendingConfIndex = this.log.lastIndex;
    const accepted = this.appendAsLeader([{ type: 'normal', data: new Uint8Array(0) }]);
    assert(accepted, 'the first entry of a leader has no bytes and is never refused');
  }

  /** Appends payloads as entries of this term, unless too much is uncommitted already. */
  appendAsLeader(payloads: readonly Pick<Entry, 'type' | 'data'>[]): boolean {
    assert(this.role === 'leader', 'only a leader makes entries');
    let bytes = 0;
    for (const { data } of payloads) bytes += data.length;
    const tooMany = this.uncommittedBytes + bytes > this.config.maxUncommittedBytes;
    // An empty entry is never refused, nor a first one, however large.
    if (bytes > 0 && this.uncommittedBytes > 0 && tooMany) return false;
    this.uncommittedBytes += bytes;
    this.trace?.({ type: 'appending', payloads });
    const { term } = this;
    let index = this.log.lastIndex;
    this.log.append(payloads.map(({ type, data }) => ({ term, index: (index += 1), type, data })));
    // The leader counts its own copy once that is durable, like any other (thesis 10.2.1).
    this.send({ type: 'appendResponse', to: this.id, index });
    return true;
  }

  /** Whether an entry of the present term is committed (Raft 5.4.2; needed for reads: section 8). */
  get hasCommittedInTerm(): boolean {
    return this.log.termAt(this.log.commit) === this.term;
  }
}
