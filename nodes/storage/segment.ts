/** Segments of the log: files `log-<number>.wal` of one header and any number of frames. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { StorageDisk, StorageFile } from './disk.js';
import { StorageError, damaged, toStorageError } from './error.js';
import {
  FRAME_HEADER_BYTES,
  type LogRecord,
  decodeFileHeader,
  decodeRecords,
  encodeFileHeader,
  frameAt,
  nextFrameAfter,
} from './format.js';
import type { LogReplay } from './replay.js';

const PATTERN = /^log-([0-9a-f]{14})\.wal$/;

/** Name of the file of a segment; names sort like numbers. */
function segmentFileName(number: number): string {
  return `log-${number.toString(16).padStart(14, '0')}.wal`;
}

/** The number in a file name, or undefined if it is not the name of a segment. */
function segmentNumberOf(name: string): number | undefined {
  const match = PATTERN.exec(name);
  return match === null ? undefined : Number.parseInt(match[1] as string, 16);
}

/** A segment that is only read and removed any more. */
export interface ClosedSegment {
  readonly path: string;
  readonly number: number;
  /** Greatest index of an entry in it, 0 if it holds none. */
  readonly lastIndex: number;
}

/** What reading a segment found. */
export interface ReadSegment extends ClosedSegment {
  readonly salt: number;
  /** Whether no frame was found. */
  readonly isEmpty: boolean;
  /** Bytes up to which the file is sound. */
  readonly goodBytes: number;
  /** Bytes behind that, from a write that was not finished; only ever in the last segment. */
  readonly tornBytes: number;
}

/**
 * Reads a segment into `replay`. Throws a `StorageError` with code `damaged` unless all that is
 * wrong is an unfinished write at the end of the last segment. Returns null if not even the header
 * of the last segment was finished.
 */
async function readSegment(
  disk: StorageDisk,
  path: string,
  number: number,
  context: { clusterId: string; isLast: boolean; replay: LogReplay },
): Promise<ReadSegment | null> {
  const bytes = Buffer.from(await disk.read(path));
  if (context.isLast && isUnfinishedHeader(bytes, context.clusterId)) return null;
  const header = decodeFileHeader('segment', path, bytes, context.clusterId);
  if (header.sequence !== number) throw damaged(path, 16, 'the number is not that of the name');
  let offset = header.bytes;
  let lastIndex = 0;
  while (offset < bytes.length) {
    const payload = frameAt(bytes, offset, header.salt);
    if (payload === null) break;
    for (const record of decodeRecords(payload, path, offset)) {
      context.replay.add(record, { path, offset });
      lastIndex = Math.max(lastIndex, indexOf(record));
    }
    offset += FRAME_HEADER_BYTES + payload.length;
  }
  const tornBytes = bytes.length - offset;
  if (tornBytes > 0) {
    if (!context.isLast) throw damaged(path, offset, 'a frame is not whole');
    const next = nextFrameAfter(bytes, offset, header.salt);
    if (next >= 0) throw damaged(path, offset, `a frame is not whole, but the one at ${next} is`);
  }
  const isEmpty = offset === header.bytes;
  return { path, number, lastIndex, salt: header.salt, isEmpty, goodBytes: offset, tornBytes };
}

function indexOf(record: LogRecord): number {
  return record.type === 'entry' ? record.entry.index : 0;
}

/** A crash while a segment is made leaves a part of its header, or zeros, and nothing else. */
function isUnfinishedHeader(bytes: Buffer, clusterId: string): boolean {
  const whole = encodeFileHeader('segment', { clusterId, sequence: 0, salt: 0 }).length;
  return bytes.length < whole || (bytes.length === whole && bytes.every((byte) => byte === 0));
}

/** The segment that is being written. */
export class OpenSegment {
  lastIndex: number;

  private constructor(
    readonly path: string,
    readonly number: number,
    readonly salt: number,
    /** Bytes written. */
    public size: number,
    /** Whether it holds no frame yet. */
    public isEmpty: boolean,
    lastIndex: number,
    readonly file: StorageFile,
  ) {
    this.lastIndex = lastIndex;
  }

  /** Makes a new segment; it is durable with the first sync after this. */
  static async create(
    disk: StorageDisk,
    directory: string,
    number: number,
    clusterId: string,
  ): Promise<OpenSegment> {
    const path = join(directory, segmentFileName(number));
    const salt = randomBytes(4).readUInt32LE();
    const header = encodeFileHeader('segment', { clusterId, sequence: number, salt });
    const file = await disk.open(path, 'create');
    try {
      await file.write(header, 0);
      await file.datasync();
      await disk.syncDirectory(directory);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
    return new OpenSegment(path, number, salt, header.length, true, 0, file);
  }

  /** Goes on with a segment that was read, without what a crash left unfinished. */
  static async resume(disk: StorageDisk, segment: ReadSegment): Promise<OpenSegment> {
    const { path, number, salt, goodBytes, lastIndex } = segment;
    const file = await disk.open(path, 'existing');
    try {
      if (segment.tornBytes > 0) {
        await file.truncate(goodBytes);
        await file.datasync();
      }
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
    return new OpenSegment(path, number, salt, goodBytes, segment.isEmpty, lastIndex, file);
  }

  /** Writes a frame at the end and waits until it is on the disk. */
  async append(frame: Uint8Array, lastIndex: number): Promise<void> {
    await this.file.write(frame, this.size);
    await this.file.datasync();
    this.size += frame.length;
    this.isEmpty = false;
    this.lastIndex = Math.max(this.lastIndex, lastIndex);
  }

  /** The segment as it is remembered once the next one is begun. */
  closed(): ClosedSegment {
    return { path: this.path, number: this.number, lastIndex: this.lastIndex };
  }
}

/** Reads all segments of a directory in order; the last one may end in an unfinished write. */
export async function readSegments(
  disk: StorageDisk,
  directory: string,
  names: readonly string[],
  context: { clusterId: string; replay: LogReplay; warnings: string[] },
): Promise<ReadSegment[]> {
  const numbers = names.map(segmentNumberOf).filter((n) => n !== undefined);
  numbers.sort((a, b) => a - b);
  const segments: ReadSegment[] = [];
  for (const [at, number] of numbers.entries()) {
    const path = join(directory, segmentFileName(number));
    const expected = (numbers[0] as number) + at;
    if (number !== expected) {
      const missing = join(directory, segmentFileName(expected));
      throw damaged(missing, 0, 'the file is missing');
    }
    const isLast = at === numbers.length - 1;
    const { clusterId, replay } = context;
    const segment = await readOne(disk, path, number, { clusterId, isLast, replay });
    if (segment === null) {
      context.warnings.push(`${path}: removed, a crash interrupted its creation`);
      await disk.remove(path);
      continue;
    }
    if (segment.tornBytes > 0) {
      const { tornBytes, goodBytes } = segment;
      context.warnings.push(`${path}: cut ${tornBytes} unfinished bytes at byte ${goodBytes}`);
    }
    segments.push(segment);
  }
  return segments;
}

async function readOne(
  disk: StorageDisk,
  path: string,
  number: number,
  context: { clusterId: string; isLast: boolean; replay: LogReplay },
): Promise<ReadSegment | null> {
  try {
    return await readSegment(disk, path, number, context);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw toStorageError(error, 'reading', path);
  }
}
