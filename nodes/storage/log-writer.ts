/**
 * Writes frames in the order of the calls, each batch under one sync, and goes from segment to
 * segment.
 *
 *     enqueue() -+                                            +-> resolve
 *     enqueue() -+-> pending -> one batch -> write, fdatasync +-> resolve
 *     enqueue() -+                  (next one meanwhile)      +-> resolve
 *
 * While a segment is written, the next one is made beside it (`makeSegment`). After a write or sync
 * that failed nothing is written any more: what reached the disk is unknown, and a second fdatasync
 * may report success for pages that the first one lost.
 */
import type { Entry, HardState } from '../../consensus/raft/index.js';
import type { StorageDisk } from './disk.js';
import { StorageError, toStorageError } from './error.js';
import { FRAME_OVERHEAD_BYTES, type LogPosition, recordBytes } from './frame-format.js';
import {
  FRAMES_PER_BATCH_MAX,
  FRAME_BYTES_TARGET,
  PENDING_BYTES_MAX,
  SEGMENT_BYTES_MAX,
} from './limits.js';
import {
  type ClosedSegment,
  type FramePlan,
  type MadeSegment,
  OpenSegment,
  discard,
  makeSegment,
} from './segment.js';
import type { TermRuns } from './term-runs.js';
import { type WritePart, joins, planFrames } from './write-parts.js';

interface Pending {
  readonly part: WritePart;
  readonly bytes: number;
  /** Of the last part of a write. */
  readonly done: { resolve(): void; reject(error: StorageError): void } | null;
}

/** How a writer works. */
export interface LogWriterOptions {
  readonly directory: string;
  readonly clusterId: string;
  readonly segmentBytes: number;
  /** Whether segments are written with zeros before they are used. */
  readonly preallocate: boolean;
  readonly disk: StorageDisk;
}

/** See the head of this file. */
export class LogWriter {
  failure: StorageError | null = null;
  syncs = 0;
  private readonly pending: Pending[] = [];
  private pendingBytes = 0;
  private writing: Promise<void> | null = null;
  private next: MadeSegment | null = null;
  private preparing: Promise<void> | null = null;
  /** Bytes of the segment before which the next one is not prepared (again). */
  private prepareAtBytes: number;

  constructor(
    private readonly options: LogWriterOptions,
    private readonly closedSegments: ClosedSegment[],
    private segment: OpenSegment,
    /** The terms of the log as it is on the disk. */
    private readonly runs: TermRuns,
    /** The last hard state that is on the disk. */
    private hardState: HardState,
  ) {
    this.prepareAtBytes = options.segmentBytes / 2;
  }

  /** Why entries would not be taken now, or null. */
  refusal(entries: readonly Entry[]): StorageError | null {
    if (this.failure !== null) return this.failure;
    const bytes = entries.reduce((sum, entry) => sum + recordBytes(entry), 0);
    if (this.pendingBytes + bytes <= PENDING_BYTES_MAX) return null;
    const message = `${this.pendingBytes} bytes wait for the disk already; wait for them`;
    return new StorageError('overloaded', message);
  }

  /**
   * Makes `parts` durable, in their order and after those of earlier calls; resolves after
   * fdatasync. A crash may leave the first of them. Rejects with the `StorageError` that stopped
   * the writer; what would not be taken (`refusal`) is not to be given.
   */
  enqueue(parts: readonly WritePart[]): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const sizes = parts.map(({ entries }) => {
      return entries.reduce((sum, entry) => sum + recordBytes(entry), FRAME_OVERHEAD_BYTES);
    });
    return new Promise((resolve, reject) => {
      for (const [at, part] of parts.entries()) {
        const done = at === parts.length - 1 ? { resolve, reject } : null;
        this.pending.push({ part, bytes: sizes[at] as number, done });
      }
      for (const size of sizes) this.pendingBytes += size;
      this.writing ??= this.writePending();
    });
  }

  /** Writes batch after batch until nothing is pending. */
  private async writePending(): Promise<void> {
    // Everything stepped in this turn of the event loop goes into the first batch.
    await Promise.resolve();
    while (this.pending.length > 0) {
      const batch = this.takeBatch();
      try {
        await this.writeBatch(batch);
        for (const { done } of batch) done?.resolve();
      } catch (error) {
        this.fail(toStorageError(error, 'writing', this.segment.path), batch);
      }
    }
    this.writing = null;
  }

  private takeBatch(): Pending[] {
    const batch: Pending[] = [];
    let bytes = 0;
    let frames = 0;
    for (const next of this.pending) {
      if (!joins(batch.at(-1)?.part, next.part)) frames += 1;
      const isFull = bytes + next.bytes > FRAME_BYTES_TARGET || frames > FRAMES_PER_BATCH_MAX;
      if (batch.length > 0 && isFull) break;
      batch.push(next);
      bytes += next.bytes;
    }
    this.pending.splice(0, batch.length);
    this.pendingBytes -= bytes;
    return batch;
  }

  private async writeBatch(batch: readonly Pending[]): Promise<void> {
    const plans = planFrames(
      batch.map(({ part }) => part),
      this.runs,
    );
    await this.chooseSegment(plans);
    await this.segment.append(plans);
    this.syncs += 1;
    this.hardState = (plans.at(-1) as FramePlan).hardState;
    if (this.segment.size >= this.prepareAtBytes) this.prepare();
  }

  /** Goes on to the next segment if this one is full, or goes on with it if there is no room. */
  private async chooseSegment(plans: readonly FramePlan[]): Promise<void> {
    const { segment } = this;
    const { disk, directory, segmentBytes } = this.options;
    const mustEnd = segment.slotsLeft < plans.length || segment.size >= SEGMENT_BYTES_MAX;
    if (!mustEnd && segment.size < segmentBytes) return;
    if (mustEnd || segment.size >= 2 * segmentBytes) await this.preparing;
    let made = this.next;
    this.next = null;
    if (made === null) {
      const mayWait = this.preparing !== null || segment.size < this.prepareAtBytes;
      if (!mustEnd && mayWait) return;
      try {
        made = await makeSegment(disk, directory, this.following(), null);
      } catch (error) {
        const failure = toStorageError(error, 'making a segment in', directory);
        if (mustEnd || failure.code !== 'disk-full') throw failure;
        this.prepareAtBytes = segment.size + segmentBytes / 2;
        return;
      }
    }
    if (made !== null) await this.beginSegment(made, plans[0]?.before ?? this.runs.end);
  }

  private following() {
    const { clusterId, segmentBytes } = this.options;
    return { number: this.segment.number + 1, clusterId, segmentBytes };
  }

  private async beginSegment(made: MadeSegment, before: LogPosition): Promise<void> {
    const { segment, options, hardState } = this;
    const begun = await OpenSegment.begin(options.disk, options.directory, made);
    // From here on the next segment is missed if it is not there.
    await segment.append([{ kind: 'seal', entries: [], first: 0, term: 0, hardState, before }]);
    this.closedSegments.push(segment.closed());
    this.segment = begun;
    this.prepareAtBytes = options.segmentBytes / 2;
    await segment.file.close();
  }

  /** Makes the next segment beside the one in use; that it fails costs nothing but time later. */
  private prepare(): void {
    const { disk, directory, segmentBytes, preallocate } = this.options;
    if (!preallocate || this.next !== null || this.preparing !== null) return;
    const { segment } = this;
    const isWanted = (): boolean => this.failure === null && this.segment === segment;
    this.prepareAtBytes = segment.size + segmentBytes / 2;
    this.preparing = makeSegment(disk, directory, this.following(), { isWanted })
      .then((made) => {
        this.next = made;
      })
      .catch(() => {})
      .finally(() => {
        this.preparing = null;
      });
  }

  private fail(error: StorageError, batch: readonly Pending[]): void {
    this.failure ??= error;
    for (const { done } of [...batch, ...this.pending.splice(0)]) done?.reject(error);
    this.pendingBytes = 0;
  }

  /** Removes the segments that hold no entry after `index`. Rejects with what the disk says. */
  async removeThrough(index: number): Promise<void> {
    const { closedSegments, options } = this;
    while (closedSegments[0] !== undefined && closedSegments[0].lastIndex <= index) {
      await options.disk.remove(closedSegments[0].path);
      closedSegments.shift();
    }
  }

  /** Waits for what is pending and closes; nothing may be enqueued meanwhile. */
  async close(closed: StorageError): Promise<void> {
    await this.writing;
    const isOpen = this.failure?.code !== 'closed';
    this.failure ??= closed;
    await this.preparing;
    const { next } = this;
    this.next = null;
    if (next !== null) await discard(this.options.disk, next);
    if (isOpen) await this.segment.file.close().catch(() => {});
  }
}
