/**
 * One replica: the Raft core, the control state that its log builds, and the requests that wait
 * for either. Pure: time comes in as ticks, and everything it wants done goes out in `ready()` and
 * `finishApply()`. The driver in `nodes/` and the simulator run this same class.
 *
 * The core is configured with `asyncStorageWrites`. The driver takes a ready() whenever there is one,
 * sends its messages, and
 *   writes, in order:  make durable (and install the snapshot, if any) -> written()
 *   applies, in order: beginApply() -> engines apply -> finishApply()
 * Ticks, messages, proposals and further readies come in between. Without `asyncStorageWrites` the
 * two are done one after the other and followed by advance().
 */
import { RaftNode, decodeConfChange } from '../../consensus/raft/index.js';
import type {
  Entry,
  Message,
  NodeId,
  RaftConfig,
  RaftRefusal,
  RaftStatus,
  Ready,
  RestoredState,
  SnapshotMeta,
} from '../../consensus/raft/index.js';
import type { ApplyOutcome, LoggedCommand } from '../../src/memory/engine.js';
import { assert } from '../assert.js';
import { applyControl, changesMore, dropMember } from '../control-plane/apply.js';
import type { Command, CommandResult, PendingAnswer } from '../control-plane/command.js';
import { LeaderClock } from '../control-plane/leader-clock.js';
import type { TimeSource } from '../control-plane/leader-clock.js';
import { isUnwanted } from '../control-plane/membership.js';
import { admitWrite, withTime } from '../control-plane/sessions.js';
import type { ControlState } from '../control-plane/state.js';
import { Silence } from './silence.js';
import type { Liveness } from './silence.js';
import { nextUpkeep } from './upkeep.js';

/** Turns commands into the bytes of log entries and back; the driver brings it. */
export interface CommandCodec {
  encode(command: Command): Uint8Array;
  decode(bytes: Uint8Array): Command;
}

/** `leader-changed`: the command may or may not have been applied; retry it in its session. */
export type Reply =
  | { readonly request: number; readonly result: CommandResult }
  | { readonly request: number; readonly lost: 'leader-changed' };

/** Memory commands for the engines. `firstIndex` is 0 when there is nothing to apply. */
export interface ApplyBatch {
  readonly commands: readonly LoggedCommand[];
  readonly firstIndex: number;
  readonly lastIndex: number;
}

export interface Applied {
  readonly replies: readonly Reply[];
  /** Reads that may be served now. */
  readonly reads: readonly string[];
  /** Whether anything but memories changed: members, rollout, version. */
  readonly controlChanged: boolean;
}

interface WaitingRead {
  readonly context: string;
  readonly index: number;
}

interface Application {
  readonly index: number;
  readonly request: number | undefined;
  /** Filled at once for control commands, by the engines for new writes. */
  result: CommandResult | { readonly pending: PendingAnswer };
  /** Position in the batch of the engines, or -1. */
  readonly position: number;
}

export class Replica {
  readonly #raft: RaftNode;
  readonly #codec: CommandCodec;
  #control: ControlState;
  #appliedIndex: number;
  /** Requests by the index of their entry, with the term in which it was proposed. */
  readonly #proposed = new Map<number, { readonly term: number; readonly request: number }>();
  #waitingReads: WaitingRead[] = [];
  #applications: Application[] | undefined;
  #applyingTo = 0;
  #controlChanged = false;
  #lost: number[] = [];
  /** Memory entries that were retries or refused: whoever replays the log must pass them over. */
  readonly #passedOver = new Set<number>();
  #replayableFrom: number;
  readonly #isAsync: boolean;
  /** Priorities that are not the default. */
  #priorities: ReadonlyMap<number, number> = new Map();
  /** Term and index of the last entry that this leader proposed for upkeep. */
  #upkeep = { term: 0, index: 0 };
  readonly #silence = new Silence();
  /** What is known by gossip of who is alive; nothing until it is set. */
  livenessOf: ((nodeId: number) => Liveness | undefined) | undefined;
  readonly #clock: LeaderClock;
  readonly #time: TimeSource;

  constructor(
    config: RaftConfig,
    restored: RestoredState,
    control: ControlState,
    codec: CommandCodec,
    time: TimeSource,
  ) {
    this.#raft = new RaftNode(config, restored);
    this.#clock = new LeaderClock(time);
    this.#time = time;
    this.#control = control;
    this.#codec = codec;
    this.#isAsync = config.asyncStorageWrites;
    this.#appliedIndex = restored.applied;
    this.#replayableFrom = restored.applied + 1;
    this.#preferServing();
  }

  /** The control state as of `appliedIndex`. Read only. */
  get control(): ControlState {
    return this.#control;
  }

  /** Whether a snapshot of the leader waits to be installed; nothing else is applied until then. */
  get isRestoring(): boolean {
    return this.#raft.isRestoring;
  }

  /** Index of the last entry whose effects are in the control state and in the engines. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** The leader as far as this node knows, or 0. */
  get leader(): NodeId {
    return this.#raft.leader;
  }

  status(): RaftStatus {
    return this.#raft.status();
  }

  /** `nowMs` as in the inputs of the core. */
  tick(nowMs?: number): void {
    this.#raft.step(nowMs === undefined ? { type: 'tick' } : { type: 'tick', nowMs });
    this.#clock.tick(this.#raft.isLeader ? this.#raft.term : 0, this.#control.clockMs);
    this.#proposeUpkeep();
  }

  /** A message of a peer whose identity the transport has proven. */
  receive(message: Message, nowMs?: number): void {
    const input = { type: 'message', message } as const;
    this.#raft.step(nowMs === undefined ? input : { ...input, nowMs });
  }

  /** Proposes a command; the answer comes with `request` in some `finishApply()`. */
  propose(request: number, command: Command): RaftRefusal | undefined {
    return this.proposeAll([{ request, bytes: this.encode(command) }]);
  }

  /** The bytes of a command, for `proposeAll`. Throws `malformed` when no member could read them. */
  encode(command: Command): Uint8Array {
    const timed = withTime(command, this.#control, this.#clock.nowMs(this.#control.clockMs));
    const bytes = this.#codec.encode(timed);
    // What cannot be read would stop every member, and again after each start. Writes are bounded before.
    if (command.type !== 'memory') this.#codec.decode(bytes);
    return bytes;
  }

  /** Proposes commands together, all or none; each is answered by its own request. */
  proposeAll(
    proposals: readonly { readonly request: number; readonly bytes: Uint8Array }[],
  ): RaftRefusal | undefined {
    const data = proposals.map(({ bytes }) => bytes);
    const refusal = this.#raft.step({ type: 'propose', data });
    if (refusal !== undefined) return refusal;
    const { lastIndex, term } = this.#raft;
    const first = lastIndex - proposals.length + 1;
    for (const [at, { request }] of proposals.entries()) {
      this.#proposed.set(first + at, { term, request });
    }
    return undefined;
  }

  /** For the start: the only voter need not wait for a leader to be silent. */
  campaignIfAlone(): void {
    const { id, confState } = this.#raft.status();
    const { voters, votersOutgoing } = confState;
    if (voters.length !== 1 || voters[0] !== id || votersOutgoing.length > 0) return;
    this.#raft.step({ type: 'campaign' });
  }

  /** Asks for a point in the log from which a linearizable read may be served (thesis 6.4). */
  readIndex(context: string, nowMs?: number): RaftRefusal | undefined {
    const input = { type: 'readIndex', context } as const;
    return this.#raft.step(nowMs === undefined ? input : { ...input, nowMs });
  }

  transferLeadership(to: number): RaftRefusal | undefined {
    return this.#raft.step({ type: 'transferLeader', to });
  }

  reportUnreachable(peer: number): void {
    this.#raft.step({ type: 'unreachable', peer });
  }

  reportSnapshot(peer: number, ok: boolean): void {
    this.#raft.step({ type: 'snapshotReport', peer, ok });
  }

  hasReady(): boolean {
    return this.#raft.hasReady();
  }

  ready(): Ready & { readonly droppedReads: readonly string[] } {
    const ready = this.#raft.ready();
    if (ready.softState !== undefined && ready.softState.role !== 'leader') this.#loseProposals();
    for (const { context, index } of ready.readStates) this.#waitingReads.push({ context, index });
    return ready;
  }

  /** Replaces everything by a snapshot whose memories the engines hold already. */
  installSnapshot(meta: SnapshotMeta, control: ControlState): void {
    assert(meta.index > this.#appliedIndex, 'a snapshot moves the replica forward');
    this.#control = control;
    this.#appliedIndex = meta.index;
    this.#replayableFrom = meta.index + 1;
    this.#passedOver.clear();
    this.#controlChanged = true;
  }

  /** Applies the control part of committed entries, and hands out what the engines must apply. */
  beginApply(entries: readonly Entry[]): ApplyBatch {
    assert(this.#applications === undefined, 'one batch is applied at a time');
    const commands: LoggedCommand[] = [];
    const applications: Application[] = [];
    for (const entry of entries) {
      const request = this.#takeRequest(entry);
      if (entry.type === 'confChange') {
        const change = decodeConfChange(entry.data);
        this.#raft.applyConfChange(change);
        for (const { type, node } of change.changes) {
          if (type === 'remove') dropMember(this.#control, node);
        }
        this.#controlChanged = true;
      } else if (entry.data.length > 0) {
        applications.push(this.#applyEntry(entry, request, commands));
      }
    }
    this.#applications = applications;
    this.#applyingTo = entries.at(-1)?.index ?? this.#appliedIndex;
    return { commands, firstIndex: entries[0]?.index ?? 0, lastIndex: this.#applyingTo };
  }

  /** Takes the outcomes of the batch, in its order, and tells who can be answered now. */
  finishApply(outcomes: readonly ApplyOutcome[]): Applied {
    const applications = this.#applications;
    assert(applications !== undefined, 'a batch ends that was begun');
    this.#applications = undefined;
    this.#appliedIndex = this.#applyingTo;
    if (this.#isAsync) this.#raft.step({ type: 'applied', index: this.#appliedIndex });
    const replies: Reply[] = this.#lost.map((request) => ({ request, lost: 'leader-changed' }));
    this.#lost = [];
    // First every new write learns its outcome, then retries in the same batch can repeat it.
    for (const { position, result } of applications) {
      if (position < 0 || !('pending' in result)) continue;
      const outcome = outcomes[position];
      assert(outcome !== undefined, 'the engines tell an outcome for every command');
      result.pending.outcome = outcome;
    }
    for (const { request, result } of applications) {
      if (request === undefined) continue;
      replies.push({ request, result: 'pending' in result ? resultOf(result.pending) : result });
    }
    return { replies, reads: this.#takeReads(), controlChanged: this.#takeControlChanged() };
  }

  advance(): void {
    this.#raft.advance();
  }

  /** The writes of `ready` and of all before it are durable. Returns what is to be sent now. */
  written(ready: Ready): Message[] {
    const { id } = this.#raft;
    const toOthers: Message[] = [];
    for (const message of ready.messagesAfterPersist) {
      if (message.to === id) this.#raft.step({ type: 'ownAnswer', message });
      else toOthers.push(message);
    }
    if (ready.receipt !== null) this.#raft.step({ type: 'written', receipt: ready.receipt });
    return toOthers;
  }

  /** How many entries before the last applied one fit into both bounds. */
  trailingEntries(entriesMax: number, bytesMax: number): number {
    return this.#raft.trailingEntries(this.#appliedIndex, entriesMax, bytesMax);
  }

  /** Names the snapshot of everything applied so far. */
  snapshotMeta(): SnapshotMeta {
    return this.#raft.snapshotMeta(this.#appliedIndex);
  }

  /** Forgets log entries up to `index`, all covered by the snapshot `meta` that is durable. */
  compact(index: number, meta: SnapshotMeta): void {
    this.#raft.compact(index, meta);
    this.#replayableFrom = Math.max(this.#replayableFrom, index + 1);
    for (const passedOver of this.#passedOver) {
      if (passedOver <= index) this.#passedOver.delete(passedOver);
    }
  }

  /** First entry from which an engine that lags can be fed by `replay()`. */
  get replayableFrom(): number {
    return this.#replayableFrom;
  }

  /** Applied memory commands from index `from` on, as far as `bytesMax` reaches. */
  replay(from: number, bytesMax: number): ApplyBatch {
    assert(from >= this.#replayableFrom, 'only what the log still holds is replayed');
    const entries = this.#raft
      .entries(from, this.#appliedIndex + 1, bytesMax)
      .filter((entry) => entry.index <= this.#appliedIndex);
    const commands: LoggedCommand[] = [];
    for (const { index, type, data } of entries) {
      if (type !== 'normal' || data.length === 0 || this.#passedOver.has(index)) continue;
      const command = this.#codec.decode(data);
      if (command.type === 'memory') commands.push({ index, command: command.command });
      else if (command.type === 'expireMemory') commands.push({ index, command });
    }
    const lastIndex = entries.at(-1)?.index;
    assert(lastIndex !== undefined, 'there is something left to replay');
    return { commands, firstIndex: from, lastIndex };
  }

  #takeControlChanged(): boolean {
    const changed = this.#controlChanged;
    this.#controlChanged = false;
    if (changed) this.#preferServing();
    return changed;
  }

  /** Who is cordoned, or has not said that it serves, should not lead. */
  #preferServing(): void {
    const priorities = new Map<number, number>();
    for (const { nodeId, cordoned, status } of this.#control.members.values()) {
      const mayLead = status === 'up' && !cordoned && !isUnwanted(this.#control, nodeId);
      if (!mayLead) priorities.set(nodeId, 0);
    }
    const isSame =
      priorities.size === this.#priorities.size &&
      [...priorities.keys()].every((nodeId) => this.#priorities.has(nodeId));
    if (isSame) return;
    this.#priorities = priorities;
    this.#raft.step({ type: 'setPriorities', priorities });
  }

  #applyEntry(entry: Entry, request: number | undefined, commands: LoggedCommand[]): Application {
    const { index } = entry;
    const command = this.#codec.decode(entry.data);
    if (command.type === 'expireMemory') {
      const position = commands.push({ index, command }) - 1;
      return { index, request, result: { pending: { index, outcome: 'ok' } }, position };
    }
    if (command.type !== 'memory') {
      const result = applyControl(this.#control, index, command);
      if (changesMore(command)) this.#controlChanged = true;
      return { index, request, result, position: -1 };
    }
    const admission = admitWrite(this.#control, index, command);
    switch (admission.kind) {
      case 'refused': {
        this.#passedOver.add(index);
        const result: CommandResult = { ok: false, index, refusal: admission.refusal };
        return { index, request, result, position: -1 };
      }
      case 'retry':
        this.#passedOver.add(index);
        return { index, request, result: { pending: admission.answer }, position: -1 };
      case 'new': {
        commands.push({ index, command: command.command });
        const position = commands.length - 1;
        return { index, request, result: { pending: admission.answer }, position };
      }
    }
  }

  /** The request that waits for this entry, if it is the one that was proposed here. */
  #takeRequest(entry: Entry): number | undefined {
    const proposed = this.#proposed.get(entry.index);
    if (proposed === undefined) return undefined;
    this.#proposed.delete(entry.index);
    if (proposed.term === entry.term) return proposed.request;
    this.#lost.push(proposed.request);
    return undefined;
  }

  #loseProposals(): void {
    for (const { request } of this.#proposed.values()) this.#lost.push(request);
    this.#proposed.clear();
  }

  #takeReads(): string[] {
    const served = this.#waitingReads.filter((read) => read.index <= this.#appliedIndex);
    if (served.length === 0) return [];
    this.#waitingReads = this.#waitingReads.filter((read) => read.index > this.#appliedIndex);
    return served.map((read) => read.context);
  }

  #proposeUpkeep(): void {
    if (!this.#raft.isLeader) return;
    const status = this.#raft.status();
    const nowMs = this.#clock.nowMs(this.#control.clockMs);
    this.#silence.note(status, nowMs, this.livenessOf);
    // What was proposed before has to be applied before the state can tell what is still missing.
    if (this.#upkeep.term === status.term && this.#upkeep.index > this.#appliedIndex) return;
    const silentMs = (nodeId: number): number => this.#silence.of(nodeId);
    const timeOfDayMs = this.#time.timeOfDayMs();
    const upkeep = nextUpkeep(this.#control, status, nowMs, timeOfDayMs, silentMs);
    if (upkeep === undefined) return;
    if (upkeep.type === 'transfer') {
      this.transferLeadership(upkeep.to);
      return;
    }
    const refusal =
      upkeep.type === 'membership'
        ? this.#raft.step({ type: 'proposeConfChange', change: upkeep.change })
        : this.#raft.step({ type: 'propose', data: [this.encode(upkeep.command)] });
    if (refusal !== undefined) return;
    this.#upkeep = { term: status.term, index: this.#raft.lastIndex };
  }
}

/** The answer of a write, first or repeated: the index is that of the first. */
function resultOf({ index, outcome }: PendingAnswer): CommandResult {
  return outcome === 'ok' ? { ok: true, index, value: 0 } : { ok: false, index, refusal: outcome };
}
