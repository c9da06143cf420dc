/** Segments of the log: files `log-<number>.wal`, laid out as `frame-format.ts` says. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Entry, HardState } from '../../consensus/raft/index.js';
import { assert } from '../assert.js';
import { UNFINISHED_SUFFIX } from './atomic-write.js';
import type { StorageDisk, StorageFile } from './disk.js';
import {
  FRAME_OVERHEAD_BYTES,
  type FrameFacts,
  HEAD_BYTES,
  type LogPosition,
  SLOT_BYTES,
  recordBytes,
  slotOffset,
  writeFrameEnds,
  writeRecord,
  writeSlot,
} from './frame-format.js';
import {
  BLOCK_BYTES,
  BYTES_PER_SLOT,
  PREPARE_CHUNK_BYTES,
  SLOTS_MAX,
  SLOTS_MIN,
} from './limits.js';
import { type SegmentHeader, bytesBeforeFrames, encodeSegmentHeader } from './segment-header.js';

const PATTERN = /^log-([0-9a-f]{14})\.wal$/;

/** Name of the file of a segment; names sort like numbers. */
export function segmentFileName(number: number): string {
  return `log-${number.toString(16).padStart(14, '0')}.wal`;
}

/** The number in a file name, or undefined if it is not the name of a segment. */
export function segmentNumberOf(name: string): number | undefined {
  const match = PATTERN.exec(name);
  return match === null ? undefined : Number.parseInt(match[1] as string, 16);
}

/** The number of a segment that was made and not yet in use, or undefined if it is something else. */
export function unfinishedNumberOf(name: string): number | undefined {
  if (!name.endsWith(UNFINISHED_SUFFIX)) return undefined;
  return segmentNumberOf(name.slice(0, -UNFINISHED_SUFFIX.length));
}

/** A segment that is only read and removed any more. */
export interface ClosedSegment {
  readonly path: string;
  readonly number: number;
  /** Greatest index of an entry in it, 0 if it holds none. */
  readonly lastIndex: number;
}

/** A frame before it has a place. */
export interface FramePlan {
  readonly kind: FrameFacts['kind'];
  /** Of one term and following one another; none for other kinds than `append` and `repair`. */
  readonly entries: readonly Entry[];
  /** Of the first entry, or of the snapshot that is marked. */
  readonly first: number;
  readonly term: number;
  readonly hardState: HardState;
  /** End of the log before it. */
  readonly before: LogPosition;
}

/** Frames with the places they got. */
interface EncodedFrames {
  readonly frames: Buffer;
  readonly slots: Buffer;
}

function planBytes(plan: FramePlan): number {
  let bytes = FRAME_OVERHEAD_BYTES;
  for (const entry of plan.entries) bytes += recordBytes(entry);
  return bytes;
}

/** Encodes the frames of one sync, of which the first has `number` and goes to `offset`. */
export function encodeFrames(
  plans: readonly FramePlan[],
  salt: number,
  number: number,
  offset: number,
): EncodedFrames {
  const sizes = plans.map(planBytes);
  const frames = Buffer.allocUnsafe(sizes.reduce((sum, bytes) => sum + bytes, 0));
  const slots = Buffer.alloc(plans.length * SLOT_BYTES);
  let at = 0;
  for (const [batchPosition, plan] of plans.entries()) {
    const { kind, entries, first, term, hardState, before } = plan;
    const facts: FrameFacts = {
      number: number + batchPosition,
      offset: offset + at,
      bytes: sizes[batchPosition] as number,
      kind,
      batchPosition,
      count: entries.length,
      first,
      term,
      hardState,
    };
    let record = at + HEAD_BYTES;
    for (const entry of entries) {
      assert(kind === 'append' || kind === 'repair', 'only these kinds of frames have entries');
      writeRecord(frames, kind, entry, salt, record);
      record += recordBytes(entry);
    }
    writeFrameEnds(frames, facts, before, salt, at);
    writeSlot(slots, facts, salt, batchPosition * SLOT_BYTES);
    at += facts.bytes;
  }
  return { frames, slots };
}

/** Where a segment that was read is continued. */
export interface ResumePoint {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly nextNumber: number;
  readonly nextOffset: number;
  readonly lastIndex: number;
}

/** The segment that is being written. */
export class OpenSegment {
  private constructor(
    readonly path: string,
    private readonly header: SegmentHeader,
    private nextNumber: number,
    private nextOffset: number,
    private lastIndex: number,
    readonly file: StorageFile,
  ) {}

  /** Goes on with a segment that was read. */
  static async resume(disk: StorageDisk, point: ResumePoint): Promise<OpenSegment> {
    const { path, header, nextNumber, nextOffset, lastIndex } = point;
    const file = await disk.open(path, 'existing');
    return new OpenSegment(path, header, nextNumber, nextOffset, lastIndex, file);
  }

  /** Takes a segment that was made into use under its name, durably. */
  static async begin(
    disk: StorageDisk,
    directory: string,
    made: MadeSegment,
  ): Promise<OpenSegment> {
    const path = join(directory, segmentFileName(made.header.number));
    try {
      await disk.rename(made.path, path);
      await disk.syncDirectory(directory);
    } catch (error) {
      await made.file.close().catch(() => {});
      throw error;
    }
    return new OpenSegment(path, made.header, 0, bytesBeforeFrames(made.header), 0, made.file);
  }

  get number(): number {
    return this.header.number;
  }

  /** Bytes of its frames. */
  get size(): number {
    return this.nextOffset - bytesBeforeFrames(this.header);
  }

  /** Slots for further frames; one more is kept for the seal. */
  get slotsLeft(): number {
    return this.header.slots - this.nextNumber - 1;
  }

  /**
   * Writes frames and waits until they are on the disk. The frames are written before their slots:
   * what a process leaves that is killed in between is whole.
   */
  async append(plans: readonly FramePlan[]): Promise<void> {
    const { frames, slots } = encodeFrames(
      plans,
      this.header.salt,
      this.nextNumber,
      this.nextOffset,
    );
    await this.file.write(frames, this.nextOffset);
    await this.file.write(slots, slotOffset(this.nextNumber));
    await this.file.datasync();
    this.nextOffset += frames.length;
    this.nextNumber += plans.length;
    for (const { entries } of plans) {
      this.lastIndex = Math.max(this.lastIndex, entries.at(-1)?.index ?? 0);
    }
  }

  /** The segment as it is remembered once the next one is begun. */
  closed(): ClosedSegment {
    return { path: this.path, number: this.number, lastIndex: this.lastIndex };
  }
}

/** A segment under the name of an unfinished one. */
export interface MadeSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly file: StorageFile;
}

function slotsFor(segmentBytes: number): number {
  const wanted = Math.ceil(segmentBytes / BYTES_PER_SLOT / SLOTS_MIN) * SLOTS_MIN;
  return Math.min(Math.max(wanted, SLOTS_MIN), SLOTS_MAX);
}

/**
 * Makes an empty segment, durable but for its name. With `zeros`, slots and `segmentBytes` of
 * frames are written with zeros, so that later a sync has no metadata to write; without, they read
 * as zeros. Returns null if `isWanted` says no in between.
 */
export async function makeSegment(
  disk: StorageDisk,
  directory: string,
  segment: { readonly number: number; readonly clusterId: string; readonly segmentBytes: number },
  zeros: { readonly isWanted: () => boolean } | null,
): Promise<MadeSegment | null> {
  const { number, clusterId, segmentBytes } = segment;
  const path = join(directory, segmentFileName(number) + UNFINISHED_SUFFIX);
  const salt = randomBytes(4).readUInt32LE();
  const header = { clusterId, number, salt, slots: slotsFor(segmentBytes) };
  const copy = encodeSegmentHeader(header);
  await disk.remove(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  const file = await disk.open(path, 'create');
  try {
    await file.write(Buffer.concat([copy, copy]), 0);
    if (zeros === null) {
      await file.truncate(bytesBeforeFrames(header));
      await file.datasync();
      return { path, header, file };
    }
    const end = bytesBeforeFrames(header) + segmentBytes;
    for (let at = 2 * BLOCK_BYTES; at < end; at += PREPARE_CHUNK_BYTES) {
      if (!zeros.isWanted()) break;
      await file.write(Buffer.alloc(Math.min(PREPARE_CHUNK_BYTES, end - at)), at);
      // A little at a time: syncs of the log wait for the same disk.
      await file.datasync();
    }
    if (zeros.isWanted()) return { path, header, file };
  } catch (error) {
    await discard(disk, { path, header, file });
    throw error;
  }
  await discard(disk, { path, header, file });
  return null;
}

/** Removes a segment that was made and is not wanted. */
export async function discard(disk: StorageDisk, made: MadeSegment): Promise<void> {
  await made.file.close().catch(() => {});
  await disk.remove(made.path).catch(() => {});
}
