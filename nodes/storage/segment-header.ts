/** The header of a segment of format version 2, stored twice; see `frame-format.ts`. */
import { crc32 } from 'node:zlib';
import { StorageError, damaged } from './error.js';
import { framesOffset } from './frame-format.js';
import { BLOCK_BYTES, CLUSTER_ID_BYTES_MAX, SLOTS_MAX, SLOTS_MIN } from './limits.js';

const MAGIC = 'AF2RWAL\n';
const VERSION = 2;
const FIXED_BYTES = 33;

/** What the first blocks of a segment say. */
export interface SegmentHeader {
  readonly clusterId: string;
  readonly number: number;
  readonly salt: number;
  readonly slots: number;
}

/** Encodes one copy of the header, one block long. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const id = Buffer.from(header.clusterId, 'utf8');
  if (id.length === 0 || id.length > CLUSTER_ID_BYTES_MAX) {
    throw new RangeError(`a cluster id has 1 to ${CLUSTER_ID_BYTES_MAX} bytes, not ${id.length}`);
  }
  const length = FIXED_BYTES + id.length + 4;
  const bytes = Buffer.alloc(BLOCK_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(length, 12);
  bytes.writeBigUInt64LE(BigInt(header.number), 16);
  bytes.writeUInt32LE(header.salt, 24);
  bytes.writeUInt32LE(header.slots, 28);
  bytes.writeUInt8(id.length, 32);
  id.copy(bytes, FIXED_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, length - 4)), length - 4);
  return bytes;
}

/** The copy of the header at `at`, or null if it is not sound. */
function headerAt(bytes: Buffer, at: number): SegmentHeader | null {
  if (bytes.length < at + BLOCK_BYTES) return null;
  const block = bytes.subarray(at, at + BLOCK_BYTES);
  const idBytes = block.readUInt8(32);
  const length = FIXED_BYTES + idBytes + 4;
  if (block.toString('latin1', 0, 8) !== MAGIC || block.readUInt32LE(8) !== VERSION) return null;
  if (block.readUInt32LE(12) !== length) return null;
  if (crc32(block.subarray(0, length - 4)) !== block.readUInt32LE(length - 4)) return null;
  const number = Number(block.readBigUInt64LE(16));
  const slots = block.readUInt32LE(28);
  if (slots < SLOTS_MIN || slots > SLOTS_MAX) return null;
  const clusterId = block.toString('utf8', FIXED_BYTES, FIXED_BYTES + idBytes);
  return { clusterId, number, salt: block.readUInt32LE(24), slots };
}

/** What reading the header of a file found. */
export interface FoundHeader {
  readonly header: SegmentHeader;
  /** Where the copies lie that are not sound. */
  readonly badCopies: readonly number[];
}

/**
 * The header of segment `number`, or null if neither copy is one of version 2. Throws a
 * `StorageError` with code `other-cluster`, or `damaged` if the file is that of another number.
 */
export function findSegmentHeader(
  path: string,
  bytes: Buffer,
  number: number,
  clusterId: string,
): FoundHeader | null {
  const copies = [0, BLOCK_BYTES].map((at) => ({ at, header: headerAt(bytes, at) }));
  const header = copies.find((copy) => copy.header !== null)?.header ?? null;
  if (header === null) return null;
  if (header.clusterId !== clusterId) {
    const message = `${path} belongs to cluster ${header.clusterId}, not to ${clusterId}`;
    throw new StorageError('other-cluster', message, { path });
  }
  if (header.number !== number) throw damaged(path, 16, 'the number is not that of the name');
  const badCopies = copies.filter((copy) => copy.header === null).map(({ at }) => at);
  return { header, badCopies };
}

/** Bytes of a segment before its frames. */
export function bytesBeforeFrames(header: SegmentHeader): number {
  return framesOffset(header.slots);
}
