/**
 * The durable half of a Raft node: log, hard state and snapshots in one directory.
 *
 *     append() -+                                          +-> resolve
 *     append() -+-> pending -> one frame -> write, fdatasync +-> resolve
 *     append() -+                  (next one meanwhile)     +-> resolve
 *
 * Calls that arrive while a sync is under way share the next one (group commit). After a write or
 * sync that failed nothing is written any more: what reached the disk is unknown, and a second
 * fdatasync may report success for pages that the first one lost.
 */
import { join } from 'node:path';
import type { Entry, HardState, SnapshotMeta } from '../../consensus/raft/index.js';
import { UNFINISHED_SUFFIX } from './atomic-write.js';
import { type StorageDisk, nodeDisk } from './disk.js';
import { StorageError, toStorageError } from './error.js';
import { type LogRecord, encodeFrame, encodeRecord } from './format.js';
import { FRAME_BYTES_TARGET, PENDING_BYTES_MAX, SEGMENT_BYTES_DEFAULT } from './limits.js';
import { LogReplay } from './replay.js';
import { type ClosedSegment, OpenSegment, readSegments } from './segment.js';
import {
  type StoredSnapshot,
  readSnapshotFile,
  snapshotFileName,
  snapshotIndexOf,
  writeSnapshotFile,
} from './snapshot-file.js';

/** What a store found in its directory. */
export interface RestoredLog {
  readonly hardState: HardState;
  readonly snapshot: StoredSnapshot | null;
  /** The entries after the snapshot. */
  readonly entries: readonly Entry[];
}

/** How a store is opened. */
export interface RaftLogStoreOptions {
  /** Written into each file; files of another cluster are refused. */
  readonly clusterId: string;
  /** Bytes after which a new segment is begun, 16 MiB by default. */
  readonly segmentBytes?: number;
  /** The file system, the one of this machine by default. */
  readonly disk?: StorageDisk;
}

/** What is to be made durable in one step. */
export interface LogWrite {
  readonly hardState?: HardState | undefined;
  /** They replace every stored entry from the first one's index on. */
  readonly entries: readonly Entry[];
  /**
   * False for a hard state of which only the commit index is new (`Ready.mustSync`): it is kept
   * and written along with whatever is written next.
   */
  readonly sync?: boolean;
}

interface Pending {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly lastIndex: number;
  readonly hardState: HardState | undefined;
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

/** See the head of this file. One process at a time may open a directory (`lockDirectory`). */
export class RaftLogStore {
  private readonly pending: Pending[] = [];
  private pendingBytes = 0;
  private writing: Promise<void> | null = null;
  private failure: StorageError | null = null;
  private syncs = 0;
  private hardState: HardState;
  /** The last hard state that is on the disk. */
  private writtenHardState: HardState;
  /** Whether `hardState` is newer than what is written. */
  private hardStateUnwritten = false;

  private constructor(
    private readonly directory: string,
    private readonly clusterId: string,
    private readonly segmentBytes: number,
    private readonly disk: StorageDisk,
    private readonly closedSegments: ClosedSegment[],
    private segment: OpenSegment,
    private snapshotIndex: number,
    restored: RestoredLog,
  ) {
    this.hardState = restored.hardState;
    this.writtenHardState = restored.hardState;
  }

  /**
   * Opens or makes the store in `directory`. `warnings` tell of what a crash left unfinished and
   * was cut off. Throws a `StorageError` and changes nothing if a file is damaged, of a newer
   * release or of another cluster.
   */
  static async open(
    directory: string,
    options: RaftLogStoreOptions,
  ): Promise<{ store: RaftLogStore; restored: RestoredLog; warnings: string[] }> {
    const { clusterId, segmentBytes = SEGMENT_BYTES_DEFAULT, disk = nodeDisk } = options;
    const warnings: string[] = [];
    try {
      await disk.makeDirectory(directory);
      const names = await disk.list(directory);
      const snapshot = await newestSnapshot(disk, directory, names, clusterId);
      const replay = new LogReplay(snapshot?.meta ?? null);
      const context = { clusterId, replay, warnings };
      const segments = await readSegments(disk, directory, names, context);
      const last = segments.at(-1);
      const place = { path: last?.path ?? directory, offset: last?.goodBytes ?? 0 };
      const restored: RestoredLog = { snapshot, ...replay.finish(place) };
      await removeLeftovers(disk, directory, names, snapshot?.meta.index ?? 0);
      const open =
        last === undefined
          ? await OpenSegment.create(disk, directory, 1, clusterId)
          : await OpenSegment.resume(disk, last);
      const store = new RaftLogStore(
        directory,
        clusterId,
        segmentBytes,
        disk,
        segments.slice(0, -1),
        open,
        snapshot?.meta.index ?? 0,
        restored,
      );
      return { store, restored, warnings };
    } catch (error) {
      throw toStorageError(error, 'opening', directory);
    }
  }

  /** Syncs of the log so far. */
  get syncCount(): number {
    return this.syncs;
  }

  /** Why nothing is written any more, or null. */
  get failed(): StorageError | null {
    return this.failure;
  }

  /**
   * Makes entries and hard state durable, both or neither; resolves after fdatasync. Rejects with
   * a `StorageError`; after `disk-full`, `read-only` or `io` the store takes nothing any more.
   */
  append(write: LogWrite): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const { hardState, entries } = write;
    const mayWait = write.sync === false && entries.length === 0 && !this.isVote(hardState);
    if (hardState !== undefined) {
      this.hardState = hardState;
      this.hardStateUnwritten = true;
    }
    if (mayWait) return Promise.resolve();
    const records: LogRecord[] = this.unwrittenHardState();
    for (const entry of entries) records.push({ type: 'entry', entry });
    if (records.length === 0) return Promise.resolve();
    return this.enqueue(records, entries.at(-1)?.index ?? 0);
  }

  /** Whether a hard state says more than a new commit index. */
  private isVote(hardState: HardState | undefined): boolean {
    if (hardState === undefined) return false;
    return hardState.term !== this.hardState.term || hardState.vote !== this.hardState.vote;
  }

  private unwrittenHardState(): LogRecord[] {
    if (!this.hardStateUnwritten) return [];
    this.hardStateUnwritten = false;
    return [{ type: 'hardState', hardState: this.hardState }];
  }

  private enqueue(records: readonly LogRecord[], lastIndex: number): Promise<void> {
    const parts = records.flatMap((record) => encodeRecord(record));
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    if (this.pendingBytes + bytes > PENDING_BYTES_MAX) {
      const message = `${this.pendingBytes} bytes wait for the disk already; wait for them`;
      return Promise.reject(new StorageError('overloaded', message));
    }
    const head = records[0];
    const hardState = head?.type === 'hardState' ? head.hardState : undefined;
    return new Promise((resolve, reject) => {
      this.pending.push({ parts, bytes, lastIndex, hardState, resolve, reject });
      this.pendingBytes += bytes;
      this.writing ??= this.writePending();
    });
  }

  /** Writes frame after frame until nothing is pending. */
  private async writePending(): Promise<void> {
    // Everything stepped in this turn of the event loop goes into the first frame.
    await Promise.resolve();
    while (this.pending.length > 0) {
      const batch = this.takeBatch();
      try {
        await this.writeBatch(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.fail(toStorageError(error, 'writing', this.segment.path), batch);
      }
    }
    this.writing = null;
  }

  private takeBatch(): Pending[] {
    const batch: Pending[] = [];
    let bytes = 0;
    for (const next of this.pending) {
      if (batch.length > 0 && bytes + next.bytes > FRAME_BYTES_TARGET) break;
      batch.push(next);
      bytes += next.bytes;
    }
    this.pending.splice(0, batch.length);
    this.pendingBytes -= bytes;
    return batch;
  }

  private async writeBatch(batch: readonly Pending[]): Promise<void> {
    if (this.segment.size >= this.segmentBytes) await this.beginSegment();
    const parts = batch.flatMap((item) => item.parts);
    if (this.segment.isEmpty) {
      // Each segment can become the first one, so each begins with the hard state of before.
      parts.unshift(...encodeRecord({ type: 'hardState', hardState: this.writtenHardState }));
    }
    let lastIndex = 0;
    for (const item of batch) lastIndex = Math.max(lastIndex, item.lastIndex);
    await this.segment.append(encodeFrame(parts, this.segment.salt), lastIndex);
    this.syncs += 1;
    for (const { hardState } of batch) this.writtenHardState = hardState ?? this.writtenHardState;
  }

  private async beginSegment(): Promise<void> {
    const { disk, directory, clusterId, segment } = this;
    const next = await OpenSegment.create(disk, directory, segment.number + 1, clusterId);
    this.closedSegments.push(segment.closed());
    this.segment = next;
    await segment.file.close();
  }

  private fail(error: StorageError, batch: readonly Pending[]): void {
    this.failure ??= error;
    for (const { reject } of [...batch, ...this.pending.splice(0)]) reject(error);
    this.pendingBytes = 0;
  }

  /**
   * Stores a snapshot durably, then marks it in the log and removes what it makes superfluous:
   * older snapshots, and segments without entries after `meta.index - trailingEntries`. If the log
   * does not hold the entry (meta.index, meta.term), the snapshot replaces it (Raft section 7). Of
   * a ready with a snapshot, the snapshot is saved first and hard state and entries after it.
   */
  async saveSnapshot(
    meta: SnapshotMeta,
    data: Uint8Array,
    options: { readonly trailingEntries?: number } = {},
  ): Promise<void> {
    if (this.failure !== null) throw this.failure;
    if (meta.index <= this.snapshotIndex) return;
    try {
      await writeSnapshotFile(this.disk, this.directory, this.clusterId, { meta, data });
    } catch (error) {
      // The log is whole, so a snapshot that did not fit does not stop the store.
      throw toStorageError(error, 'writing a snapshot to', this.directory);
    }
    const previous = this.snapshotIndex;
    this.snapshotIndex = meta.index;
    await this.enqueue([{ type: 'snapshotMark', index: meta.index, term: meta.term }], 0);
    await this.removeSuperfluous(meta.index - (options.trailingEntries ?? 0), previous);
  }

  private async removeSuperfluous(throughIndex: number, previous: number): Promise<void> {
    const { closedSegments, disk, directory } = this;
    try {
      while (closedSegments[0] !== undefined && closedSegments[0].lastIndex <= throughIndex) {
        await disk.remove(closedSegments[0].path);
        closedSegments.shift();
      }
      if (previous > 0) await disk.remove(join(directory, snapshotFileName(previous)));
      await disk.syncDirectory(directory);
    } catch (error) {
      throw toStorageError(error, 'removing old files in', directory);
    }
  }

  /** Waits for what is pending, writes the last commit index and closes. Idempotent. */
  async close(): Promise<void> {
    if (this.failure === null && this.hardStateUnwritten) {
      await this.enqueue(this.unwrittenHardState(), 0).catch(() => {});
    }
    await this.writing;
    const wasOpen = this.failure?.code !== 'closed';
    this.failure ??= new StorageError('closed', `the store in ${this.directory} is closed`);
    if (wasOpen) await this.segment.file.close().catch(() => {});
  }
}

async function newestSnapshot(
  disk: StorageDisk,
  directory: string,
  names: readonly string[],
  clusterId: string,
): Promise<StoredSnapshot | null> {
  const indexes = names.map(snapshotIndexOf).filter((index) => index !== undefined);
  if (indexes.length === 0) return null;
  const path = join(directory, snapshotFileName(Math.max(...indexes)));
  return readSnapshotFile(disk, path, clusterId);
}

/** Removes what a crash left: files that were never finished, and superseded snapshots. */
async function removeLeftovers(
  disk: StorageDisk,
  directory: string,
  names: readonly string[],
  snapshotIndex: number,
): Promise<void> {
  for (const name of names) {
    const index = snapshotIndexOf(name);
    const isOld = index !== undefined && index < snapshotIndex;
    const isUnfinished = name.endsWith(`.snap${UNFINISHED_SUFFIX}`);
    if (isOld || isUnfinished) await disk.remove(join(directory, name));
  }
}
