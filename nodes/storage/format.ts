/**
 * Bytes of snapshots, and of the segments of format version 1, which are only read any more (version
 * 2 is in `frame-format.ts`); little-endian.
 *
 *     file     magic 8 bytes, format version u32, header bytes u32, sequence u64, salt u32,
 *              cluster id (length u8, UTF-8), crc32 u32 of all before
 *     frame    length u32 of the payload, crc32 u32 of what follows (from the file's salt),
 *              type u8, version u8, zero u16, payload
 *
 * A frame of a segment is what one fdatasync covered, and the next one is written only after it:
 * so no frame but the last of the last segment can be torn, and a bad frame with a good one behind
 * it is damage. The salt keeps bytes that were copied from another file, or stored as application
 * data, from passing for a frame.
 */
import { crc32 } from 'node:zlib';
import type { Entry, HardState } from '../../consensus/raft/index.js';
import { decodeEntry } from '../../consensus/raft/index.js';
import { StorageError, damaged } from './error.js';
import { CLUSTER_ID_BYTES_MAX, FRAME_BYTES_MAX } from './limits.js';

/** The version of the formats of this file. */
const FORMAT_VERSION = 1;
/** The newest version of any file of the folder. */
const FORMAT_VERSION_NEWEST = 2;
/** Bytes of a frame before its payload. */
export const FRAME_HEADER_BYTES = 12;

/** What a file is, as its first eight bytes say. */
export type FileKind = 'segment' | 'snapshot';

const MAGIC: Record<FileKind, string> = { segment: 'AF2RWAL\n', snapshot: 'AF2RSNP\n' };
const FIXED_HEADER_BYTES = 8 + 4 + 4 + 8 + 4 + 1;
const FRAME_TYPE = 1;
const FRAME_VERSION = 1;

/** The head of a file. */
export interface FileHeader {
  readonly clusterId: string;
  /** Number of a segment; index of a snapshot. */
  readonly sequence: number;
  readonly salt: number;
  /** Bytes of the header; the first frame starts there. */
  readonly bytes: number;
}

/** Encodes the head of a file. */
export function encodeFileHeader(
  kind: FileKind,
  header: { clusterId: string; sequence: number; salt: number },
): Buffer {
  const id = Buffer.from(header.clusterId, 'utf8');
  if (id.length === 0 || id.length > CLUSTER_ID_BYTES_MAX) {
    throw new RangeError(`a cluster id has 1 to ${CLUSTER_ID_BYTES_MAX} bytes, not ${id.length}`);
  }
  const length = FIXED_HEADER_BYTES + id.length + 4;
  const bytes = Buffer.alloc(length);
  bytes.write(MAGIC[kind], 0, 'latin1');
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(length, 12);
  bytes.writeBigUInt64LE(BigInt(header.sequence), 16);
  bytes.writeUInt32LE(header.salt, 24);
  bytes.writeUInt8(id.length, 28);
  id.copy(bytes, FIXED_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, length - 4)), length - 4);
  return bytes;
}

/**
 * Decodes the head of a file. Throws a `StorageError`: `damaged`, `newer-version` or
 * `other-cluster`.
 */
export function decodeFileHeader(
  kind: FileKind,
  path: string,
  bytes: Buffer,
  clusterId: string,
): FileHeader {
  if (bytes.length < FIXED_HEADER_BYTES) throw damaged(path, 0, 'the header is cut off');
  if (bytes.toString('latin1', 0, 8) !== MAGIC[kind]) {
    throw damaged(path, 0, `it does not start like a ${kind}`);
  }
  const version = bytes.readUInt32LE(8);
  const newest = kind === 'segment' ? FORMAT_VERSION_NEWEST : FORMAT_VERSION;
  if (version > newest) {
    const message =
      `${path} has format version ${version}, and this release knows up to ${newest}; ` +
      'start the newer release';
    throw new StorageError('newer-version', message, { path });
  }
  if (version !== FORMAT_VERSION) throw damaged(path, 8, 'its header is not one of this version');
  const length = bytes.readUInt32LE(12);
  const idBytes = bytes.readUInt8(28);
  if (length !== FIXED_HEADER_BYTES + idBytes + 4 || length > bytes.length) {
    throw damaged(path, 12, 'the header is cut off');
  }
  if (crc32(bytes.subarray(0, length - 4)) !== bytes.readUInt32LE(length - 4)) {
    throw damaged(path, length - 4, 'the checksum of the header is wrong');
  }
  const found = bytes.toString('utf8', FIXED_HEADER_BYTES, FIXED_HEADER_BYTES + idBytes);
  if (found !== clusterId) {
    const message = `${path} belongs to cluster ${found}, not to ${clusterId}`;
    throw new StorageError('other-cluster', message, { path });
  }
  const sequence = Number(bytes.readBigUInt64LE(16));
  return { clusterId: found, sequence, salt: bytes.readUInt32LE(24), bytes: length };
}

/** Frames a payload given in parts. */
export function encodeFrame(parts: readonly Uint8Array[], salt: number): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt8(FRAME_TYPE, 8);
  bytes.writeUInt8(FRAME_VERSION, 9);
  bytes.writeUInt16LE(0, 10);
  let at = FRAME_HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(8), salt), 4);
  return bytes;
}

/** The payload of the frame at `offset`, or null if there is no whole and sound one. */
export function frameAt(bytes: Buffer, offset: number, salt: number): Buffer | null {
  if (bytes.length - offset < FRAME_HEADER_BYTES) return null;
  const length = bytes.readUInt32LE(offset);
  if (length > FRAME_BYTES_MAX || length > bytes.length - offset - FRAME_HEADER_BYTES) return null;
  if (bytes.readUInt8(offset + 8) !== FRAME_TYPE) return null;
  if (bytes.readUInt8(offset + 9) !== FRAME_VERSION) return null;
  if (bytes.readUInt16LE(offset + 10) !== 0) return null;
  const end = offset + FRAME_HEADER_BYTES + length;
  if (crc32(bytes.subarray(offset + 8, end), salt) !== bytes.readUInt32LE(offset + 4)) return null;
  return bytes.subarray(offset + FRAME_HEADER_BYTES, end);
}

/** The offset of the first sound frame after `offset`, or -1. */
export function nextFrameAfter(bytes: Buffer, offset: number, salt: number): number {
  for (let at = offset + 1; at + FRAME_HEADER_BYTES <= bytes.length; at += 1) {
    if (frameAt(bytes, at, salt) !== null) return at;
  }
  return -1;
}

/** One piece of the payload of a segment's frame. */
export type LogRecord =
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'hardState'; readonly hardState: HardState }
  /** A snapshot of this index and term is stored: what it covers counts no more. */
  | { readonly type: 'snapshotMark'; readonly index: number; readonly term: number };

const RECORD_CODES = { entry: 1, hardState: 2, snapshotMark: 3 } as const;

/** Decodes the payload of a frame. Throws a `StorageError` with code `damaged`. */
export function decodeRecords(payload: Buffer, path: string, offset: number): LogRecord[] {
  const records: LogRecord[] = [];
  let at = 0;
  while (at < payload.length) {
    if (payload.length - at < 5) throw damaged(path, offset + at, 'a record is cut off');
    const code = payload.readUInt8(at);
    const length = payload.readUInt32LE(at + 1);
    const start = at + 5;
    if (length > payload.length - start) throw damaged(path, offset + at, 'a record is too long');
    const body = payload.subarray(start, start + length);
    const record = decodeRecord(code, body);
    if (record === null) throw damaged(path, offset + at, `a record of kind ${code} is not known`);
    records.push(record);
    at = start + length;
  }
  return records;
}

function decodeRecord(code: number, body: Buffer): LogRecord | null {
  const number = (at: number): number => Number(body.readBigUInt64LE(at * 8));
  if (code === RECORD_CODES.entry) {
    try {
      return { type: 'entry', entry: decodeEntry(body) };
    } catch {
      return null;
    }
  }
  if (code === RECORD_CODES.hardState && body.length === 24) {
    return {
      type: 'hardState',
      hardState: { term: number(0), vote: number(1), commit: number(2) },
    };
  }
  if (code === RECORD_CODES.snapshotMark && body.length === 16) {
    return { type: 'snapshotMark', index: number(0), term: number(1) };
  }
  return null;
}
