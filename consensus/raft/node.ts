import { applyCommittedChange, propose } from './changing.js';
import { type ConfChange, decodeConfChange, encodeConfChange } from './confchange/change.js';
import type { RaftConfig, RestoredState } from './config.js';
import type { Ready, WriteReceipt } from './effect.js';
import { startCampaign } from './elections.js';
import { assert } from './error.js';
import type { RaftInput, RaftRefusal } from './input.js';
import { stepMessage } from './machine.js';
import type { Message } from './message.js';
import { observeClock } from './lease.js';
import { entryBytes } from './log.js';
import { handleApplied, handleInstalled, handleWritten } from './persistence.js';
import { noteInput } from './quiescence.js';
import { requestRead } from './reading.js';
import { handleSnapshotReport, handleUnreachable } from './replication.js';
import { RaftState } from './state.js';
import { type RaftStatus, statusOf } from './status.js';
import { tick } from './ticking.js';
import type { LogEnd } from './trace.js';
import { toConfState } from './tracker/membership.js';
import { transferLeadership } from './transfer.js';
import {
  type ConfState,
  type Entry,
  type HardState,
  NO_NODE,
  type NodeId,
  type SnapshotMeta,
  type SoftState,
} from './types.js';

/** What a ready handed out and `advance` settles. */
interface Outstanding {
  readonly toSelf: readonly Message[];
  readonly snapshot: SnapshotMeta | null;
  /** Last entry handed out for application, or 0. */
  readonly applied: number;
}

/** Committed entries that were handed out together and are not yet applied. */
interface Application {
  readonly index: number;
  readonly entryBytes: number;
  readonly payloadBytes: number;
  /** Membership changes among them that are not yet applied or vetoed. */
  changes: number;
  /** `RaftLog.restores` at that time: a snapshot since then has overtaken the changes. */
  readonly restores: number;
}

/**
 * One member of a Raft group as a pure state machine: inputs go in by `step`, what is to be done
 * comes out by `ready`, and `advance` confirms that it was done.
 *
 *     step(input) ... hasReady() -> ready() -> [write, send, apply] -> advance()
 *        ^                                          |
 *        +---- messages and ticks meanwhile --------+
 *
 * It owns no clock, disk, socket or randomness. One ready is outstanding at a time, unless the
 * configuration says `asyncStorageWrites` (`Ready` tells how it goes then). A `RaftAssertion` thrown
 * by any method means that the node must stop.
 */
export class RaftNode {
  private readonly state: RaftState;
  private lastHardState: HardState;
  private lastSoftState: SoftState = { leader: NO_NODE, role: 'follower' };
  private outstanding: Outstanding | null = null;
  /** In the order in which they are applied. */
  private readonly applications: Application[] = [];

  /** Throws a `RaftError` if the configuration or the restored state makes no sense. */
  constructor(config: RaftConfig, restored: RestoredState) {
    this.state = new RaftState(config, restored);
    const { state } = this;
    if (restored.confState === undefined) this.replayChanges(restored);
    state.trace?.({ type: 'membership', members: state.group.members });
    state.becomeFollower(state.term, NO_NODE);
    const { term, log } = state;
    const { commit, applied } = log;
    state.trace?.({ type: 'started', term, commit, applied, log: state.lastEntry });
    this.lastHardState = this.hardState();
  }

  /** The membership as of `applied` is the snapshot's and the applied changes since. */
  private replayChanges(restored: RestoredState): void {
    for (const entry of restored.entries) {
      if (entry.index > restored.applied) break;
      if (entry.type === 'confChange') {
        applyCommittedChange(this.state, decodeConfChange(entry.data));
      }
    }
  }

  /** Takes one input. Returns why it was refused, or undefined. */
  step(input: RaftInput): RaftRefusal | undefined {
    const { state } = this;
    observeClock(state, 'nowMs' in input ? input.nowMs : undefined);
    noteInput(state, input);
    switch (input.type) {
      case 'tick':
        tick(state);
        return undefined;
      case 'message':
        // Answers of a node to itself never leave it.
        if (input.message.from === state.id) return 'bad-message';
        return stepMessage(state, input.message);
      case 'ownAnswer':
        this.requireAsync();
        assert(input.message.from === state.id, 'an own answer comes from this node');
        return stepMessage(state, input.message);
      case 'written':
        this.requireAsync();
        handleWritten(state, input.receipt);
        return undefined;
      case 'applied':
        this.requireAsync();
        this.finishApplications(input.index);
        return undefined;
      case 'propose':
        return propose(
          state,
          input.data.map((data) => ({ type: 'normal', data })),
        );
      case 'proposeConfChange':
        return propose(state, [{ type: 'confChange', data: encodeConfChange(input.change) }]);
      case 'readIndex':
        return requestRead(state, input.context);
      case 'transferLeader':
        return transferLeadership(state, input.to);
      case 'campaign':
        return startCampaign(state, state.config.preVote ? 'pre-vote' : 'vote');
      case 'setPriorities':
        state.priorities = input.priorities;
        state.drawElectionTimeout();
        return undefined;
      case 'forgetLeader':
        this.forgetLeader();
        return undefined;
      case 'unreachable':
        handleUnreachable(state, input.peer);
        return undefined;
      case 'snapshotReport':
        handleSnapshotReport(state, input.peer, input.ok);
        return undefined;
    }
  }

  private requireAsync(): void {
    assert(this.state.config.asyncStorageWrites, 'without asynchronous writes there is `advance`');
  }

  private forgetLeader(): void {
    const { state } = this;
    if (state.config.leaseMs > 0) {
      state.trace?.({ type: 'leaderKept', leader: state.leader, term: state.term });
      return;
    }
    if (state.role !== 'follower' || state.leader === NO_NODE) return;
    state.trace?.({ type: 'leaderForgotten', leader: state.leader, term: state.term });
    state.leader = NO_NODE;
  }

  private hardState(): HardState {
    const { term, vote, log } = this.state;
    return { term, vote, commit: log.commit };
  }

  private softStateChanged(): boolean {
    const { leader, role } = this.state;
    return leader !== this.lastSoftState.leader || role !== this.lastSoftState.role;
  }

  private hardStateChanged(): boolean {
    const { term, vote, log } = this.state;
    const last = this.lastHardState;
    return term !== last.term || vote !== last.vote || log.commit !== last.commit;
  }

  /** Whether there is anything to do. False while a ready waits for `advance`. */
  hasReady(): boolean {
    if (this.outstanding !== null) return false;
    const { state } = this;
    const { log } = state;
    return (
      state.messages.length > 0 ||
      state.messagesAfterPersist.length > 0 ||
      state.repaired.length > 0 ||
      log.inWrite < log.lastIndex ||
      (log.pendingSnapshot !== null && !log.pendingSnapshotInWrite) ||
      log.hasApplicable(!state.config.asyncStorageWrites) ||
      state.readStates.length > 0 ||
      state.droppedReads.length > 0 ||
      this.hardStateChanged() ||
      this.softStateChanged()
    );
  }

  /** Hands out everything there is to do. It has to be done and followed by `advance`. */
  ready(): Ready {
    assert(this.outstanding === null, 'the previous ready was advanced');
    const { state } = this;
    const { log } = state;
    const { asyncStorageWrites } = state.config;
    const hardState = this.hardStateChanged() ? this.hardState() : undefined;
    const softState = this.softStateChanged() ? this.softState() : undefined;
    const entries = log.slice(log.inWrite + 1, log.lastIndex, Infinity);
    const snapshot = log.pendingSnapshotInWrite ? null : log.pendingSnapshot;
    const committedEntries = this.takeCommitted();
    const mustSync = this.mustSync(hardState, entries, snapshot);
    const toSelf: Message[] = [];
    const toOthers: Message[] = [];
    for (const message of state.messagesAfterPersist) {
      const isOwn = message.to === state.id && !asyncStorageWrites;
      (isOwn ? toSelf : toOthers).push(message);
    }
    log.inWrite = log.lastIndex;
    const writes = hardState !== undefined || mustSync || toOthers.length > 0;
    const ready: { -readonly [Field in keyof Ready]: Ready[Field] } = {
      entries,
      repaired: state.repaired,
      mustSync,
      messages: state.messages,
      messagesAfterPersist: toOthers,
      receipt: asyncStorageWrites && writes ? this.receipt(snapshot) : null,
      committedEntries,
      readStates: state.readStates,
      droppedReads: state.droppedReads,
    };
    if (hardState !== undefined) ready.hardState = hardState;
    if (softState !== undefined) ready.softState = softState;
    if (snapshot !== null) ready.snapshot = snapshot;
    state.messages = [];
    state.messagesAfterPersist = [];
    state.repaired = [];
    state.readStates = [];
    state.droppedReads = [];
    if (snapshot !== null) log.pendingSnapshotInWrite = true;
    if (hardState !== undefined) this.lastHardState = hardState;
    if (softState !== undefined) this.lastSoftState = softState;
    if (asyncStorageWrites) return ready;
    const applied = committedEntries.length === 0 ? 0 : log.handedOut;
    this.outstanding = { toSelf, snapshot, applied };
    return ready;
  }

  /** What the driver reports once this ready is durable; null if nobody waits for that. */
  private receipt(snapshot: SnapshotMeta | null): WriteReceipt | null {
    const { log, term } = this.state;
    // Not only with new entries: a receipt of an earlier term is void, and this one stands for it.
    const waits = log.persisted < log.lastIndex;
    if (!waits && snapshot === null) return null;
    const [index, logTerm] = waits ? [log.lastIndex, log.lastTerm] : [0, 0];
    return { term, index, logTerm, snapshot };
  }

  private softState(): SoftState {
    return { leader: this.state.leader, role: this.state.role };
  }

  private mustSync(
    hardState: HardState | undefined,
    entries: readonly Entry[],
    snapshot: SnapshotMeta | null,
  ): boolean {
    // The commit index alone can be found again from the other nodes after a crash.
    const { term, vote } = this.lastHardState;
    const isNew = hardState !== undefined && (hardState.term !== term || hardState.vote !== vote);
    return isNew || entries.length > 0 || snapshot !== null;
  }

  /** Committed entries must be durable here as well if they do not wait for this ready's write. */
  private takeCommitted(): readonly Entry[] {
    const { log, config } = this.state;
    const entries = log.takeApplicable(!config.asyncStorageWrites, config.maxApplyBytes);
    if (entries.length === 0) return entries;
    const application = { index: log.handedOut, restores: log.restores };
    let [bytes, payloadBytes, changes] = [0, 0, 0];
    for (const entry of entries) {
      bytes += entryBytes(entry);
      payloadBytes += entry.data.length;
      if (entry.type === 'confChange') changes += 1;
    }
    this.applications.push({ ...application, entryBytes: bytes, payloadBytes, changes });
    return entries;
  }

  private finishApplications(through: number): void {
    for (let next = this.applications[0]; next !== undefined; next = this.applications[0]) {
      if (next.index > through) return;
      assert(next.changes === 0, 'each committed membership change is applied or vetoed');
      this.applications.shift();
      handleApplied(this.state, next);
    }
  }

  /**
   * The writes of the last ready are durable, its snapshot is installed, its committed entries
   * were applied or queued in order, and `applyConfChange` was called for each change among them.
   */
  advance(): void {
    const done = this.outstanding;
    assert(done !== null, 'a ready is advanced once');
    const changes = this.applications.some((each) => each.changes > 0);
    assert(!changes, 'each committed membership change is applied or vetoed');
    this.outstanding = null;
    for (const message of done.toSelf) stepMessage(this.state, message);
    const { log } = this.state;
    // With one write at a time it is known what is on the disk, whatever the term is by now: what
    // was replaced while it was being written has lowered `inWrite` and is written again.
    log.persisted = Math.max(log.persisted, log.inWrite);
    if (done.snapshot !== null) handleInstalled(this.state, done.snapshot);
    this.finishApplications(done.applied);
  }

  /**
   * Applies a committed membership change, or, with null, passes over it as the application wants
   * (it must want so on every node). Call it for each `confChange` entry in order, before
   * `advance` or `applied`. Returns the membership from now on.
   */
  applyConfChange(change: ConfChange | null): ConfState {
    const application = this.applications.find(({ changes }) => changes > 0);
    assert(application !== undefined, 'a membership change is applied after it was handed out');
    application.changes -= 1;
    // A snapshot that came in since holds a later membership already.
    const isOvertaken = application.restores !== this.state.log.restores;
    if (change !== null && !isOvertaken) applyCommittedChange(this.state, change);
    return toConfState(this.state.group.members);
  }

  /** Names a snapshot of the application at `index`, with the present membership. */
  snapshotMeta(index: number): SnapshotMeta {
    const { log, group } = this.state;
    const term = log.termAt(index);
    assert(term !== undefined, `a snapshot is made where the log still is, not at ${index}`);
    assert(index <= log.handedOut, 'a snapshot covers only what was handed out');
    return { index, term, confState: toConfState(group.members) };
  }

  /**
   * Drops entries up to `index` from memory. `snapshot` is the newest one that the driver can
   * serve, at `index` or later; without it, one of the present membership at `index`.
   */
  compact(index: number, snapshot?: SnapshotMeta): void {
    const { log } = this.state;
    const newest = log.snapshot?.index ?? 0;
    const given = snapshot ?? (index > newest ? this.snapshotMeta(index) : undefined);
    if (given !== undefined && given.index > newest) log.snapshot = given;
    log.compact(index);
  }

  /** The node as seen from outside. */
  status(): RaftStatus {
    return statusOf(this.state);
  }

  /** The leader as far as this node knows, or 0. */
  get leader(): NodeId {
    return this.state.leader;
  }

  get id(): NodeId {
    return this.state.id;
  }

  /** Whether a snapshot of the leader is not yet installed. */
  get isRestoring(): boolean {
    return this.state.log.pendingSnapshot !== null;
  }

  get term(): number {
    return this.state.term;
  }

  /** Index of the last entry of the log, committed or not. */
  get lastIndex(): number {
    return this.state.log.lastIndex;
  }

  /** How many entries before and at `index` the log holds within both bounds. */
  trailingEntries(index: number, entriesMax: number, bytesMax: number): number {
    return this.state.log.trailingEntries(index, entriesMax, bytesMax);
  }

  /** Whether this node leads. */
  get isLeader(): boolean {
    return this.state.role === 'leader';
  }

  /** The last entry of the log, durable or not. */
  get lastEntry(): LogEnd {
    return this.state.lastEntry;
  }

  /** Whether the group sleeps as far as this node knows: ticks do nothing. */
  get isQuiescent(): boolean {
    return this.state.quiescence.asleep;
  }

  /** Entries `from` to `to`, both included, at most `maxBytes` but at least one. */
  entries(from: number, to: number, maxBytes: number): readonly Entry[] {
    return this.state.log.slice(from, to, maxBytes);
  }

  /** Term of the entry at `index`; undefined if it is compacted or not there. */
  termAt(index: number): number | undefined {
    return this.state.log.termAt(index);
  }

  /** Sets the election timeout until the next change of role, in ticks; for scripted tests. */
  setElectionTimeout(ticks: number): void {
    this.state.electionTimeout = ticks;
  }
}
