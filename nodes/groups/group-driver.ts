/**
 * Runs one group with its log on disk and its state machine. Readies overlap
 * (`asyncStorageWrites` in `consensus/raft/effect.ts`):
 *
 *     ready -+-> messages ---------------------------------------> outbox
 *            +-> writes, in order: snapshot, log --- durable ----> messagesAfterPersist, `written`
 *            +-> applications, in order: state machine --- done -> results, reads, `applied`
 */
import {
  type ConfChange,
  type Entry,
  type Message,
  type NodeId,
  type RaftInput,
  type RaftNode,
  type Ready,
  decodeConfChange,
} from '../../consensus/raft/index.js';
import type { GroupId, RaftGroups } from '../../consensus/raft-groups/index.js';
import { assert } from '../assert.js';
import type { RaftLogStore } from '../storage/index.js';
import { GroupError, type GroupErrorCode, refusalError } from './error.js';
import type { GroupStatus, ReplicatedGroup, WaitOptions } from './group.js';
import {
  COMMAND_BYTES_MAX,
  PROPOSALS_PER_GROUP_MAX,
  READS_PER_GROUP_MAX,
  READ_RETRY_MS,
  TRAILING_ENTRIES,
  WAIT_MS_DEFAULT,
} from './limits.js';
import { LogWrites } from '../log-writes.js';
import type { GroupSnapshot } from './snapshots.js';
import type { Command, StateMachine } from './state-machine.js';
import { Proposals, GroupReads, type Waiting } from './waiting.js';

const all = (): boolean => true;

/** What a group needs of its node. */
export interface GroupPorts {
  readonly groups: RaftGroups;
  readonly compactionEntries: number;
  send(group: GroupId, messages: readonly Message[]): void;
  /** There may be something to do. */
  wake(): void;
  /** Somebody waits: `tick` has to be called. */
  watch(driver: { tick(nowMs: number): boolean }): void;
  /** Asks for room for the bytes of a proposal on this node. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
  failed(group: GroupId, error: GroupError): void;
  /** It was closed, and its directory may be opened again. */
  closed(group: GroupId): void;
}

/** What a group starts with. */
export interface GroupParts<Result> {
  readonly store: RaftLogStore;
  readonly machine: StateMachine<Result>;
  readonly snapshotIndex: number;
  /** New with each start of the process. */
  readonly incarnation: string;
}

/** See the head of this file. Its node is in `GroupPorts.groups` from the beginning to the end. */
export class GroupDriver<Result> implements ReplicatedGroup<Result> {
  readonly id: GroupId;
  readonly #ports: GroupPorts;
  readonly #node: RaftNode;
  readonly #store: RaftLogStore;
  readonly #machine: StateMachine<Result>;
  readonly #proposals = new Proposals<Result>();
  readonly #changes = new Proposals<void>();
  readonly #reads: GroupReads;
  #transfers: { readonly to: NodeId; readonly waiting: Waiting<void> }[] = [];
  #applied: number;
  #snapshotIndex: number;
  #received: GroupSnapshot | undefined;
  readonly #writes: LogWrites;
  #applications: Promise<void> = Promise.resolve();
  /** One snapshot at a time is saved: their order is that of their indexes. */
  #saving: Promise<void> = Promise.resolve();
  #captures = 0;
  #ended: GroupError | undefined;
  #closing: Promise<void> | undefined;

  constructor(id: GroupId, node: RaftNode, parts: GroupParts<Result>, ports: GroupPorts) {
    this.id = id;
    this.#ports = ports;
    this.#node = node;
    this.#store = parts.store;
    this.#machine = parts.machine;
    this.#applied = parts.snapshotIndex;
    this.#snapshotIndex = parts.snapshotIndex;
    this.#reads = new GroupReads(parts.incarnation);
    const failed = (error: unknown): void => this.fail('the log could not be written', error);
    this.#writes = new LogWrites(parts.store, failed);
  }

  propose(command: Uint8Array, options: WaitOptions = {}): Promise<Result> {
    const bytes = command.length;
    if (bytes === 0 || bytes > COMMAND_BYTES_MAX) {
      const bounds = `1 to ${COMMAND_BYTES_MAX} bytes`;
      return this.#reject('bad-command', `a command has ${bounds}, not ${bytes}`);
    }
    if (this.#proposals.size >= PROPOSALS_PER_GROUP_MAX || !this.#ports.reserve(bytes)) {
      return this.#reject('overloaded', 'as many proposals wait as are taken; wait for them');
    }
    const input: RaftInput = { type: 'propose', data: [command.slice()] };
    return this.#propose(input, this.#proposals, bytes, options).finally(() => {
      this.#ports.release(bytes);
    });
  }

  #propose<Value>(
    input: RaftInput,
    proposals: Proposals<Value>,
    bytes: number,
    options: WaitOptions,
  ): Promise<Value> {
    const refused = this.#step(input);
    if (refused !== undefined) return Promise.reject(refused);
    const { index, term } = this.#node.lastEntry;
    return new Promise((resolve, reject) => {
      const waiting = { ...this.#waiting(options, resolve, reject), term, bytes };
      proposals.add(index, waiting)?.reject(this.#error('unknown-outcome', 'another one led'));
    });
  }

  /** Gives an input to the core; returns why it was not taken. */
  #step(input: RaftInput): GroupError | undefined {
    if (this.#ended !== undefined) return this.#ended;
    const refusal = this.#ports.groups.step(this.id, input);
    this.#ports.wake();
    return refusal === undefined ? undefined : refusalError(this.id, refusal, this.#node.leader);
  }

  #waiting<Value>(
    { timeoutMs = WAIT_MS_DEFAULT }: WaitOptions,
    resolve: (value: Value) => void,
    reject: (error: Error) => void,
  ): Waiting<Value> {
    this.#ports.watch(this);
    return { deadlineMs: performance.now() + timeoutMs, resolve, reject };
  }

  #error(code: GroupErrorCode, message: string): GroupError {
    return new GroupError(code, `group ${this.id}: ${message}`, this.#node.leader);
  }

  #reject(code: GroupErrorCode, message: string): Promise<never> {
    return Promise.reject(this.#ended ?? this.#error(code, message));
  }

  readBarrier(options: WaitOptions = {}): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#reads.size >= READS_PER_GROUP_MAX) {
      return this.#reject('overloaded', 'as many reads wait as are taken; wait for them');
    }
    return new Promise((resolve, reject) => {
      this.#reads.add(this.#waiting(options, resolve, reject));
      // Reads of one turn of the event loop share one question.
      queueMicrotask(() => this.#ask(performance.now()));
    });
  }

  #ask(nowMs: number): void {
    const context = this.#reads.next(nowMs, READ_RETRY_MS);
    if (context === undefined) return;
    const refused = this.#step({ type: 'readIndex', context, nowMs });
    if (refused !== undefined) this.#reads.forget(context);
  }

  transfer(to: NodeId, options: WaitOptions = {}): Promise<void> {
    const refused = this.#step({ type: 'transferLeader', to });
    if (refused !== undefined) return Promise.reject(refused);
    return new Promise((resolve, reject) => {
      this.#transfers.push({ to, waiting: this.#waiting(options, resolve, reject) });
      this.#settleTransfers();
    });
  }

  #settleTransfers(): void {
    const done = this.#transfers.filter(({ to }) => to === this.#node.leader);
    this.#transfers = this.#transfers.filter((transfer) => !done.includes(transfer));
    for (const { waiting } of done) waiting.resolve();
  }

  addMember(node: NodeId, kind: 'voter' | 'learner', options: WaitOptions = {}): Promise<void> {
    const type = kind === 'voter' ? 'addVoter' : 'addLearner';
    return this.#change({ transition: 'auto', changes: [{ type, node }] }, options);
  }

  promoteMember(node: NodeId, options: WaitOptions = {}): Promise<void> {
    if (!this.#node.status().confState.learners.includes(node)) {
      return this.#reject('invalid-change', `node ${node} is no learner`);
    }
    return this.addMember(node, 'voter', options);
  }

  removeMember(node: NodeId, options: WaitOptions = {}): Promise<void> {
    return this.#change({ transition: 'auto', changes: [{ type: 'remove', node }] }, options);
  }

  #change(change: ConfChange, options: WaitOptions): Promise<void> {
    return this.#propose({ type: 'proposeConfChange', change }, this.#changes, 0, options);
  }

  status(): GroupStatus {
    const { id, role, term, leader, confState, commit, quiescent } = this.#node.status();
    return {
      group: this.id,
      node: id,
      role,
      term,
      leader,
      members: confState,
      commitIndex: commit,
      appliedIndex: this.#applied,
      quiescent,
      proposalsWaiting: this.#proposals.size + this.#changes.size,
      readsWaiting: this.#reads.size,
    };
  }

  /** Gives up what waits for too long and asks again. False when nobody waits any more. */
  tick(nowMs: number): boolean {
    const isLate = ({ deadlineMs }: { readonly deadlineMs: number }): boolean => {
      return deadlineMs <= nowMs;
    };
    const unknown = this.#error('unknown-outcome', 'the proposal was not applied in time');
    const late = (_: number, proposal: { readonly deadlineMs: number }) => isLate(proposal);
    for (const each of this.#proposals.takeWhere(late)) each.reject(unknown);
    for (const each of this.#changes.takeWhere(late)) each.reject(unknown);
    const timeout = this.#error('timeout', 'no answer in time');
    for (const read of this.#reads.takeWhere(isLate)) read.reject(timeout);
    for (const { waiting } of this.#transfers) if (isLate(waiting)) waiting.reject(timeout);
    this.#transfers = this.#transfers.filter(({ waiting }) => !isLate(waiting));
    this.#ask(nowMs);
    const waiting = this.#proposals.size + this.#changes.size + this.#reads.size;
    return waiting + this.#transfers.length > 0;
  }

  /** Takes the message of a snapshot whose state is here. */
  receiveSnapshot(message: Message, data: Uint8Array): void {
    assert(message.snapshot !== null, 'the message of a snapshot names it');
    if (this.#ended !== undefined) return;
    this.#received = { meta: message.snapshot, data };
    this.#step({ type: 'message', message });
  }

  /** The state as of the last entry applied; the log is not compacted until `release`. */
  async capture(): Promise<GroupSnapshot & { release(): void }> {
    this.#captures += 1;
    const release = (): void => {
      this.#captures -= 1;
    };
    const captured = this.#enqueue(async () => {
      if (this.#node.termAt(this.#applied) === undefined) {
        throw this.#error('not-leader', 'a snapshot of another leader is being installed');
      }
      const meta = this.#node.snapshotMeta(this.#applied);
      return { meta, data: await this.#machine.snapshot(), release };
    });
    return captured.catch((error: unknown) => {
      release();
      throw error;
    });
  }

  /** Begins what a ready asks for. */
  take(ready: Ready): void {
    const received = this.#received;
    this.#received = undefined;
    this.#ports.send(this.id, ready.messages);
    if (ready.softState !== undefined) this.#settleTransfers();
    for (const context of ready.droppedReads) this.#reads.forget(context);
    for (const { context, index } of ready.readStates) this.#reads.confirm(context, index);
    const { snapshot } = ready;
    const isIt = received?.meta.index === snapshot?.index && received?.meta.term === snapshot?.term;
    assert(snapshot === undefined || isIt, 'a snapshot to install was received whole');
    const install = snapshot === undefined ? undefined : () => this.#install(received!);
    this.#writes.add(ready, install, () => this.#written(ready));
    const { committedEntries, readStates } = ready;
    if (committedEntries.length > 0) this.#run(() => this.#apply(committedEntries));
    if (readStates.length > 0) this.#answerReads();
  }

  #answerReads(): void {
    for (const read of this.#reads.takeReadable(this.#applied)) read.resolve();
    if (this.#reads.size > 0) this.#ask(performance.now());
  }

  /** Everything of this ready and of those before it is durable. */
  #written(ready: Ready): void {
    if (this.#ended !== undefined) return;
    const toOthers = ready.messagesAfterPersist.filter(({ to, from }) => to !== from);
    this.#ports.send(this.id, toOthers);
    for (const message of ready.messagesAfterPersist) {
      if (message.to === message.from) this.#step({ type: 'ownAnswer', message });
    }
    if (ready.receipt !== null) this.#step({ type: 'written', receipt: ready.receipt });
    this.#ports.wake();
  }

  async #install(snapshot: GroupSnapshot): Promise<void> {
    const { meta, data } = snapshot;
    await this.#save(snapshot, 0);
    await this.#enqueue(() => this.#machine.restore(data));
    this.#applied = Math.max(this.#applied, meta.index);
    this.#snapshotIndex = Math.max(this.#snapshotIndex, meta.index);
    const unknown = this.#error('unknown-outcome', 'a snapshot covers the proposal');
    const isCovered = (index: number): boolean => index <= meta.index;
    for (const each of this.#proposals.takeWhere(isCovered)) each.reject(unknown);
    for (const each of this.#changes.takeWhere(isCovered)) each.reject(unknown);
    this.#answerReads();
  }

  #save({ meta, data }: GroupSnapshot, trailingEntries: number): Promise<void> {
    const saved = this.#saving.then(() =>
      this.#store.saveSnapshot(meta, data, { trailingEntries }),
    );
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  /** Runs `work` after everything that the state machine was given before. */
  #enqueue<Value>(work: () => Value | Promise<Value>): Promise<Value> {
    const done = this.#applications.then(() => {
      if (this.#ended !== undefined) throw this.#ended;
      return work();
    });
    this.#applications = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  #run(work: () => Promise<void>): void {
    this.#enqueue(work).catch((error: unknown) => this.fail('applying failed', error));
  }

  async #apply(entries: readonly Entry[]): Promise<void> {
    let commands: Command[] = [];
    const results = new Map<number, Result>();
    const flush = async (): Promise<void> => {
      if (commands.length === 0) return;
      const returned = await this.#machine.apply(commands);
      const { length } = commands;
      assert(returned.length === length, `a state machine returns a result for each command`);
      for (const [at, { index }] of commands.entries()) results.set(index, returned[at] as Result);
      commands = [];
    };
    for (const { index, type, data } of entries) {
      if (type === 'confChange') {
        await flush();
        this.#ports.groups.applyConfChange(this.id, decodeConfChange(data));
      } else if (data.length > 0) {
        commands.push({ index, data });
      }
    }
    await flush();
    if (this.#ended !== undefined) return;
    this.#applied = entries.at(-1)?.index ?? this.#applied;
    for (const entry of entries) this.#answer(entry, results);
    this.#step({ type: 'applied', index: this.#applied });
    this.#answerReads();
    if (this.#applied - this.#snapshotIndex >= this.#ports.compactionEntries) await this.#compact();
  }

  #answer({ index, term }: Entry, results: ReadonlyMap<number, Result>): void {
    const change = this.#changes.take(index);
    if (change?.term === term) change.resolve();
    else change?.reject(this.#error('not-applied', 'another leader replaced the change'));
    const proposal = this.#proposals.take(index);
    if (proposal?.term === term) proposal.resolve(results.get(index) as Result);
    else proposal?.reject(this.#error('not-applied', 'another leader replaced the command'));
  }

  async #compact(): Promise<void> {
    // A member that is sent a snapshot needs the entries after it; and a snapshot of the leader may
    // have replaced the log meanwhile.
    if (this.#captures > 0 || this.#node.termAt(this.#applied) === undefined) return;
    const meta = this.#node.snapshotMeta(this.#applied);
    const data = await this.#machine.snapshot();
    await this.#save({ meta, data }, TRAILING_ENTRIES);
    if (this.#ended !== undefined) return;
    this.#snapshotIndex = Math.max(this.#snapshotIndex, meta.index);
    const through = meta.index - TRAILING_ENTRIES;
    if (through > 0) this.#node.compact(through, meta);
  }

  /** Takes part no more, and says why. */
  fail(what: string, cause: unknown): void {
    if (this.#ended !== undefined) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new GroupError('failed', `group ${this.id}: ${what}: ${reason}`, 0, cause);
    this.#end(error);
    this.#ports.failed(this.id, error);
  }

  #end(error: GroupError): void {
    this.#ended = error;
    this.#ports.groups.remove(this.id);
    for (const each of this.#proposals.takeWhere(all)) each.reject(error);
    for (const each of this.#changes.takeWhere(all)) each.reject(error);
    for (const each of this.#reads.takeWhere(all)) each.reject(error);
    for (const { waiting } of this.#transfers.splice(0)) waiting.reject(error);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#ended === undefined) this.#end(this.#error('closed', 'it was closed'));
    await this.#writes.done();
    await this.#applications;
    await this.#saving;
    await this.#store.close();
    this.#ports.closed(this.id);
  }
}
