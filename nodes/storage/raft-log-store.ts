/**
 * The durable half of a Raft node: log, hard state and snapshots in one directory. How it is written
 * is in `log-writer.ts`, how it is laid out in `frame-format.ts`, what damage does in `examine.ts`.
 */
import { join } from 'node:path';
import type { Entry, HardState, SnapshotMeta } from '../../consensus/raft/index.js';
import { assert } from '../assert.js';
import { UNFINISHED_SUFFIX } from './atomic-write.js';
import { type StorageDisk, nodeDisk } from './disk.js';
import { StorageError, damaged, toStorageError } from './error.js';
import { SEGMENT_BYTES_DEFAULT } from './limits.js';
import { LogWriter, type LogWriterOptions } from './log-writer.js';
import { type ReadSegments, mend, readSegments } from './read-segments.js';
import { LogReplay } from './replay.js';
import { OpenSegment, makeSegment, unfinishedNumberOf } from './segment.js';
import {
  type StoredSnapshot,
  readSnapshotFile,
  snapshotFileName,
  snapshotIndexOf,
  writeSnapshotFile,
} from './snapshot-file.js';
import { type LogWrite, WriteParts } from './write-parts.js';

/** What a store found in its directory. */
export interface RestoredLog {
  readonly hardState: HardState;
  readonly snapshot: StoredSnapshot | null;
  /** The entries after the snapshot; those that damage took have the type `lost`. */
  readonly entries: readonly Entry[];
}

/** How a store is opened. */
export interface RaftLogStoreOptions {
  /** Written into each file; files of another cluster are refused. */
  readonly clusterId: string;
  /** Bytes of frames after which a new segment is begun, 16 MiB by default. */
  readonly segmentBytes?: number;
  /** Whether segments are written with zeros before they are used, true by default. */
  readonly preallocate?: boolean;
  /** The file system, the one of this machine by default. */
  readonly disk?: StorageDisk;
}

/** See the head of this file. One process at a time may open a directory (`lockDirectory`). */
export class RaftLogStore {
  private readonly parts: WriteParts;

  private constructor(
    private readonly options: LogWriterOptions,
    private readonly writer: LogWriter,
    private snapshotIndex: number,
    hardState: HardState,
  ) {
    this.parts = new WriteParts(hardState);
  }

  /**
   * Opens or makes the store in `directory`. `warnings` tell of what a crash left unfinished and
   * was cut off, and of what is lost. Throws a `StorageError` and changes nothing if more is damaged
   * than can be told apart, or a file is of a newer release or of another cluster.
   */
  static async open(
    directory: string,
    options: RaftLogStoreOptions,
  ): Promise<{ store: RaftLogStore; restored: RestoredLog; warnings: string[] }> {
    const { clusterId, segmentBytes = SEGMENT_BYTES_DEFAULT, disk = nodeDisk } = options;
    const { preallocate = true } = options;
    const writerOptions = { directory, clusterId, segmentBytes, preallocate, disk };
    const warnings: string[] = [];
    try {
      await disk.makeDirectory(directory);
      const names = await disk.list(directory);
      const snapshot = await newestSnapshot(disk, directory, names, clusterId);
      const replay = new LogReplay(snapshot?.meta ?? null);
      const read = await readSegments(disk, directory, names, { clusterId, replay, warnings });
      if (snapshot !== null && read.segments.length === 0 && read.tail === null) {
        throw damaged(
          directory,
          0,
          'it holds a snapshot, but the log and its hard state are missing',
        );
      }
      const runs = replay.termRuns();
      const { isSnapshotMarked } = replay;
      const end = { path: read.tail?.path ?? directory, offset: read.tail?.nextOffset ?? 0 };
      const restored: RestoredLog = { snapshot, ...replay.finish(end) };
      await mend(disk, read.mends);
      const index = snapshot?.meta.index ?? 0;
      await removeLeftovers(disk, directory, names, index);
      const segment = await openSegment(writerOptions, read);
      const { hardState } = restored;
      const writer = new LogWriter(writerOptions, [...read.segments], segment, runs, hardState);
      const store = new RaftLogStore(writerOptions, writer, index, hardState);
      // A crash came between the snapshot and its mark: without it the log may end elsewhere.
      if (snapshot !== null && !isSnapshotMarked) await store.mark(snapshot.meta);
      warnings.push(...lostRanges(restored.entries));
      return { store, restored, warnings };
    } catch (error) {
      throw toStorageError(error, 'opening', directory);
    }
  }

  /** Syncs of the log so far. */
  get syncCount(): number {
    return this.writer.syncs;
  }

  /** Why nothing is written any more, or null. */
  get failed(): StorageError | null {
    return this.writer.failure;
  }

  /**
   * Makes entries and hard state durable; resolves after fdatasync, in the order of the calls.
   * Rejects with a `StorageError`; after `disk-full`, `read-only` or `io` the store takes nothing
   * any more.
   */
  append(write: LogWrite): Promise<void> {
    const { entries, repaired = [] } = write;
    const refusal = this.writer.refusal(repaired) ?? this.writer.refusal(entries);
    if (refusal !== null) return Promise.reject(refusal);
    const parts = this.parts.of(write);
    return parts === null ? Promise.resolve() : this.writer.enqueue(parts);
  }

  private mark(meta: SnapshotMeta): Promise<void> {
    return this.writer.enqueue(this.parts.mark(meta));
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
    if (this.writer.failure !== null) throw this.writer.failure;
    if (meta.index <= this.snapshotIndex) return;
    const { disk, directory, clusterId } = this.options;
    try {
      await writeSnapshotFile(disk, directory, clusterId, { meta, data });
    } catch (error) {
      // The log is whole, so a snapshot that did not fit does not stop the store.
      throw toStorageError(error, 'writing a snapshot to', directory);
    }
    const previous = this.snapshotIndex;
    this.snapshotIndex = meta.index;
    await this.mark(meta);
    try {
      await this.writer.removeThrough(meta.index - (options.trailingEntries ?? 0));
      if (previous > 0) await disk.remove(join(directory, snapshotFileName(previous)));
      await disk.syncDirectory(directory);
    } catch (error) {
      throw toStorageError(error, 'removing old files in', directory);
    }
  }

  /** Waits for what is pending, writes the last commit index and closes. Idempotent. */
  async close(): Promise<void> {
    if (this.writer.failure === null && this.parts.isHardStateUnwritten) {
      await this.append({ entries: [] }).catch(() => {});
    }
    const message = `the store in ${this.options.directory} is closed`;
    await this.writer.close(new StorageError('closed', message));
  }
}

async function openSegment(options: LogWriterOptions, read: ReadSegments): Promise<OpenSegment> {
  const { disk, directory, clusterId, segmentBytes } = options;
  if (read.tail !== null) return OpenSegment.resume(disk, read.tail);
  const segment = { number: read.nextNumber, clusterId, segmentBytes };
  const made = await makeSegment(disk, directory, segment, null);
  assert(made !== null, 'a segment that is wanted is made');
  return OpenSegment.begin(disk, directory, made);
}

function lostRanges(entries: readonly Entry[]): string[] {
  const ranges: { first: number; last: number; term: number }[] = [];
  for (const { type, index, term } of entries) {
    if (type !== 'lost') continue;
    const range = ranges.at(-1);
    if (range?.term === term && range.last === index - 1) range.last = index;
    else ranges.push({ first: index, last: index, term });
  }
  return ranges.map(
    ({ first, last, term }) => `entries ${first} to ${last} of term ${term} are lost`,
  );
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
    const isUnfinished =
      name.endsWith(`.snap${UNFINISHED_SUFFIX}`) || unfinishedNumberOf(name) !== undefined;
    if (isOld || isUnfinished) await disk.remove(join(directory, name));
  }
}
