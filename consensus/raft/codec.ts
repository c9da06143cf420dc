/**
 * Bytes of messages, entries and snapshot names, little-endian, version 1. Integers of 64 bits hold
 * at most 2^53-1; everything is bounded by `limits.ts`, and bytes that do not fit exactly are
 * refused.
 *
 *     message   version u8, type u8, flags u8 (1 reject, 2 snapshot), to, from, term, logTerm,
 *               index, commit, rejectHint u64, context (length u16, UTF-8), snapshot if flagged,
 *               entry count u32, entries
 *     entry     term u64, index u64, type u8, length u32, data
 *     snapshot  index u64, term u64, autoLeave u8, then voters, votersOutgoing, learners and
 *               learnersNext (count u16, ids u64)
 *
 * A single entry or snapshot name is preceded by the version u8.
 */
import { RaftError, assert } from './error.js';
import {
  CONTEXT_BYTES_MAX,
  ENTRIES_PER_MESSAGE_MAX,
  ENTRY_DATA_BYTES_MAX,
  ENTRY_OVERHEAD_BYTES,
  MEMBERS_MAX,
  MESSAGE_BYTES_MAX,
} from './limits.js';
import { MESSAGE_TYPES, type Message } from './message.js';
import type { ConfState, Entry, EntryType, SnapshotMeta } from './types.js';

const VERSION = 1;
const REJECT_FLAG = 1;
const SNAPSHOT_FLAG = 2;
const HEADER_BYTES = 3 + 7 * 8 + 2 + 4;
const ENTRY_TYPES: readonly EntryType[] = ['normal', 'confChange'];
const TWO_TO_32 = 2 ** 32;
const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });
const NO_BYTES = new Uint8Array(0);

function bad(what: string): RaftError {
  return new RaftError('bad-encoding', `raft bytes: ${what}`);
}

class Writer {
  private at = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  u8(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  u16(value: number): void {
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'an encoded integer is in 0 to 2^53-1');
    this.view.setUint32(this.at, value % TWO_TO_32, true);
    this.view.setUint32(this.at + 4, Math.floor(value / TWO_TO_32), true);
    this.at += 8;
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  done(): Uint8Array {
    assert(this.at === this.bytes.length, 'an encoding is as long as computed');
    return this.bytes;
  }
}

class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  private take(count: number): number {
    if (count > this.left) throw bad('they end too early');
    const { at } = this;
    this.at += count;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  u64(): number {
    const at = this.take(8);
    const value = this.view.getUint32(at, true) + this.view.getUint32(at + 4, true) * TWO_TO_32;
    if (!Number.isSafeInteger(value)) throw bad('an integer is greater than 2^53-1');
    return value;
  }

  raw(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  end(): void {
    if (this.left !== 0) throw bad(`${this.left} bytes are left over`);
  }
}

function confStateLists(state: ConfState): readonly (readonly number[])[] {
  return [state.voters, state.votersOutgoing, state.learners, state.learnersNext];
}

function snapshotBytes(meta: SnapshotMeta): number {
  let size = 17;
  for (const list of confStateLists(meta.confState)) size += 2 + list.length * 8;
  return size;
}

function writeSnapshot(writer: Writer, meta: SnapshotMeta): void {
  writer.u64(meta.index);
  writer.u64(meta.term);
  writer.u8(meta.confState.autoLeave ? 1 : 0);
  for (const list of confStateLists(meta.confState)) {
    assert(list.length <= MEMBERS_MAX, 'a membership is bounded');
    writer.u16(list.length);
    for (const node of list) writer.u64(node);
  }
}

function readNodes(reader: Reader): number[] {
  const count = reader.u16();
  if (count > MEMBERS_MAX) throw bad(`${count} members are too many`);
  const nodes: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const node = reader.u64();
    if (node === 0) throw bad('a member has the id 0');
    nodes.push(node);
  }
  return nodes;
}

function readSnapshot(reader: Reader): SnapshotMeta {
  const index = reader.u64();
  const term = reader.u64();
  const autoLeave = reader.u8();
  if (autoLeave > 1) throw bad('a truth value is neither 0 nor 1');
  const voters = readNodes(reader);
  const votersOutgoing = readNodes(reader);
  const learners = readNodes(reader);
  const learnersNext = readNodes(reader);
  const confState = { voters, votersOutgoing, learners, learnersNext, autoLeave: autoLeave === 1 };
  return { index, term, confState };
}

function writeEntry(writer: Writer, entry: Entry): void {
  assert(entry.data.length <= ENTRY_DATA_BYTES_MAX, 'the data of an entry is bounded');
  assert(entry.type !== 'lost', 'a lost entry is never encoded');
  writer.u64(entry.term);
  writer.u64(entry.index);
  writer.u8(ENTRY_TYPES.indexOf(entry.type));
  writer.u32(entry.data.length);
  writer.raw(entry.data);
}

function readEntry(reader: Reader): Entry {
  const term = reader.u64();
  const index = reader.u64();
  const code = reader.u8();
  const type = ENTRY_TYPES[code];
  if (type === undefined) throw bad(`entry type ${code} is not known`);
  const length = reader.u32();
  if (length > ENTRY_DATA_BYTES_MAX) throw bad(`an entry of ${length} bytes is too large`);
  // Copied (`slice` of a Buffer would not), or one small entry would keep a whole datagram or file alive.
  return { term, index, type, data: new Uint8Array(reader.raw(length)) };
}

function checkVersion(reader: Reader): void {
  const version = reader.u8();
  if (version !== VERSION) throw bad(`version ${version} is not known`);
}

/** Encodes one entry. */
export function encodeEntry(entry: Entry): Uint8Array {
  const writer = new Writer(1 + ENTRY_OVERHEAD_BYTES + entry.data.length);
  writer.u8(VERSION);
  writeEntry(writer, entry);
  return writer.done();
}

/** Decodes one entry. Throws a `RaftError` with code `bad-encoding`. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new Reader(bytes);
  checkVersion(reader);
  const entry = readEntry(reader);
  reader.end();
  return entry;
}

/** Encodes the name of a snapshot. */
export function encodeSnapshotMeta(meta: SnapshotMeta): Uint8Array {
  const writer = new Writer(1 + snapshotBytes(meta));
  writer.u8(VERSION);
  writeSnapshot(writer, meta);
  return writer.done();
}

/** Decodes the name of a snapshot. Throws a `RaftError` with code `bad-encoding`. */
export function decodeSnapshotMeta(bytes: Uint8Array): SnapshotMeta {
  const reader = new Reader(bytes);
  checkVersion(reader);
  const meta = readSnapshot(reader);
  reader.end();
  return meta;
}

/** Encodes a message. */
export function encodeMessage(message: Message): Uint8Array {
  const { entries, snapshot } = message;
  const context = message.context === '' ? NO_BYTES : textEncoder.encode(message.context);
  assert(context.length <= CONTEXT_BYTES_MAX, 'the context of a message is bounded');
  assert(entries.length <= ENTRIES_PER_MESSAGE_MAX, 'the entries of a message are bounded');
  let size = HEADER_BYTES + context.length;
  for (const entry of entries) size += ENTRY_OVERHEAD_BYTES + entry.data.length;
  if (snapshot !== null) size += snapshotBytes(snapshot);
  assert(size <= MESSAGE_BYTES_MAX, 'an encoded message is bounded');
  const writer = new Writer(size);
  writer.u8(VERSION);
  writer.u8(MESSAGE_TYPES.indexOf(message.type));
  writer.u8((message.reject ? REJECT_FLAG : 0) | (snapshot === null ? 0 : SNAPSHOT_FLAG));
  writer.u64(message.to);
  writer.u64(message.from);
  writer.u64(message.term);
  writer.u64(message.logTerm);
  writer.u64(message.index);
  writer.u64(message.commit);
  writer.u64(message.rejectHint);
  writer.u16(context.length);
  writer.raw(context);
  if (snapshot !== null) writeSnapshot(writer, snapshot);
  writer.u32(entries.length);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.done();
}

function readContext(reader: Reader): string {
  const length = reader.u16();
  if (length > CONTEXT_BYTES_MAX) throw bad(`a context of ${length} bytes is too large`);
  if (length === 0) return '';
  try {
    return textDecoder.decode(reader.raw(length));
  } catch (error) {
    if (error instanceof RaftError) throw error;
    throw bad('a context is not UTF-8');
  }
}

function readEntries(reader: Reader): Entry[] {
  const count = reader.u32();
  if (count > ENTRIES_PER_MESSAGE_MAX) throw bad(`${count} entries are too many`);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i += 1) entries.push(readEntry(reader));
  return entries;
}

/** Decodes a message of any peer. Throws a `RaftError` with code `bad-encoding`. */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.length > MESSAGE_BYTES_MAX) throw bad('a message is too large');
  const reader = new Reader(bytes);
  checkVersion(reader);
  const code = reader.u8();
  const type = MESSAGE_TYPES[code];
  if (type === undefined) throw bad(`message type ${code} is not known`);
  const flags = reader.u8();
  if (flags > (REJECT_FLAG | SNAPSHOT_FLAG)) throw bad(`flags ${flags} are not known`);
  const to = reader.u64();
  const from = reader.u64();
  const term = reader.u64();
  const logTerm = reader.u64();
  const index = reader.u64();
  const commit = reader.u64();
  const rejectHint = reader.u64();
  const context = readContext(reader);
  const snapshot = (flags & SNAPSHOT_FLAG) === 0 ? null : readSnapshot(reader);
  const reject = (flags & REJECT_FLAG) !== 0;
  const entries = readEntries(reader);
  reader.end();
  return {
    type,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    snapshot,
    reject,
    rejectHint,
    context,
  };
}
