/**
 * A member of a Raft group in the simulated world: the core of production with overlapping storage
 * writes, driven as `nodes/driver.ts` drives it:
 *
 *     ready -> messages out
 *           -> storage: written, synced -> messages that wait for it, `written`
 *           -> replica: applied, at once or a while later -> answers, `applied`
 */
import {
  type Entry,
  type Message,
  RaftNode,
  type Ready,
  type SnapshotMeta,
  decodeConfChange,
  decodeMessage,
  encodeMessage,
} from '../../consensus/raft/index.js';
import type { Json } from '../explore/plan.js';
import type { Context, Process } from '../world/index.js';
import { LeaseClock } from '../../nodes/lease-clock.js';
import type { RaftNodeOptions } from './node-options.js';
import type { AdminRequest, ClientReply, ClientRequest, RaftMessage } from './messages.js';
import { raftNodeName } from './messages.js';
import { inputOf } from './operations.js';
import { PeerWatch } from './peer-watch.js';
import { Replica, encodeCommand } from './replica.js';
import type { Start } from './start.js';
import type { RaftStorage } from './storage.js';
import { SnapshotSource } from './snapshot-source.js';
import { SnapshotTransfers } from './snapshot-transfers.js';
import { MACHINE_KEY, type RaftValue } from './stored.js';

const TICK = { type: 'tick' } as const;

interface Asker {
  readonly name: string;
  readonly attempt: number;
}

interface PendingRead extends Asker {
  readonly query: Json;
  /** Set once the core has said up to where the node must have applied. */
  index: number;
}

/** See the head of this file. */
export class RaftProcess implements Process<RaftMessage> {
  readonly id: number;
  readonly node: RaftNode;
  readonly replica: Replica;
  readonly #options: RaftNodeOptions;
  readonly #context: Context<RaftMessage, RaftValue>;
  readonly #storage: RaftStorage;
  readonly #watch: PeerWatch;
  readonly #names: readonly string[];
  readonly #leaseClock: { nowMs(): number } | null;
  readonly #attempts: Map<string, number>;
  /** Proposals of this node by the index that they would have. */
  readonly #proposals = new Map<number, Asker & { readonly term: number }>();
  readonly #reads = new Map<string, PendingRead>();
  #nextRead = 1;
  /** Committed entries that wait to be applied, in order. */
  #applies: (readonly Entry[])[] = [];
  #isApplyPlanned = false;
  readonly #snapshots: SnapshotSource;
  readonly #transfers: SnapshotTransfers;
  #appliedIndex: number;
  #snapshotIndex: number;
  #ledTerm = 0;

  constructor(options: RaftNodeOptions, start: Start, context: Context<RaftMessage, RaftValue>) {
    this.id = start.id;
    this.#options = options;
    this.#context = context;
    this.#storage = start.storage;
    this.#names = options.names;
    this.#attempts = start.attempts;
    this.#leaseClock = options.config.leaseMs > 0 ? leaseClockOf(options, context) : null;
    this.replica = new Replica(options.machine());
    this.#snapshots = new SnapshotSource(options.reusesSnapshots);
    this.#transfers = new SnapshotTransfers(
      options,
      (to, message) => context.send(to, message),
      (message) => this.#receive(message),
    );
    if (start.state !== null) this.replica.restore(start.state);
    const { observer } = options;
    observer?.started(this.id, start.restored);
    const trace = observer?.traceOf(this.id);
    this.node = new RaftNode(
      { ...options.config, id: this.id, random: () => context.random(), ...(trace && { trace }) },
      start.restored,
    );
    this.#appliedIndex = start.restored.applied;
    this.#snapshotIndex = start.restored.snapshot?.index ?? 0;
    observer?.running(this);
    const { preferredLeader } = options;
    if (preferredLeader > 0) {
      this.node.step({ type: 'setPriorities', priorities: new Map([[preferredLeader, 2]]) });
    }
    this.#watch = new PeerWatch(options, this.id, context, this.node);
    context.setTimer(Math.floor(context.random() * options.tickMicroseconds), 'tick');
    this.#pump();
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** The time for lease reads, and none where there are none. */
  #clock(): { readonly nowMs: number } | undefined {
    return this.#leaseClock === null ? undefined : { nowMs: this.#leaseClock.nowMs() };
  }

  onTick(tag: string): void {
    if (tag === 'tick') {
      this.#context.setTimer(this.#options.tickMicroseconds, 'tick');
      this.node.step(this.#leaseClock === null ? TICK : { ...TICK, ...this.#clock() });
      this.#watch.tick();
      this.#transfers.tick();
    } else {
      this.#isApplyPlanned = false;
      this.#applyNext();
    }
    this.#pump();
  }

  onMessage(from: string, message: RaftMessage): void {
    if (message instanceof Uint8Array) {
      this.#receive(decodeMessage(message));
    } else if ('commit' in message) {
      this.#receive(message);
    } else {
      this.#receiveOther(from, message);
    }
    this.#pump();
  }

  onDiskSynced(token: number): void {
    this.#storage.onSynced(token);
    this.#pump();
  }

  onConnectionLost(peer: string): void {
    const id = this.#names.indexOf(peer);
    if (id < 1) return;
    this.node.step({ type: 'unreachable', peer: id });
    this.#pump();
  }

  #receive(message: Message): void {
    this.#watch.heard(message.from);
    this.#options.observer?.received(this.node, message);
    this.node.step({ type: 'message', message, ...this.#clock() });
  }

  #receiveOther(from: string, message: Exclude<RaftMessage, Message | Uint8Array>): void {
    switch (message.type) {
      case 'client-request':
        this.#request(from, message);
        break;
      case 'snapshot-transfer':
      case 'snapshot-offer':
      case 'snapshot-block':
        this.#transfers.receive(from, message);
        break;
      case 'snapshot-wanted':
        // Who asks for what is not there will not get on by it: the transfer has failed.
        if (this.#transfers.giveBlock(from, message.index, message.block)) {
          this.#watch.snapshotWanted(from);
        }
        break;
      case 'snapshot-arrived':
        this.#watch.snapshotArrived(from);
        break;
      case 'are-you-there':
        this.#context.send(from, { type: 'i-am-here' });
        break;
      case 'i-am-here':
        this.#watch.heard(this.#names.indexOf(from));
        break;
      case 'client-reply':
        break;
    }
  }

  #request(from: string, request: ClientRequest): void {
    const { ask, attempt, sequence } = request;
    if (attempt <= (this.#attempts.get(from) ?? 0)) return;
    this.#attempts.set(from, attempt);
    const asker = { name: from, attempt };
    switch (ask.kind) {
      case 'read':
        return this.#read(asker, ask.operation);
      case 'write': {
        const command = { client: from, sequence, operation: ask.operation };
        const data = [encodeCommand(command)];
        if (this.node.step({ type: 'propose', data }) !== undefined) return this.#refuse(asker);
        this.#proposals.set(this.node.lastIndex, { ...asker, term: this.node.term });
        return;
      }
      case 'change':
      case 'transfer':
      case 'forget':
        return this.#administer(asker, ask);
    }
  }

  #read(asker: Asker, query: Json): void {
    this.#options.observer?.asked(this.node);
    const context = `${this.id}/${this.#nextRead}`;
    this.#nextRead += 1;
    this.#reads.set(context, { ...asker, query, index: Infinity });
    const refusal = this.node.step({ type: 'readIndex', context, ...this.#clock() });
    if (refusal === undefined) return;
    this.#reads.delete(context);
    this.#refuse(asker);
  }

  #administer(asker: Asker, ask: AdminRequest): void {
    const refusal = this.node.step(inputOf(ask));
    if (refusal !== undefined) return this.#refuse(asker);
    // Nobody waits for the end of any: what came of it shows in the membership.
    this.#reply(asker, { outcome: 'ok', index: this.node.lastIndex });
  }

  #refuse(asker: Asker): void {
    this.#reply(asker, { outcome: 'refused' });
  }

  #reply(
    { name, attempt }: Asker,
    fields: Pick<ClientReply, 'outcome'> & Partial<ClientReply>,
  ): void {
    const rest = { result: null, index: 0, term: 0, leader: this.node.leader };
    this.#context.send(name, { type: 'client-reply', attempt, ...rest, ...fields });
  }

  /** Hands out everything there is to do. */
  #pump(): void {
    const { node } = this;
    do {
      while (node.hasReady()) this.#handle(node.ready());
      this.#storage.flush();
    } while (node.hasReady());
  }

  #handle(ready: Ready): void {
    const { node } = this;
    const { observer } = this.#options;
    if (node.isLeader && node.term !== this.#ledTerm) {
      this.#ledTerm = node.term;
      observer?.leads(this.id, node);
    }
    if (ready.entries.length > 0) observer?.wrote(this.id, node, ready.entries);
    if (ready.hardState !== undefined) observer?.commits(this.id, node, ready.hardState.commit);
    for (const message of ready.messages) this.#send(message);
    this.#write(ready);
    if (ready.committedEntries.length > 0) this.#planApply(ready.committedEntries);
    for (const { context, index } of ready.readStates) {
      const read = this.#reads.get(context);
      if (read !== undefined) read.index = index;
    }
    for (const context of ready.droppedReads) {
      const read = this.#reads.get(context);
      this.#reads.delete(context);
      if (read !== undefined) this.#refuse(read);
    }
    if (ready.readStates.length > 0) this.#answerReads();
  }

  #write(ready: Ready): void {
    const { hardState, entries, repaired, snapshot, messagesAfterPersist, receipt } = ready;
    const isNews = hardState !== undefined || entries.length > 0 || repaired.length > 0;
    const isAwaited = messagesAfterPersist.length > 0 || receipt !== null;
    if (!isNews && !isAwaited && snapshot === undefined) return;
    const state = snapshot === undefined ? null : this.#transfers.stateOf(snapshot);
    this.#storage.add(ready, state, () => this.#written(ready, state));
  }

  /** A ready and all before it is durable. */
  #written(ready: Ready, state: string | null): void {
    const { snapshot, messagesAfterPersist, receipt } = ready;
    if (snapshot !== undefined && state !== null) this.#install(snapshot, state);
    for (const message of messagesAfterPersist) {
      if (message.to === this.id) this.node.step({ type: 'ownAnswer', message });
      else this.#send(message);
    }
    if (receipt !== null) this.node.step({ type: 'written', receipt });
  }

  #install(meta: SnapshotMeta, state: string): void {
    // What was handed out before the snapshot came is older than it.
    while (this.#applies.length > 0) this.#applyNext();
    if (meta.index <= this.#appliedIndex) return;
    this.replica.restore(state);
    this.#appliedIndex = meta.index;
    this.#keepMachine();
    this.#snapshotIndex = Math.max(this.#snapshotIndex, meta.index);
    this.#options.observer?.installed(this.id, meta.index, state);
    this.#forgetProposals(meta.index);
    this.#answerReads();
  }

  #forgetProposals(through: number): void {
    for (const [index, asker] of this.#proposals) {
      if (index > through) continue;
      this.#proposals.delete(index);
      this.#reply(asker, { outcome: 'unknown' });
    }
  }

  #send(message: Message): void {
    const { observer, usesCodec } = this.#options;
    observer?.sends(this.id, message);
    const name = this.#names[message.to] ?? raftNodeName(message.to);
    if (message.type === 'snapshot') this.#sendSnapshot(name, message);
    else this.#context.send(name, usesCodec ? encodeMessage(message) : message);
  }

  #sendSnapshot(name: string, message: Message): void {
    if (this.node.isRestoring || this.#applies.length > 0 || this.#appliedIndex < 1) {
      this.node.step({ type: 'snapshotReport', peer: message.to, ok: false });
      return;
    }
    this.#watch.snapshotSent(message.to);
    const prepared = this.#snapshots.prepare(this.node, this.replica, this.#appliedIndex);
    this.#transfers.give(name, message, prepared);
  }

  #keepMachine(): void {
    if (!this.#options.keepsMachine) return;
    const machine = { appliedIndex: this.#appliedIndex, state: this.replica.snapshot() };
    this.#context.write(MACHINE_KEY, machine);
  }

  #planApply(entries: readonly Entry[]): void {
    this.#options.observer?.handedOut(this.id, entries);
    this.#applies.push(entries);
    const { applyMicroseconds } = this.#options;
    if (applyMicroseconds === 0) {
      this.#applyNext();
    } else if (!this.#isApplyPlanned) {
      this.#isApplyPlanned = true;
      this.#context.setTimer(applyMicroseconds, 'apply');
    }
  }

  #applyNext(): void {
    const entries = this.#applies.shift();
    if (entries === undefined) return;
    for (const entry of entries) this.#apply(entry);
    const last = entries.at(-1) as Entry;
    this.#keepMachine();
    this.node.step({ type: 'applied', index: last.index });
    this.#answerReads();
    this.#compactIfDue();
    if (this.#applies.length > 0 && !this.#isApplyPlanned) {
      this.#isApplyPlanned = true;
      this.#context.setTimer(this.#options.applyMicroseconds, 'apply');
    }
  }

  #apply(entry: Entry): void {
    const { observer } = this.#options;
    const { index, term, type, data } = entry;
    const isOvertaken = index <= this.#appliedIndex;
    if (type === 'confChange') {
      const confState = this.node.applyConfChange(decodeConfChange(data));
      // With a snapshot on its way to the disk, the core has the later membership of that.
      const isPresent = !isOvertaken && !this.node.isRestoring;
      if (isPresent) observer?.membership(this.id, index, confState);
    }
    // A snapshot that was installed meanwhile holds it already.
    if (isOvertaken) return;
    this.#appliedIndex = index;
    observer?.applied(this.id, entry);
    const asker = this.#proposals.get(index);
    if (asker !== undefined) this.#proposals.delete(index);
    if (type !== 'normal' || data.length === 0) {
      // Another entry stands where the proposal would have been: that one is committed nowhere.
      if (asker !== undefined) this.#refuse(asker);
      return;
    }
    const applied = this.replica.apply(entry);
    observer?.effect(this.id, applied);
    if (asker === undefined) return;
    if (asker.term !== term) this.#refuse(asker);
    else this.#reply(asker, { outcome: 'ok', result: applied.result, index: applied.index, term });
  }

  #answerReads(): void {
    if (this.#reads.size === 0) return;
    for (const [context, read] of this.#reads) {
      if (read.index > this.#appliedIndex) continue;
      this.#reads.delete(context);
      const result = this.replica.read(read.query);
      this.#reply(read, { outcome: 'ok', result, index: this.#appliedIndex });
    }
  }

  #compactIfDue(): void {
    const { compactionEntries, trailingEntries } = this.#options;
    const index = this.#appliedIndex;
    if (index - this.#snapshotIndex < compactionEntries) return;
    if (this.node.isRestoring || this.#storage.isSaving || this.#applies.length > 0) return;
    const meta = this.node.snapshotMeta(index);
    const state = this.replica.snapshot();
    this.#options.observer?.holds(this.id, index, state);
    this.#snapshotIndex = index;
    const keepFrom = Math.max(1, index - trailingEntries);
    this.#storage.saveSnapshot(meta, state, keepFrom, () => {
      this.node.compact(keepFrom, meta);
    });
  }
}

function leaseClockOf(
  { leasesByWallClock }: RaftNodeOptions,
  context: Context<RaftMessage, RaftValue>,
): { nowMs(): number } {
  const wallMs = (): number => context.wallMicroseconds / 1_000;
  if (leasesByWallClock) return { nowMs: wallMs };
  return new LeaseClock(() => context.clockMicroseconds / 1_000, wallMs);
}
