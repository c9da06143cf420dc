/**
 * A log of puts in front of the file of a store: to append a batch and to sync it takes a fraction of the
 * time that SQLite needs for its rows and indexes, which follow later.
 *
 *   header (64 bytes): "AFputlog", version, name of the log, CRC-32
 *   entry: magic, bytes of the body, sequence, time of the writes, blocks, CRC-32 (32 bytes), then each block
 *     behind its length
 *
 * Sequences ascend by one. When all entries are in the file of the store, and that is synced, the log is
 * written from its beginning again: what is left of before has lower sequences. An entry that is not whole is
 * the end of the log, unless one with a later sequence follows: then it is damage. The name, which is random,
 * is in the checksums: a vector cannot be made to look like an entry.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncFile } from '../database.js';
import { MemoryError, memoryError, translateError } from '../errors.js';
import { putLogPath } from '../put-log-path.js';
import { PUT_LOG_BYTES_MAX } from './limits.js';

const MAGIC = Buffer.from('AFputlog', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 64;
const NAME_AT = 16;
/** Of a UUID. */
const NAME_BYTES = 36;
const HEADER_CRC_AT = HEADER_BYTES - 4;
const ENTRY_MAGIC = Buffer.from('AFpt', 'latin1');
const ENTRY_HEAD_BYTES = 32;
const ENTRY_CRC_AT = ENTRY_HEAD_BYTES - 4;

/** A batch of puts. */
export interface LoggedPuts {
  readonly sequence: number;
  /** When they were accepted: what had expired by then was not there for them. */
  readonly acceptedMs: number;
  readonly blocks: readonly Uint8Array[];
}

/** Whether the beginning of a log is one; of a store that may be writing it. Throws as `readPutLog`. */
export function checkPutLog(storePath: string, name: string | undefined): void {
  const path = putLogPath(storePath);
  if (!existsSync(path)) return;
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(file, header, 0, HEADER_BYTES, 0) === HEADER_BYTES)
      checkHeader(header, path, name);
  } finally {
    closeSync(file);
  }
}

/** What the file of a store says of its log. */
export interface PutLogState {
  readonly name: string;
  /** Of the last entry that is in the file. */
  readonly applied: number;
}

/** What a log holds that the file of its store does not. */
export interface ReadLog {
  readonly entries: readonly LoggedPuts[];
  /** An entry before the last one cannot be read. */
  readonly isDamaged: boolean;
}

/** Bytes that a batch of blocks takes. */
export function entryBytes(blocks: readonly Uint8Array[]): number {
  return blocks.reduce((sum, { length }) => sum + 4 + length, ENTRY_HEAD_BYTES);
}

/** A log that is written. */
export class PutLog {
  readonly path: string;
  readonly #file: number;
  readonly #name: string;
  /** Where the next entry goes. */
  #end = HEADER_BYTES;
  #isSynced = true;

  private constructor(path: string, file: number, name: string) {
    this.path = path;
    this.#file = file;
    this.#name = name;
  }

  /** Makes an empty log, which is on the disk when this returns. Throws `disk-full`, `read-only`, `io`. */
  static create(storePath: string, name: string): PutLog {
    const path = putLogPath(storePath);
    try {
      const log = new PutLog(path, openSync(path, 'w'), name);
      try {
        writeAll(log.#file, headerOf(name), 0);
        fdatasyncSync(log.#file);
        syncFile(dirname(path), 'must-exist');
      } catch (error) {
        log.close();
        throw error;
      }
      return log;
    } catch (error) {
      throw translateError(error, path);
    }
  }

  /** Bytes up to the end of the last entry. */
  get bytes(): number {
    return this.#end;
  }

  /** False once something was appended that the disk need not have. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Throws `disk-full`, `read-only`, `io`; then the entry is not there. */
  append(entry: LoggedPuts): void {
    const bytes = bytesOfEntry(entry, this.#name);
    try {
      writeAll(this.#file, bytes, this.#end);
    } catch (error) {
      throw translateError(error, this.path);
    }
    this.#end += bytes.length;
    this.#isSynced = false;
  }

  /** Throws `io` whatever the system says: a full disk, too, has lost what was written before. */
  async sync(): Promise<void> {
    this.#isSynced = true;
    await new Promise<void>((resolve, reject) => {
      fdatasync(this.#file, (error) => {
        if (error === null) resolve();
        else reject(memoryError('io', this.path, error));
      });
    });
  }

  /** The same before it returns. */
  syncNow(): void {
    this.#isSynced = true;
    try {
      fdatasyncSync(this.#file);
    } catch (error) {
      throw memoryError('io', this.path, error);
    }
  }

  /** All entries are elsewhere on the disk. */
  beginAnew(): void {
    this.#end = HEADER_BYTES;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Removes a log of which all is elsewhere on the disk. */
export function removePutLog(storePath: string): void {
  const path = putLogPath(storePath);
  rmSync(path, { force: true });
  syncFile(dirname(path), 'must-exist');
}

/**
 * Has the entries of a log that can be read in the place of the log, numbered anew behind what is applied; the
 * old one stays as `kept`. Throws `disk-full`, `read-only`, `io`.
 */
export function replacePutLog(
  storePath: string,
  { name, applied }: PutLogState,
  entries: readonly LoggedPuts[],
  kept: string,
): void {
  const path = putLogPath(storePath);
  const repaired = `${storePath}.repaired`;
  const log = PutLog.create(repaired, name);
  try {
    for (const [at, entry] of entries.entries()) {
      log.append({ ...entry, sequence: applied + 1 + at });
    }
    log.syncNow();
  } finally {
    log.close();
  }
  try {
    linkSync(path, kept);
    renameSync(putLogPath(repaired), path);
    syncFile(dirname(path), 'must-exist');
  } catch (error) {
    throw translateError(error, path);
  }
}

/**
 * Undefined if there is no log, or one that was never begun. `state`: of the store's file. Throws `damaged` for a file that is no log,
 * `invalid` for the log of another store, `newer-version`, and what reading throws. `salvage` takes what looks
 * like an entry from whatever it is.
 */
export function readPutLog(
  storePath: string,
  state: PutLogState | undefined,
  { salvage = false }: { salvage?: boolean } = {},
): ReadLog | undefined {
  const path = putLogPath(storePath);
  if (!existsSync(path)) return undefined;
  try {
    if (statSync(path).size > PUT_LOG_BYTES_MAX) {
      if (salvage) return undefined;
      throw noLog(path);
    }
    const bytes = readFileSync(path);
    // It was being made: its header is on the disk before the first entry is written.
    if (bytes.length < HEADER_BYTES) return undefined;
    if (!salvage) checkHeader(bytes, path, state?.name);
    // Without a name there is nothing that its checksums could be compared with.
    return state === undefined ? undefined : entriesIn(bytes, state);
  } catch (error) {
    throw translateError(error, path);
  }
}

function checkHeader(bytes: Buffer, path: string, name: string | undefined): void {
  if (bytes.subarray(0, HEADER_BYTES).every((byte) => byte === 0)) return;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw noLog(path);
  if (bytes.readUInt32LE(MAGIC.length) > VERSION) throw memoryError('newer-version', path);
  if (bytes.readUInt32LE(HEADER_CRC_AT) !== crc32(bytes.subarray(0, HEADER_CRC_AT))) {
    throw noLog(path);
  }
  if (bytes.toString('latin1', NAME_AT, NAME_AT + NAME_BYTES) === name) return;
  const sentence = `${path} is the log of another store, or of what this one was before; move it away`;
  throw new MemoryError('invalid', sentence, path);
}

function noLog(path: string): MemoryError {
  const sentence = `${path} is no log of puts that can be read; repair the store, which keeps what it can`;
  return new MemoryError('damaged', sentence, path);
}

/** Those behind the last that is applied; whatever is left of before has lower sequences. */
function entriesIn(bytes: Buffer, { name, applied }: PutLogState): ReadLog {
  const seed = crc32(name);
  const entries: LoggedPuts[] = [];
  let isDamaged = false;
  let last = applied;
  let end = HEADER_BYTES;
  for (let at = HEADER_BYTES; at >= 0;) {
    const entry = entryAt(bytes, at, seed);
    const isNext = at === end;
    if (entry === undefined || (entry.sequence <= last && !isNext)) {
      at = bytes.indexOf(ENTRY_MAGIC, at + 1);
      continue;
    }
    at += entryBytes(entry.blocks);
    end = at;
    if (entry.sequence <= last) continue;
    isDamaged ||= !isNext || entry.sequence !== last + 1;
    last = entry.sequence;
    entries.push(entry);
  }
  return { entries, isDamaged };
}

function entryAt(bytes: Buffer, at: number, seed: number): LoggedPuts | undefined {
  const bodyAt = at + ENTRY_HEAD_BYTES;
  if (bodyAt > bytes.length) return undefined;
  const head = bytes.subarray(at, bodyAt);
  if (!head.subarray(0, ENTRY_MAGIC.length).equals(ENTRY_MAGIC)) return undefined;
  const body = bytes.subarray(bodyAt, bodyAt + head.readUInt32LE(4));
  if (body.length !== head.readUInt32LE(4)) return undefined;
  const crc = crc32(body, crc32(head.subarray(0, ENTRY_CRC_AT), seed));
  if (crc !== head.readUInt32LE(ENTRY_CRC_AT)) return undefined;
  const blocks: Uint8Array[] = [];
  for (let from = 0; from < body.length;) {
    const length = from + 4 <= body.length ? body.readUInt32LE(from) : Infinity;
    if (from + 4 + length > body.length) return undefined;
    blocks.push(body.subarray(from + 4, from + 4 + length));
    from += 4 + length;
  }
  if (blocks.length !== head.readUInt32LE(24)) return undefined;
  return { sequence: head.readDoubleLE(8), acceptedMs: head.readDoubleLE(16), blocks };
}

function bytesOfEntry({ sequence, acceptedMs, blocks }: LoggedPuts, name: string): Buffer {
  const bytes = Buffer.allocUnsafe(entryBytes(blocks));
  ENTRY_MAGIC.copy(bytes);
  bytes.writeUInt32LE(bytes.length - ENTRY_HEAD_BYTES, 4);
  bytes.writeDoubleLE(sequence, 8);
  bytes.writeDoubleLE(acceptedMs, 16);
  bytes.writeUInt32LE(blocks.length, 24);
  let at = ENTRY_HEAD_BYTES;
  for (const block of blocks) {
    bytes.writeUInt32LE(block.length, at);
    bytes.set(block, at + 4);
    at += 4 + block.length;
  }
  const head = crc32(bytes.subarray(0, ENTRY_CRC_AT), crc32(name));
  bytes.writeUInt32LE(crc32(bytes.subarray(ENTRY_HEAD_BYTES), head), ENTRY_CRC_AT);
  return bytes;
}

function headerOf(name: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, MAGIC.length);
  header.write(name, NAME_AT, NAME_BYTES, 'latin1');
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return header;
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
  }
}
