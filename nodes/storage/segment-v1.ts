/** Segments of format version 1: one header and any number of frames, read and not written. */
import { damaged } from './error.js';
import {
  FRAME_HEADER_BYTES,
  type LogRecord,
  decodeFileHeader,
  decodeRecords,
  encodeFileHeader,
  frameAt,
  nextFrameAfter,
} from './format.js';

/** What a segment of version 1 holds. */
export interface ReadSegmentV1 {
  readonly records: readonly { readonly record: LogRecord; readonly offset: number }[];
  /** Bytes up to which the file is sound. */
  readonly goodBytes: number;
  /** Bytes behind that, from a write that was not finished; only ever in the last segment. */
  readonly tornBytes: number;
}

/**
 * Reads a segment of version 1. Throws a `StorageError` with code `damaged` unless all that is
 * wrong is an unfinished write at the end of the last segment.
 */
export function readSegmentV1(
  bytes: Buffer,
  path: string,
  number: number,
  context: { readonly clusterId: string; readonly isLast: boolean },
): ReadSegmentV1 {
  const header = decodeFileHeader('segment', path, bytes, context.clusterId);
  if (header.sequence !== number) throw damaged(path, 16, 'the number is not that of the name');
  const records: { record: LogRecord; offset: number }[] = [];
  let offset = header.bytes;
  while (offset < bytes.length) {
    const payload = frameAt(bytes, offset, header.salt);
    if (payload === null) break;
    for (const record of decodeRecords(payload, path, offset)) records.push({ record, offset });
    offset += FRAME_HEADER_BYTES + payload.length;
  }
  const tornBytes = bytes.length - offset;
  if (tornBytes > 0) {
    if (!context.isLast) throw damaged(path, offset, 'a frame is not whole');
    const next = nextFrameAfter(bytes, offset, header.salt);
    if (next >= 0) throw damaged(path, offset, `a frame is not whole, but the one at ${next} is`);
  }
  return { records, goodBytes: offset, tornBytes };
}

/** A crash while version 1 made a segment left a part of its header, or zeros, and nothing else. */
export function isUnfinishedV1(bytes: Buffer, clusterId: string): boolean {
  const whole = encodeFileHeader('segment', { clusterId, sequence: 0, salt: 0 }).length;
  return bytes.length < whole || (bytes.length === whole && bytes.every((byte) => byte === 0));
}
