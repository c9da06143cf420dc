/**
 * The writes of a simulated node, as `nodes/log-writes.ts`, `raft-log-store.ts` and `log-writer.ts`
 * make them together: one batch of frames at a time under one sync, while the next one gathers; a
 * snapshot of the leader first, and then what came with it.
 */
import type { HardState, Ready, SnapshotMeta } from '../../consensus/raft/index.js';
import type { FrameFacts } from '../../nodes/storage/frame-format.js';
import { TermRuns } from '../../nodes/storage/term-runs.js';
import { type WritePart, WriteParts, planFrames } from '../../nodes/storage/write-parts.js';
import type { Context } from '../world/index.js';
import { limits } from './limits.js';
import type { RaftMessage } from './messages.js';
import type { FrameOnDisk, Recovered } from './recovery.js';
import { dataKey, hasData, headKey, slotKey, stateKey } from './stored.js';
import type { RaftValue } from './stored.js';

const SYNC_BATCH = 1;
const SYNC_STATE = 2;
const EMPTY = { hardState: { term: 0, vote: 0, commit: 0 }, index: 0, term: 0 };

interface Install {
  readonly meta: SnapshotMeta;
  readonly state: string;
}

/** A step of the queue: a ready, or the mark of a snapshot of this node's own. */
interface Step {
  /** A snapshot that has to be durable before the parts are written. */
  install: Install | null;
  readonly parts: readonly WritePart[];
  readonly done: () => void;
}

/** See the head of this file. */
export class RaftStorage {
  readonly #context: Context<RaftMessage, RaftValue>;
  readonly #parts: WriteParts;
  readonly #runs: TermRuns;
  readonly #queue: Step[] = [];
  readonly #frames: FrameOnDisk[];
  #slotsDue: FrameFacts[];
  #nextNumber: number;
  /** The first frame of the last batch, and of the one before, which may be the last that is synced. */
  #batchNumber = 0;
  #keptNumber = 0;
  #snapshotIndex: number;
  /** Indexes of the snapshots on the disk, rising. */
  readonly #states: number[];
  /** Steps that the sync under way covers; null if none is. */
  #batch: Step[] | null = null;
  #installing: Step | null = null;
  #saving: (() => void) | null = null;

  /** `recovered` is null on a disk that has never held anything. */
  constructor(context: Context<RaftMessage, RaftValue>, recovered: Recovered | null) {
    this.#context = context;
    this.#parts = new WriteParts(recovered?.hardState ?? EMPTY.hardState);
    this.#runs = recovered?.runs ?? new TermRuns(EMPTY);
    this.#frames = recovered?.frames ?? [];
    this.#slotsDue = recovered?.slotsDue ?? [];
    this.#nextNumber = recovered?.nextNumber ?? 1;
    this.#snapshotIndex = recovered?.snapshot?.meta.index ?? 0;
    this.#states = this.#snapshotIndex > 0 ? [this.#snapshotIndex] : [];
    for (const key of recovered?.leftover ?? []) context.write(key, undefined);
    // A crash came between the snapshot and its mark: without it the log may end elsewhere.
    if (recovered?.snapshot && !recovered.isSnapshotMarked) this.#mark(recovered.snapshot.meta);
  }

  /** Whether nothing waits for the disk. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#batch === null;
  }

  /**
   * Writes a ready; `state` is that of its snapshot, if it has one. Calls `done` once that and
   * all before it is durable, at once if there is nothing to write and nothing under way.
   */
  add(ready: Ready, state: string | null, done: () => void): void {
    const { hardState, entries, repaired, mustSync: sync, snapshot } = ready;
    const isNews = hardState !== undefined || entries.length > 0 || repaired.length > 0;
    if (!isNews && snapshot === undefined && this.isIdle) {
      done();
      return;
    }
    const marks = snapshot === undefined ? [] : this.#parts.mark(snapshot);
    const parts = isNews ? (this.#parts.of({ hardState, entries, repaired, sync }) ?? []) : [];
    if (parts.length === 0 && snapshot === undefined && this.isIdle) {
      done();
      return;
    }
    if (snapshot === undefined || state === null) {
      this.#queue.push({ install: null, parts: [...marks, ...parts], done });
      return;
    }
    this.#install({ meta: snapshot, state }, [...marks, ...parts], done);
  }

  /** Stores what a founding member starts from. */
  found(meta: SnapshotMeta, state: string, hardState: HardState, done: () => void): void {
    const hard = this.#parts.of({ hardState, entries: [], sync: true }) ?? [];
    this.#install({ meta, state }, [...this.#parts.mark(meta), ...hard], done);
  }

  /** Stores a snapshot of this node's own, then calls `done` and forgets all up to `keepFrom`. */
  saveSnapshot(meta: SnapshotMeta, state: string, keepFrom: number, done: () => void): void {
    if (this.#saving !== null || meta.index <= this.#snapshotIndex) return;
    this.#writeState(meta, state);
    this.#saving = () => {
      this.#push(this.#parts.mark(meta), () => {
        this.#forget(meta.index, keepFrom);
        done();
      });
    };
    this.#context.sync(SYNC_STATE);
  }

  /** Whether a snapshot of this node's own is being stored. */
  get isSaving(): boolean {
    return this.#saving !== null;
  }

  /** A sync of the process has finished. */
  onSynced(token: number): void {
    if (token === SYNC_STATE) {
      const save = this.#saving;
      this.#saving = null;
      save?.();
      return;
    }
    const installed = this.#installing;
    if (installed !== null) {
      installed.install = null;
      this.#installing = null;
      this.#batch = null;
    } else {
      const batch = this.#batch ?? [];
      this.#batch = null;
      for (const { done } of batch) done();
      this.#reportEmpty();
    }
  }

  #mark(meta: SnapshotMeta): void {
    this.#push(this.#parts.mark(meta), () => undefined);
  }

  #install(install: Install, parts: readonly WritePart[], done: () => void): void {
    const finish = (): void => {
      this.#forget(install.meta.index, install.meta.index);
      done();
    };
    this.#queue.push({ install, parts, done: finish });
  }

  #push(parts: readonly WritePart[], done: () => void): void {
    this.#queue.push({ install: null, parts, done });
  }

  /** Begins to write what waits, unless a sync is under way: all of one turn goes into one batch. */
  flush(): void {
    const first = this.#queue[0];
    if (this.#batch !== null || first === undefined) return;
    if (first.install === null) {
      this.#batch = this.#take();
      this.#write(this.#batch.flatMap((step) => step.parts));
    } else {
      this.#batch = [];
      this.#installing = first;
      this.#writeState(first.install.meta, first.install.state);
    }
    this.#context.sync(SYNC_BATCH);
  }

  /** Reports what waits for nothing any more: it only had to come after what was written. */
  #reportEmpty(): void {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (first.install !== null || first.parts.length > 0) return;
      this.#queue.shift();
      first.done();
    }
  }

  /** The next steps that go under one sync. */
  #take(): Step[] {
    let count = 0;
    let parts = 0;
    for (const step of this.#queue) {
      parts += step.parts.length;
      if (step.install !== null || (count > 0 && parts > limits.framesPerBatchMax)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  #write(parts: readonly WritePart[]): void {
    const context = this.#context;
    for (const facts of this.#slotsDue) context.write(slotKey(facts.number), facts);
    this.#slotsDue = [];
    this.#keptNumber = this.#batchNumber;
    this.#batchNumber = this.#nextNumber;
    for (const [batchPosition, plan] of planFrames(parts, this.#runs).entries()) {
      const { kind, first, term, entries, hardState, before } = plan;
      const number = this.#nextNumber;
      this.#nextNumber += 1;
      const count = entries.length;
      const place = { number, offset: number, bytes: 1, batchPosition };
      const facts: FrameFacts = { ...place, kind, count, first, term, hardState };
      context.write(headKey(number), { facts, before });
      if (hasData(facts)) context.write(dataKey(number), { number, kind, entries });
      this.#slotsDue.push(facts);
      this.#frames.push({ number, lastIndex: count > 0 ? first + count - 1 : 0 });
    }
  }

  #writeState(meta: SnapshotMeta, state: string): void {
    this.#snapshotIndex = Math.max(this.#snapshotIndex, meta.index);
    this.#states.push(meta.index);
    this.#context.write(stateKey(meta.index), { meta, state });
  }

  /**
   * Removes snapshots before `index`, and frames without an entry after `keepFrom`, from the oldest
   * on.
   */
  #forget(index: number, keepFrom: number): void {
    const context = this.#context;
    const old = this.#states.filter((state) => state < index);
    for (const state of old) context.write(stateKey(state), undefined);
    this.#states.splice(0, this.#states.length, ...this.#states.filter((s) => s >= index));
    let count = 0;
    for (const { number, lastIndex } of this.#frames) {
      // The last batch tells what of it was synced, and it holds the hard state.
      if (lastIndex > keepFrom || number >= this.#keptNumber) break;
      context.write(headKey(number), undefined);
      context.write(dataKey(number), undefined);
      context.write(slotKey(number), undefined);
      count += 1;
    }
    this.#frames.splice(0, count);
    const firstNumber = this.#frames[0]?.number ?? 0;
    this.#slotsDue = this.#slotsDue.filter(({ number }) => number >= firstNumber);
  }
}
