/**
 * Bytes of a segment of format version 2, little-endian.
 *
 *     block 0   header: magic 8 bytes, format version u32, header bytes u32, number u64, salt u32,
 *               slots u32, cluster id (length u8, UTF-8), crc32 u32 of all before
 *     block 1   the header again
 *     block 2   slots of 64 bytes: slot n describes frame n
 *               crc32 u32 of what follows, frame number u32, offset u32 and bytes u32 of the frame,
 *               kind u8, version u8, position in its batch u16, count u32, first index u64,
 *               term u64, hard state (term, vote, commit u64)
 *     then      frames, one after the other
 *     frame     head of 80 bytes: all of its slot, end of the log before it (index, term u64);
 *               records; the byte 0
 *     record    crc32 u32 of the rest of the head, crc32 u32 of the data, kind u8, entry type u8,
 *               zero u16, data bytes u32, index u64, term u64; data
 *
 * Each crc32 starts from the salt of the file, so that bytes of another file, or bytes stored as
 * application data, do not pass. Slot and head of a frame lie in different blocks and say the same:
 * what one lost block takes, the other tells. Slots, heads and the last byte of a frame are stored
 * under a mask, by which a written place is told from one that still holds zeros (`isBlank`).
 */
import { crc32 } from 'node:zlib';
import type { Entry, HardState } from '../../consensus/raft/index.js';
import { assert } from '../assert.js';
import { BLOCK_BYTES, SECTOR_BYTES } from './limits.js';

/** Bytes of a slot. */
export const SLOT_BYTES = 64;
/** Bytes of a frame before its records. */
export const HEAD_BYTES = 80;
/** Bytes of a frame around its records. */
export const FRAME_OVERHEAD_BYTES = HEAD_BYTES + 1;
/** Bytes of a record before the data of its entry. */
export const RECORD_HEAD_BYTES = 32;
/** Where the slots begin: header and its copy come before them. */
const SLOTS_OFFSET = 2 * BLOCK_BYTES;

const MASK = 0xa5;
const MASK_WORD = 0xa5a5a5a5;
const VERSION = 1;
const TWO_TO_32 = 2 ** 32;
const KINDS = [undefined, 'append', 'repair', 'mark', 'seal'] as const;
const ENTRY_TYPES: readonly Entry['type'][] = ['normal', 'confChange'];
/** A written slot holds at least ten bytes that are not zero: two of each of five integers. */
const BLANK_NONZERO_BYTES_MAX = 8;

/** What the entries of a frame do: go behind the log (Raft 5.3), or into lost places. */
type FrameKind = Exclude<(typeof KINDS)[number], undefined>;

/** An entry's index and term; the term 0 behind an index means that it is not known. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** What is known of a frame without its records. */
export interface FrameFacts {
  readonly number: number;
  /** Byte in the file. */
  readonly offset: number;
  readonly bytes: number;
  /**
   * `append`: `count` entries of `term` from `first` on, replacing all from there. `repair`: the
   * same for lost places. `mark`: a snapshot of (`first`, `term`) is stored. `seal`: the log goes on
   * in the next segment.
   */
  readonly kind: FrameKind;
  /** Frames before it under the same sync. */
  readonly batchPosition: number;
  readonly count: number;
  readonly first: number;
  readonly term: number;
  /** The whole hard state as of this frame. */
  readonly hardState: HardState;
}

/** Where the frames of a segment with `slots` slots begin. */
export function framesOffset(slots: number): number {
  return SLOTS_OFFSET + slots * SLOT_BYTES;
}

/** Where slot `number` lies. */
export function slotOffset(number: number): number {
  return SLOTS_OFFSET + number * SLOT_BYTES;
}

function writeU64(bytes: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a stored integer is in 0 to 2^53-1');
  bytes.writeUInt32LE(value % TWO_TO_32, at);
  bytes.writeUInt32LE(Math.floor(value / TWO_TO_32), at + 4);
}

/** The integer, or NaN if it is greater than 2^53-1. */
function readU64(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_TO_32;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

const headSeed = (salt: number): number => (salt ^ 0x48454144) >>> 0;
const recordSeed = (salt: number): number => (salt ^ 0x5245434f) >>> 0;

function mask(bytes: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at += 1) bytes[at] = (bytes[at] as number) ^ MASK;
}

function writeFacts(bytes: Buffer, facts: FrameFacts, at: number): void {
  bytes.writeUInt32LE(facts.number, at + 4);
  bytes.writeUInt32LE(facts.offset, at + 8);
  bytes.writeUInt32LE(facts.bytes, at + 12);
  bytes.writeUInt8(KINDS.indexOf(facts.kind), at + 16);
  bytes.writeUInt8(VERSION, at + 17);
  bytes.writeUInt16LE(facts.batchPosition, at + 18);
  bytes.writeUInt32LE(facts.count, at + 20);
  writeU64(bytes, facts.first, at + 24);
  writeU64(bytes, facts.term, at + 32);
  writeU64(bytes, facts.hardState.term, at + 40);
  writeU64(bytes, facts.hardState.vote, at + 48);
  writeU64(bytes, facts.hardState.commit, at + 56);
}

/** Writes the slot of a frame at `at`. */
export function writeSlot(bytes: Buffer, facts: FrameFacts, salt: number, at: number): void {
  writeFacts(bytes, facts, at);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, at + SLOT_BYTES), salt), at);
  mask(bytes, at, at + SLOT_BYTES);
}

/** Writes head and last byte of a frame whose records are, or will be, in between. */
export function writeFrameEnds(
  bytes: Buffer,
  facts: FrameFacts,
  before: LogPosition,
  salt: number,
  at: number,
): void {
  writeFacts(bytes, facts, at);
  writeU64(bytes, before.index, at + 64);
  writeU64(bytes, before.term, at + 72);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, at + HEAD_BYTES), headSeed(salt)), at);
  mask(bytes, at, at + HEAD_BYTES);
  bytes[at + facts.bytes - 1] = MASK;
}

/** `length` bytes at `at` as they were before the mask, if their crc32 is right. */
function unmasked(bytes: Buffer, at: number, length: number, seed: number): Buffer | null {
  if (at < 0 || at + length > bytes.length) return null;
  const plain = Buffer.from(bytes.subarray(at, at + length));
  mask(plain, 0, length);
  return crc32(plain.subarray(4), seed) === plain.readUInt32LE(0) ? plain : null;
}

function readFacts(plain: Buffer): FrameFacts | null {
  const kind = KINDS[plain.readUInt8(16)];
  if (kind === undefined || plain.readUInt8(17) !== VERSION) return null;
  const [first, term] = [readU64(plain, 24), readU64(plain, 32)];
  const hardState = {
    term: readU64(plain, 40),
    vote: readU64(plain, 48),
    commit: readU64(plain, 56),
  };
  const sum = first + term + hardState.term + hardState.vote + hardState.commit;
  if (Number.isNaN(sum)) return null;
  const [bytes, count] = [plain.readUInt32LE(12), plain.readUInt32LE(20)];
  if (FRAME_OVERHEAD_BYTES + count * RECORD_HEAD_BYTES > bytes) return null;
  return {
    number: plain.readUInt32LE(4),
    offset: plain.readUInt32LE(8),
    bytes,
    kind,
    batchPosition: plain.readUInt16LE(18),
    count,
    first,
    term,
    hardState,
  };
}

/** The slot at `at`, of whatever frame, or null if it is not sound. */
export function slotAt(bytes: Buffer, at: number, salt: number): FrameFacts | null {
  const plain = unmasked(bytes, at, SLOT_BYTES, salt);
  return plain === null ? null : readFacts(plain);
}

/** The head of the frame at `at`, or null if it is not sound or was written for another place. */
export function headAt(
  bytes: Buffer,
  at: number,
  salt: number,
): { readonly facts: FrameFacts; readonly before: LogPosition } | null {
  // Cheap, since a whole file is searched with this: heads know where they belong.
  if (at + HEAD_BYTES > bytes.length) return null;
  if ((bytes.readUInt32LE(at + 8) ^ MASK_WORD) >>> 0 !== at) return null;
  const plain = unmasked(bytes, at, HEAD_BYTES, headSeed(salt));
  if (plain === null) return null;
  const facts = readFacts(plain);
  const before = { index: readU64(plain, 64), term: readU64(plain, 72) };
  if (facts === null || Number.isNaN(before.index + before.term)) return null;
  return { facts, before };
}

/** Whether all bytes of `from` to `to` are zero; those behind the end of the file are. */
export function isZero(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < Math.min(to, bytes.length); at += 1) if (bytes[at] !== 0) return false;
  return true;
}

/** Whether a slot or head was never written here, though some bits of its zeros may have turned. */
export function isBlank(bytes: Buffer, from: number, to: number): boolean {
  let count = 0;
  for (let at = from; at < Math.min(to, bytes.length); at += 1) count += bytes[at] === 0 ? 0 : 1;
  return count <= BLANK_NONZERO_BYTES_MAX;
}

/**
 * Whether [`from`, `to`) touches a sector that was not written, as far as it belongs to
 * [`start`, `end`).
 */
export function touchesUnwritten(
  bytes: Buffer,
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): boolean {
  for (let at = from - (from % SECTOR_BYTES); at < to; at += SECTOR_BYTES) {
    if (isZero(bytes, Math.max(at, start), Math.min(at + SECTOR_BYTES, end))) return true;
  }
  return false;
}

/** Bytes of the record of an entry. */
export function recordBytes(entry: Entry): number {
  return RECORD_HEAD_BYTES + entry.data.length;
}

/** Writes the record of an entry at `at`. */
export function writeRecord(
  bytes: Buffer,
  kind: 'append' | 'repair',
  entry: Entry,
  salt: number,
  at: number,
): void {
  const type = ENTRY_TYPES.indexOf(entry.type);
  assert(type >= 0, 'a lost entry is never written');
  const seed = recordSeed(salt);
  bytes.writeUInt32LE(crc32(entry.data, seed), at + 4);
  bytes.writeUInt8(KINDS.indexOf(kind), at + 8);
  bytes.writeUInt8(type, at + 9);
  bytes.writeUInt16LE(0, at + 10);
  bytes.writeUInt32LE(entry.data.length, at + 12);
  writeU64(bytes, entry.index, at + 16);
  writeU64(bytes, entry.term, at + 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, at + RECORD_HEAD_BYTES), seed), at);
  bytes.set(entry.data, at + RECORD_HEAD_BYTES);
}

/** The head of a record. */
export interface RecordHead {
  readonly type: Entry['type'];
  readonly index: number;
  readonly dataBytes: number;
  readonly dataChecksum: number;
}

/** The head of the record at `at` if it is sound and one of the frame, which ends at `end`. */
export function recordHeadAt(
  bytes: Buffer,
  at: number,
  facts: FrameFacts,
  end: number,
  salt: number,
): RecordHead | null {
  if (at + RECORD_HEAD_BYTES > end) return null;
  if (KINDS[bytes.readUInt8(at + 8)] !== facts.kind || bytes.readUInt16LE(at + 10) !== 0)
    return null;
  const type = ENTRY_TYPES[bytes.readUInt8(at + 9)];
  const dataBytes = bytes.readUInt32LE(at + 12);
  const index = readU64(bytes, at + 16);
  if (type === undefined || readU64(bytes, at + 24) !== facts.term) return null;
  if (!(index >= facts.first && index < facts.first + facts.count)) return null;
  const sum = crc32(bytes.subarray(at + 4, at + RECORD_HEAD_BYTES), recordSeed(salt));
  if (sum !== bytes.readUInt32LE(at)) return null;
  return { type, index, dataBytes, dataChecksum: bytes.readUInt32LE(at + 4) };
}

/** The data of the record at `at`, copied, or null if it is not sound or not all there. */
export function recordDataAt(
  bytes: Buffer,
  at: number,
  head: RecordHead,
  salt: number,
): Uint8Array | null {
  const from = at + RECORD_HEAD_BYTES;
  if (from + head.dataBytes > bytes.length) return null;
  const data = bytes.subarray(from, from + head.dataBytes);
  if (crc32(data, recordSeed(salt)) !== head.dataChecksum) return null;
  return new Uint8Array(data);
}
