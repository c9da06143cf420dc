/**
 * When the log is cut: after so many entries or bytes, or when what it holds is old. What followers
 * that lag still need stays behind, as far as that is affordable; the others get a snapshot.
 */
import { assert } from './assert.js';
import type { ControlState } from './control-plane/state.js';
import type { Engines } from './engines.js';
import { keepsV1 } from './kept-engines.js';
import {
  COMPACTION_AGE_MS,
  COMPACTION_BYTES,
  COMPACTION_ENTRIES,
  TRAILING_BYTES,
  TRAILING_ENTRIES,
} from './limits.js';
import type { Replica } from './replica/replica.js';
import type { RaftLogStore } from './storage/index.js';
import { encodeControlState } from './wire/state-codec.js';

/** See the head of this file. */
export class Compaction {
  readonly #replica: Replica;
  readonly #store: RaftLogStore;
  readonly #engines: Engines;
  #snapshotIndex: number;
  /** Whether v1 was fed, and whether v2 answered. */
  #snapshotEngines: string;
  #snapshotAtMs = performance.now();
  /** Bytes of entries applied since the last snapshot. */
  #bytes = 0;
  #pins = 0;
  #running: Promise<void> | undefined;

  constructor(replica: Replica, store: RaftLogStore, engines: Engines, snapshotIndex: number) {
    this.#replica = replica;
    this.#store = store;
    this.#engines = engines;
    this.#snapshotIndex = snapshotIndex;
    this.#snapshotEngines = enginesIn(replica.control);
  }

  /** Keeps the log as it is until the returned function is called. */
  pin(): () => void {
    this.#pins += 1;
    let pinned = true;
    return () => {
      if (pinned) this.#pins -= 1;
      pinned = false;
    };
  }

  applied(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A snapshot of the leader is stored. */
  installed(index: number): void {
    this.#began(index);
  }

  /** Begins to cut the log if it is time; resolves when that is done. Rejects with the disk's error. */
  runIfDue(): Promise<void> | undefined {
    if (this.#running !== undefined || !this.#isDue()) return undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no snapshot is being written. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #isDue(): boolean {
    // The core is ahead of what is applied here: what it would name is not what there is.
    if (this.#replica.isRestoring) return false;
    if (this.#pins > 0) return false;
    // The log before is for engines that are not fed any more, or may be gone: do not replay it.
    if (enginesIn(this.#replica.control) !== this.#snapshotEngines) return true;
    const entries = this.#replica.appliedIndex - this.#snapshotIndex;
    if (entries === 0) return false;
    const isOld = performance.now() - this.#snapshotAtMs >= COMPACTION_AGE_MS;
    return entries >= COMPACTION_ENTRIES || this.#bytes >= COMPACTION_BYTES || isOld;
  }

  /** The engines are made durable first: what the log forgets, they must still know. */
  async #run(): Promise<void> {
    const { appliedIndex } = this.#replica;
    this.#engines.sync();
    assert(this.#engines.appliedIndex() >= appliedIndex, 'engines are as far as the replica');
    const meta = this.#replica.snapshotMeta();
    const control = encodeControlState(this.#replica.control);
    this.#began(meta.index);
    const kept = this.#replica.trailingEntries(TRAILING_ENTRIES, TRAILING_BYTES);
    await this.#store.saveSnapshot(meta, control, { trailingEntries: kept });
    const keepFrom = Math.max(meta.index - kept, 0);
    if (keepFrom > 0) this.#replica.compact(keepFrom, meta);
    this.#engines.forgetOutcomes(keepFrom);
  }

  #began(index: number): void {
    this.#snapshotIndex = index;
    this.#snapshotEngines = enginesIn(this.#replica.control);
    this.#snapshotAtMs = performance.now();
    this.#bytes = 0;
  }
}

function enginesIn(control: ControlState): string {
  return `v1 ${keepsV1(control) ? 'fed' : 'closed'}, version ${control.swarmVersion}`;
}
