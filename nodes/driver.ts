/**
 * Runs a replica with real time, a real log and real engines. One loop: whatever came in while the
 * disk was busy is written by the next sync, so that load makes batches and not queues.
 */
import type { Message, SnapshotMeta } from '../consensus/raft/index.js';
import { assert } from './assert.js';
import type { Command, CommandResult } from './control-plane/command.js';
import type { Engines } from './engines.js';
import {
  COMPACTION_ENTRIES,
  PROPOSALS_MAX,
  READS_MAX,
  READ_RETRY_MS,
  TICK_MS,
  TRAILING_ENTRIES,
} from './limits.js';
import { bestSuccessor } from './migration/successor.js';
import type { Replica } from './replica/replica.js';
import type { RaftLogStore } from './storage/index.js';
import { decodeControlState, encodeControlState } from './wire/state-codec.js';

/** Why a proposal was not answered with a result; every one of them may be retried. */
export type ProposalFailure =
  'no-leader' | 'not-leader' | 'leader-changed' | 'overloaded' | 'stopping';

export class ProposalError extends Error {
  override readonly name = 'ProposalError';
  constructor(readonly failure: ProposalFailure) {
    super(`the command was not applied here: ${failure}`);
  }
}

export interface DriverPorts {
  send(message: Message): void;
  /** Puts a received snapshot into the engines; returns the bytes of its control state. */
  install(meta: SnapshotMeta): Promise<Uint8Array>;
  /** Members, rollout or version changed. */
  controlChanged(): void;
  /** The node cannot go on: a write failed, or an invariant broke. */
  failed(error: unknown): void;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export class Driver {
  readonly #replica: Replica;
  readonly #store: RaftLogStore;
  readonly #engines: Engines;
  readonly #ports: DriverPorts;
  readonly #proposals = new Map<number, Waiting<CommandResult>>();
  #nextRequest = 1;
  /** Reads that wait for the index asked for, and those that came after it was asked. */
  #askedReads: Waiting<void>[] = [];
  #newReads: Waiting<void>[] = [];
  #readContext = '';
  #readAskedAtMs = 0;
  #readCount = 0;
  #awake = false;
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #lastSnapshotIndex: number;
  #snapshotVersion: 1 | 2;
  #pins = 0;
  #progress: (() => void)[] = [];

  constructor(
    replica: Replica,
    store: RaftLogStore,
    engines: Engines,
    snapshotIndex: number,
    ports: DriverPorts,
  ) {
    this.#replica = replica;
    this.#store = store;
    this.#engines = engines;
    this.#lastSnapshotIndex = snapshotIndex;
    this.#ports = ports;
    this.#snapshotVersion = replica.control.swarmVersion;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#replica.tick();
      this.#askReads();
      this.#wake();
    }, TICK_MS);
    this.#wake();
  }

  /** Ends the loop after the round that runs, and fails what still waits. */
  async stop(): Promise<void> {
    if (this.#stopped) return this.#running;
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
    for (const waiting of this.#proposals.values()) waiting.reject(new ProposalError('stopping'));
    this.#proposals.clear();
    for (const read of [...this.#askedReads, ...this.#newReads]) {
      read.reject(new ProposalError('stopping'));
    }
    this.#askedReads = [];
    this.#newReads = [];
    this.#tellProgress();
  }

  get pendingProposals(): number {
    return this.#proposals.size;
  }

  receive(message: Message): void {
    if (this.#stopped) return;
    this.#replica.receive(message);
    this.#wake();
  }

  /** Proposes on this node, which must lead. Resolves when the command is applied here. */
  propose(command: Command): Promise<CommandResult> {
    if (this.#stopped) return Promise.reject(new ProposalError('stopping'));
    if (this.#proposals.size >= PROPOSALS_MAX) {
      return Promise.reject(new ProposalError('overloaded'));
    }
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    const refusal = this.#replica.propose(request, command);
    if (refusal !== undefined) {
      const failure = refusal === 'too-many-uncommitted' ? 'overloaded' : 'not-leader';
      return Promise.reject(new ProposalError(failure));
    }
    this.#wake();
    return new Promise((resolve, reject) => this.#proposals.set(request, { resolve, reject }));
  }

  /** Resolves when a read on this node shows every write acknowledged before the call. */
  readBarrier(signal?: AbortSignal): Promise<void> {
    if (this.#stopped) return Promise.reject(new ProposalError('stopping'));
    if (this.#newReads.length + this.#askedReads.length >= READS_MAX) {
      return Promise.reject(new ProposalError('overloaded'));
    }
    return new Promise((resolve, reject) => {
      const read = { resolve, reject };
      this.#newReads.push(read);
      signal?.addEventListener('abort', () => this.#forgetRead(read), { once: true });
      // Reads of one turn of the event loop share one question.
      queueMicrotask(() => this.#askReads());
    });
  }

  /** Resolves after the next entries are applied, or when the driver stops. */
  nextProgress(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => this.#progress.push(resolve));
  }

  /**
   * Hands leadership to the best successor, unless that is under way already: another target in
   * the middle would only begin it anew. False when this node does not lead, or is alone.
   */
  handOver(): boolean {
    const { role, transferTarget, id } = this.#replica.status();
    if (role !== 'leader' || this.#stopped) return false;
    if (transferTarget !== 0) return true;
    const target = bestSuccessor(this.#replica, id);
    if (target === undefined) return false;
    this.#replica.transferLeadership(target);
    this.#wake();
    return true;
  }

  reportUnreachable(peer: number): void {
    if (this.#stopped) return;
    this.#replica.reportUnreachable(peer);
    this.#wake();
  }

  reportSnapshot(peer: number, ok: boolean): void {
    if (this.#stopped) return;
    this.#replica.reportSnapshot(peer, ok);
    this.#wake();
  }

  /** Keeps the log from being compacted until the returned function is called. */
  pinLog(): () => void {
    this.#pins += 1;
    let pinned = true;
    return () => {
      if (pinned) this.#pins -= 1;
      pinned = false;
    };
  }

  #wake(): void {
    if (this.#awake || this.#stopped) return;
    this.#awake = true;
    this.#running = this.#loop().catch((error: unknown) => {
      this.#stopped = true;
      clearInterval(this.#timer);
      this.#ports.failed(error);
    });
  }

  async #loop(): Promise<void> {
    // Let everything that arrives in this turn of the event loop into the first round.
    await new Promise((resolve) => setImmediate(resolve));
    while (!this.#stopped && this.#replica.hasReady()) await this.#round();
    this.#awake = false;
  }

  async #round(): Promise<void> {
    const ready = this.#replica.ready();
    for (const message of ready.messages) this.#ports.send(message);
    if (ready.snapshot !== undefined) await this.#install(ready.snapshot);
    const installed = ready.snapshot !== undefined;
    if (ready.hardState !== undefined || ready.entries.length > 0) {
      const { hardState, entries, mustSync: sync } = ready;
      await this.#store.append(
        hardState === undefined ? { entries, sync } : { hardState, entries, sync },
      );
    }
    for (const message of ready.messagesAfterPersist) this.#ports.send(message);
    if (ready.droppedReads.includes(this.#readContext)) this.#readAskedAtMs = 0;
    const batch = this.#replica.beginApply(ready.committedEntries);
    const applied = this.#replica.finishApply(this.#engines.apply(batch));
    this.#replica.advance();
    this.#answer(applied);
    await this.#compact();
    if (applied.controlChanged || installed) this.#ports.controlChanged();
    if (batch.firstIndex > 0 || installed) this.#tellProgress();
  }

  /** Engines first: a log that begins after memories which are not there could not be replayed. */
  async #install(meta: SnapshotMeta): Promise<void> {
    const bytes = await this.#ports.install(meta);
    await this.#store.saveSnapshot(meta, bytes);
    this.#replica.installSnapshot(meta, decodeControlState(bytes));
    this.#lastSnapshotIndex = meta.index;
    this.#snapshotVersion = this.#replica.control.swarmVersion;
  }

  #answer(applied: ReturnType<Replica['finishApply']>): void {
    for (const reply of applied.replies) {
      const waiting = this.#proposals.get(reply.request);
      assert(waiting !== undefined, 'a reply belongs to a proposal of this driver');
      this.#proposals.delete(reply.request);
      if ('lost' in reply) waiting.reject(new ProposalError(reply.lost));
      else waiting.resolve(reply.result);
    }
    if (!applied.reads.includes(this.#readContext)) return;
    for (const read of this.#askedReads) read.resolve();
    this.#askedReads = [];
    this.#readContext = '';
    this.#askReads();
  }

  /** One question at a time; reads that come while it is under way wait for the next one. */
  #askReads(): void {
    if (this.#stopped) return;
    const now = performance.now();
    const waiting = this.#askedReads.length > 0;
    if (waiting && now - this.#readAskedAtMs < READ_RETRY_MS) return;
    if (!waiting && this.#newReads.length === 0) return;
    this.#askedReads = this.#askedReads.concat(this.#newReads);
    this.#newReads = [];
    this.#readCount += 1;
    this.#readContext = String(this.#readCount);
    this.#readAskedAtMs = now;
    // Refused without a leader: the next tick asks again.
    if (this.#replica.readIndex(this.#readContext) !== undefined) this.#readAskedAtMs = 0;
    this.#wake();
  }

  /** Nobody waits for this read any more. */
  #forgetRead(read: Waiting<void>): void {
    this.#newReads = this.#newReads.filter((one) => one !== read);
    this.#askedReads = this.#askedReads.filter((one) => one !== read);
    read.reject(new ProposalError('stopping'));
  }

  #tellProgress(): void {
    const waiting = this.#progress;
    this.#progress = [];
    for (const resolve of waiting) resolve();
  }

  /** The engines are made durable first: what the log forgets, they must still know. */
  async #compact(): Promise<void> {
    const { appliedIndex } = this.#replica;
    const { swarmVersion } = this.#replica.control;
    // The log before the raised version is for engines that are not fed any more: never replay it.
    const isRaised = swarmVersion !== this.#snapshotVersion;
    const isLong = appliedIndex - this.#lastSnapshotIndex >= COMPACTION_ENTRIES;
    if (!isRaised && (this.#pins > 0 || !isLong)) return;
    this.#snapshotVersion = swarmVersion;
    this.#engines.sync();
    assert(this.#engines.appliedIndex() >= appliedIndex, 'engines are as far as the replica');
    const meta = this.#replica.snapshotMeta();
    await this.#store.saveSnapshot(meta, encodeControlState(this.#replica.control), {
      trailingEntries: TRAILING_ENTRIES,
    });
    this.#lastSnapshotIndex = meta.index;
    const keepFrom = Math.max(meta.index - TRAILING_ENTRIES, 0);
    if (keepFrom > 0) this.#replica.compact(keepFrom, meta);
    this.#engines.forgetOutcomes(keepFrom);
  }
}
