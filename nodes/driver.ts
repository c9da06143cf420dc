/**
 * Runs a replica with real time, a real log and real engines. Disk, engines and network work at the
 * same time:
 *
 *     ready -> messages out
 *           -> log: written, synced (what comes meanwhile shares the next sync) -> written
 *           -> engines: applied in slices, between which everything else has its turn -> answers
 *
 * so that a slow disk delays acknowledgements and nothing else: heartbeats go on, and a leader whose
 * disk hangs can say so.
 */
import { ENTRY_DATA_BYTES_MAX, NO_NODE } from '../consensus/raft/index.js';
import type { Entry, Message, Ready, SnapshotMeta, SoftState } from '../consensus/raft/index.js';
import { assert } from './assert.js';
import { Compaction } from './compaction.js';
import type { Command, CommandResult } from './control-plane/command.js';
import type { Engines } from './engines.js';
import { LeaseClock } from './lease-clock.js';
import { LogWrites } from './log-writes.js';
import { APPLY_SLICE_MS, PROPOSALS_MAX, TICK_MS } from './limits.js';
import { bestSuccessor } from './migration/successor.js';
import { ProposalError } from './proposal-error.js';
import { ReadBarriers } from './read-barriers.js';
import type { Replica } from './replica/replica.js';
import type { RaftLogStore } from './storage/index.js';
import { decodeControlState } from './wire/state-codec.js';

export interface DriverPorts {
  send(message: Message): void;
  /** Puts a received snapshot into the engines; returns the bytes of its control state. */
  install(meta: SnapshotMeta): Promise<Uint8Array>;
  /** Members, rollout or version changed. */
  controlChanged(): void;
  log(message: string): void;
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
  readonly #compaction: Compaction;
  readonly #clock = new LeaseClock();
  readonly #reads: ReadBarriers;
  readonly #proposals = new Map<number, Waiting<CommandResult>>();
  #newProposals: { readonly request: number; readonly bytes: Uint8Array }[] = [];
  #nextRequest = 1;
  #awake = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  readonly #writes: LogWrites;
  /** Committed entries that wait for the engines, in order. */
  #applies: (readonly Entry[])[] = [];
  #applying = false;
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
    this.#ports = ports;
    this.#writes = new LogWrites(store, (error) => this.#fail(error));
    this.#compaction = new Compaction(replica, store, engines, snapshotIndex);
    this.#reads = new ReadBarriers((context) => {
      const refusal = this.#guard(() => replica.readIndex(context, this.#clock.nowMs()));
      this.#wake();
      return refusal;
    });
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#guard(() => this.#replica.tick(this.#clock.nowMs()));
      this.#reads.ask();
      this.#wake();
    }, TICK_MS);
    this.#guard(() => this.#replica.campaignIfAlone());
    this.#wake();
  }

  /** Ends after the writes that are under way, and fails what still waits. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#writes.done();
    await this.#compaction.idle().catch(() => undefined);
    for (const waiting of this.#proposals.values()) waiting.reject(new ProposalError('stopping'));
    this.#proposals.clear();
    this.#reads.stop();
    this.#tellProgress();
  }

  get pendingProposals(): number {
    return this.#proposals.size;
  }

  receive(message: Message): void {
    this.#guard(() => this.#replica.receive(message, this.#clock.nowMs()));
    this.#wake();
  }

  /**
   * Proposes on this node, which must lead. Resolves when the command is applied here; rejects with
   * `malformed` when it could not be read from the log.
   */
  propose(command: Command): Promise<CommandResult> {
    if (this.#stopped) return Promise.reject(new ProposalError('stopping'));
    if (this.#proposals.size >= PROPOSALS_MAX) {
      return Promise.reject(new ProposalError('overloaded'));
    }
    let bytes: Uint8Array;
    try {
      bytes = this.#replica.encode(command);
    } catch (error) {
      return Promise.reject(error);
    }
    // It would be refused, and with it all that are proposed in the same turn.
    if (bytes.length > ENTRY_DATA_BYTES_MAX) {
      return Promise.reject(new ProposalError('overloaded'));
    }
    const request = this.#nextRequest;
    this.#nextRequest += 1;
    this.#newProposals.push({ request, bytes });
    this.#wake();
    return new Promise((resolve, reject) => this.#proposals.set(request, { resolve, reject }));
  }

  /** Proposals of one turn of the event loop become one append to each member. */
  #proposeNew(): void {
    const proposals = this.#newProposals;
    if (proposals.length === 0) return;
    this.#newProposals = [];
    const refusal = this.#replica.proposeAll(proposals);
    if (refusal === undefined) return;
    const failure = refusal === 'too-many-uncommitted' ? 'overloaded' : 'not-leader';
    for (const { request } of proposals) {
      this.#proposals.get(request)?.reject(new ProposalError(failure));
      this.#proposals.delete(request);
    }
  }

  /** Resolves when a read on this node shows every write acknowledged before the call. */
  readBarrier(signal?: AbortSignal): Promise<void> {
    return this.#reads.wait(signal);
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
    return this.#compaction.pin();
  }

  /** Lets everything that arrives in this turn of the event loop into the next readies. */
  #wake(): void {
    if (this.#awake || this.#stopped) return;
    this.#awake = true;
    setImmediate(() => {
      this.#awake = false;
      this.#guard(() => this.#run());
    });
  }

  /** An invariant that breaks stops the node, wherever it is noticed. */
  #guard<T>(work: () => T): T | undefined {
    if (this.#stopped) return undefined;
    try {
      return work();
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#ports.failed(error);
  }

  #run(): void {
    this.#proposeNew();
    while (!this.#stopped && this.#replica.hasReady()) this.#handle(this.#replica.ready());
    this.#applySlice();
  }

  #logLeader({ leader, role }: SoftState): void {
    const { id, term } = this.#replica.status();
    const who = leader === id ? 'this node' : `node ${leader}`;
    const what = leader === NO_NODE ? `no leader is known (${role})` : `${who} leads`;
    this.#ports.log(`${what}, term ${term}`);
  }

  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#ports.send(message);
    if (ready.softState !== undefined) this.#logLeader(ready.softState);
    this.#write(ready);
    if (ready.committedEntries.length > 0) this.#applies.push(ready.committedEntries);
    this.#reads.dropped(ready.droppedReads);
    // Reads and lost proposals that wait for nothing to be applied.
    if (this.#applies.length === 0) this.#answer([]);
  }

  #write(ready: Ready): void {
    const { hardState, entries, repaired, snapshot, messagesAfterPersist, receipt } = ready;
    const isNews = hardState !== undefined || entries.length > 0 || repaired.length > 0;
    const isAwaited = messagesAfterPersist.length > 0 || receipt !== null;
    if (!isNews && !isAwaited && snapshot === undefined) return;
    const install = snapshot === undefined ? undefined : () => this.#install(snapshot);
    this.#writes.add(ready, install, () => {
      this.#guard(() => {
        for (const message of this.#replica.written(ready)) this.#ports.send(message);
        this.#wake();
      });
    });
  }

  /** Engines first: a log that begins after memories which are not there could not be replayed. */
  async #install(meta: SnapshotMeta): Promise<void> {
    await this.#compaction.idle();
    // What was handed out before the snapshot came is older than it.
    while (this.#applies.length > 0) this.#applyNext();
    const bytes = await this.#ports.install(meta);
    await this.#store.saveSnapshot(meta, bytes);
    this.#replica.installSnapshot(meta, decodeControlState(bytes));
    this.#compaction.installed(meta.index);
    this.#ports.controlChanged();
    this.#tellProgress();
  }

  /** Applies for a while, then lets the rest of the process have its turn. */
  #applySlice(): void {
    if (this.#applying || this.#applies.length === 0) return;
    const untilMs = performance.now() + APPLY_SLICE_MS;
    while (!this.#stopped && this.#applies.length > 0) {
      this.#applyNext();
      if (performance.now() < untilMs) continue;
      this.#applying = this.#applies.length > 0;
      if (this.#applying) {
        setImmediate(() => {
          this.#applying = false;
          this.#guard(() => this.#applySlice());
        });
      }
      return;
    }
  }

  #applyNext(): void {
    const entries = this.#applies.shift();
    assert(entries !== undefined, 'there is something to apply');
    let bytes = 0;
    for (const { data } of entries) bytes += data.length;
    this.#compaction.applied(bytes);
    this.#answer(entries);
    this.#tellProgress();
    this.#compaction.runIfDue()?.catch((error: unknown) => this.#fail(error));
    this.#wake();
  }

  /** Applies entries and answers everybody who waits for them or for nothing more. */
  #answer(entries: readonly Entry[]): void {
    const batch = this.#replica.beginApply(entries);
    const applied = this.#replica.finishApply(this.#engines.apply(batch));
    for (const reply of applied.replies) {
      const waiting = this.#proposals.get(reply.request);
      assert(waiting !== undefined, 'a reply belongs to a proposal of this driver');
      this.#proposals.delete(reply.request);
      if ('lost' in reply) waiting.reject(new ProposalError(reply.lost));
      else waiting.resolve(reply.result);
    }
    this.#reads.served(applied.reads);
    if (applied.controlChanged) this.#ports.controlChanged();
  }

  #tellProgress(): void {
    const waiting = this.#progress;
    this.#progress = [];
    for (const resolve of waiting) resolve();
  }
}
