/**
 * A snapshot as a file, version 1. Integers are little-endian.
 *
 *     content    'AF2SNAP\n', version u32, then length u32 and bytes of each of: the name of the
 *                snapshot (`encodeSnapshotMeta`), the control state, and every record of the dump
 *     manifest   one entry a block of the content, in order: length u32, SHA-256 (32 bytes)
 *     trailer    'AF2SNPD\n', version u32, log index u64, content bytes u64, blocks u32,
 *                SHA-256 of the manifest (32 bytes), crc32 u32 of the trailer before it
 *
 * The digest of the manifest names the snapshot: who holds it can check every block by itself, in
 * any order and from any source (a hash list; Merkle, 1987, of depth one).
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

import { NodeError } from '../errors.js';
import { BLOCKS_MAX, BLOCK_BYTES_MAX, SNAPSHOT_BYTES_MAX } from './limits.js';

/** What is known of a snapshot before any of its content is there. */
export interface Description {
  /** SHA-256 of the manifest, 64 hexadecimal digits. */
  readonly id: string;
  /** Log index of its state. */
  readonly index: number;
  readonly contentBytes: number;
  readonly blocks: number;
}

export const CONTENT_MAGIC = 'AF2SNAP\n';
const TRAILER_MAGIC = 'AF2SNPD\n';
export const FORMAT_VERSION = 1;
export const MANIFEST_ENTRY_BYTES = 36;
export const TRAILER_BYTES = 68;
const ID = /^[0-9a-f]{64}$/;

/** Whether a text can be the id of a snapshot; nothing else becomes part of a path. */
export function isSnapshotId(text: string): boolean {
  return ID.test(text);
}

export function manifestBytes({ blocks }: Description): number {
  return blocks * MANIFEST_ENTRY_BYTES;
}

/** Why a description cannot be true, or undefined. */
export function descriptionProblem(description: Description): string | undefined {
  const { id, index, contentBytes, blocks } = description;
  if (!isSnapshotId(id)) return 'the id is not 64 hexadecimal digits';
  if (index < 1) return 'the index is below 1';
  if (contentBytes < 1 || contentBytes > SNAPSHOT_BYTES_MAX) {
    return `the content has ${contentBytes} bytes and may have 1 to ${SNAPSHOT_BYTES_MAX}`;
  }
  if (blocks < 1 || blocks > BLOCKS_MAX || blocks > contentBytes) {
    return `${blocks} blocks are not what ${contentBytes} bytes can be cut into`;
  }
  return undefined;
}

export function encodeTrailer({ id, index, contentBytes, blocks }: Description): Buffer {
  const bytes = Buffer.alloc(TRAILER_BYTES);
  bytes.write(TRAILER_MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeBigUInt64LE(BigInt(index), 12);
  bytes.writeBigUInt64LE(BigInt(contentBytes), 20);
  bytes.writeUInt32LE(blocks, 28);
  bytes.write(id, 32, 'hex');
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 64)), 64);
  return bytes;
}

/** The description in a trailer. Throws `malformed` with what is wrong with it. */
export function decodeTrailer(bytes: Buffer): Description {
  if (bytes.length !== TRAILER_BYTES || bytes.toString('latin1', 0, 8) !== TRAILER_MAGIC) {
    throw malformed('it does not end like one');
  }
  const version = bytes.readUInt32LE(8);
  if (version !== FORMAT_VERSION) throw malformed(`its version is ${version}`);
  if (bytes.readUInt32LE(64) !== crc32(bytes.subarray(0, 64))) {
    throw malformed('the checksum of its trailer is wrong');
  }
  const description = {
    id: bytes.toString('hex', 32, 64),
    index: Number(bytes.readBigUInt64LE(12)),
    contentBytes: Number(bytes.readBigUInt64LE(20)),
    blocks: bytes.readUInt32LE(28),
  };
  const problem = descriptionProblem(description);
  if (problem !== undefined) throw malformed(problem);
  return description;
}

/** The blocks of a snapshot: where each begins, its length and its digest. */
export class Manifest {
  readonly description: Description;
  readonly bytes: Buffer;
  readonly #offsets: Float64Array;

  /** Throws `malformed` unless `bytes` are the manifest that the description names. */
  constructor(description: Description, bytes: Buffer) {
    if (bytes.length !== manifestBytes(description)) throw malformed('its manifest is cut off');
    if (createHash('sha256').update(bytes).digest('hex') !== description.id) {
      throw malformed('its manifest is not the one that its id names');
    }
    this.description = description;
    this.bytes = bytes;
    this.#offsets = new Float64Array(description.blocks + 1);
    for (let block = 0; block < description.blocks; block += 1) {
      const length = bytes.readUInt32LE(block * MANIFEST_ENTRY_BYTES);
      if (length < 1 || length > BLOCK_BYTES_MAX)
        throw malformed(`block ${block} has ${length} bytes`);
      this.#offsets[block + 1] = (this.#offsets[block] ?? 0) + length;
    }
    if (this.#offsets[description.blocks] !== description.contentBytes) {
      throw malformed('its blocks are not as long as its content');
    }
  }

  offset(block: number): number {
    return this.#offsets[block] ?? 0;
  }

  length(block: number): number {
    return this.bytes.readUInt32LE(block * MANIFEST_ENTRY_BYTES);
  }

  /** SHA-256 of a block, as a view of the manifest. */
  digest(block: number): Buffer {
    const at = block * MANIFEST_ENTRY_BYTES;
    return this.bytes.subarray(at + 4, at + MANIFEST_ENTRY_BYTES);
  }

  /** Whether bytes are the block: by length and by digest. */
  matches(block: number, bytes: Uint8Array): boolean {
    if (bytes.length !== this.length(block)) return false;
    return createHash('sha256').update(bytes).digest().equals(this.digest(block));
  }
}

function malformed(what: string): NodeError {
  return new NodeError('malformed', `the snapshot cannot be used: ${what}`);
}
