/** The log of a node of production whose disk finishes what it does when it is told to. */
import { expect } from 'vitest';
import type {
  Entry,
  HardState,
  RestoredState,
  SnapshotMeta,
} from '../../../consensus/raft/index.js';
import type { LogWrite } from '../../../nodes/storage/index.js';
import { type WritePart, WriteParts } from '../../../nodes/storage/write-parts.js';

/** One thing that a sync covers. */
interface Waiting {
  readonly parts: readonly WritePart[];
  readonly snapshot: SnapshotMeta | null;
  readonly done: () => void;
}

/** Makes one batch durable at a time, as the log writer does, and a crash keeps what is durable. */
export class ScriptedStore {
  readonly #parts: WriteParts;
  readonly #log: Entry[];
  #snapshot: SnapshotMeta | null;
  #hardState: HardState;
  #waiting: Waiting[] = [];
  #batch: Waiting[] = [];

  /** Goes on from what another one has kept. */
  constructor({ hardState, entries, snapshot }: RestoredState) {
    this.#parts = new WriteParts(hardState);
    this.#hardState = hardState;
    this.#log = [...entries];
    this.#snapshot = snapshot;
  }

  append(write: LogWrite): Promise<void> {
    const parts = this.#parts.of(write);
    return parts === null ? Promise.resolve() : this.#wait(parts, null);
  }

  /** The snapshot first, by a sync of its own, and then its mark. */
  async saveSnapshot(meta: SnapshotMeta): Promise<void> {
    await this.#wait([], meta);
    await this.#wait(this.#parts.mark(meta), null);
  }

  #wait(parts: readonly WritePart[], snapshot: SnapshotMeta | null): Promise<void> {
    return new Promise((done) => this.#waiting.push({ parts, snapshot, done }));
  }

  get isBusy(): boolean {
    return this.#batch.length > 0;
  }

  /** What waits is written, unless a batch is on its way. */
  flush(): void {
    if (this.#batch.length > 0) return;
    this.#batch = this.#waiting;
    this.#waiting = [];
  }

  synced(): void {
    expect(this.#batch.length, 'a sync is under way').toBeGreaterThan(0);
    const batch = this.#batch;
    this.#batch = [];
    for (const { parts, snapshot, done } of batch) {
      if (snapshot !== null) this.#snapshot = snapshot;
      for (const part of parts) this.#keep(part);
      done();
    }
  }

  #keep({ kind, first, term, entries, hardState }: WritePart): void {
    this.#hardState = hardState;
    if (kind === 'append' && entries.length > 0) {
      const at = this.#log.findIndex(({ index }) => index >= first);
      if (at >= 0) this.#log.length = at;
      this.#log.push(...entries);
    }
    // Raft section 7: a log that holds the snapshot's last entry goes on, any other is replaced.
    const isThere = this.#log.some((entry) => entry.index === first && entry.term === term);
    if (kind === 'mark' && !isThere) this.#log.length = 0;
  }

  /** What a crash leaves: nothing of what no sync has covered. */
  afterCrash(): RestoredState {
    const snapshot = this.#snapshot;
    const applied = snapshot?.index ?? 0;
    const entries = this.#log.filter(({ index }) => index > applied);
    const hardState = { ...this.#hardState, commit: Math.max(this.#hardState.commit, applied) };
    return { hardState, snapshot, entries, applied, mayHaveLostSuffix: false };
  }
}
