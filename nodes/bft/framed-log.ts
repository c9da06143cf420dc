/**
 * Records one after the other, durable when `append` resolves.
 *
 *     header   magic 7 bytes, version u8, chain 32 bytes
 *     record   length u32, crc32 u32 of the data, data
 *
 * A record at the end that is not whole was never durable, or is lost; it is cut off. One that is not
 * sound and has others behind it is damage.
 */
import { crc32 } from 'node:zlib';
import { toStorageError } from '../storage/error.js';
import type { StorageDisk, StorageFile } from '../storage/index.js';
import { ValidatorError } from './error.js';
import {
  FILE_HEADER_BYTES as HEADER_BYTES,
  fileHeaderOf,
  newerVersion,
  otherChain,
} from './file-header.js';
import { LOG_RECORD_BYTES_MAX } from './limits.js';
import { openOrMake } from './slot-file.js';

const HEAD_BYTES = 8;
const VERSION = 1;

/** What a log is for. */
export interface FramedLogOptions {
  readonly path: string;
  /** 7 ASCII characters. */
  readonly magic: string;
  readonly chain: Uint8Array;
}

/** See the head of this file. */
export class FramedLog {
  readonly #path: string;
  readonly #file: StorageFile;
  /** Where each record begins. */
  readonly #offsets: number[] = [];
  #end = HEADER_BYTES;
  #failure: unknown = null;

  private constructor(path: string, file: StorageFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Throws `ValidatorError` (`damaged`, `newer-version`, `other-chain`) and `StorageError`. */
  static async open(options: FramedLogOptions, disk: StorageDisk): Promise<FramedLog> {
    const { path } = options;
    try {
      const file = await openOrMake(path, disk, () =>
        fileHeaderOf(options.magic, VERSION, options.chain),
      );
      const log = new FramedLog(path, file);
      try {
        await log.#checkHeader(options);
        await log.#scan();
      } catch (error) {
        await file.close();
        throw error;
      }
      return log;
    } catch (error) {
      throw error instanceof ValidatorError ? error : toStorageError(error, 'opening', path);
    }
  }

  get count(): number {
    return this.#offsets.length;
  }

  get bytes(): number {
    return this.#end;
  }

  /**
   * Resolves when the record is durable. One call at a time. Throws a `StorageError`; after the first one
   * nothing is written any more, since a second sync tells nothing of what the first one lost.
   */
  async append(data: Uint8Array): Promise<void> {
    const record = Buffer.alloc(HEAD_BYTES + data.length);
    record.writeUInt32LE(data.length, 0);
    record.writeUInt32LE(crc32(data), 4);
    record.set(data, HEAD_BYTES);
    const at = this.#end;
    await this.#change(async () => {
      await this.#file.write(record, at);
      await this.#file.datasync();
    });
    this.#offsets.push(at);
    this.#end = at + record.length;
  }

  /** The record at a place from 0 on. Throws `ValidatorError` (`damaged`) and `StorageError`. */
  async read(at: number): Promise<Uint8Array> {
    const offset = this.#offsets[at] ?? this.#end;
    const found = await this.#readAt(offset, this.#end).catch((error: unknown) => {
      throw toStorageError(error, 'reading', this.#path);
    });
    if (found === null) throw damaged(this.#path, offset);
    return found;
  }

  /** Forgets all records. Throws as `append` does. */
  async clear(): Promise<void> {
    this.#offsets.length = 0;
    this.#end = HEADER_BYTES;
    await this.#change(() => this.#file.truncate(HEADER_BYTES));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #change(change: () => Promise<void>): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    try {
      await change();
    } catch (error) {
      this.#failure = toStorageError(error, 'writing', this.#path);
      throw this.#failure;
    }
  }

  async #checkHeader({ path, magic, chain }: FramedLogOptions): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    const bytesRead = await this.#file.read(header, 0);
    const isOurs = bytesRead === HEADER_BYTES && header.toString('latin1', 0, 7) === magic;
    if (!isOurs) throw damaged(path, 0);
    const version = header.readUInt8(7);
    if (version > VERSION) throw newerVersion(path, version, VERSION);
    if (!header.subarray(8).equals(chain)) throw otherChain(path);
  }

  async #scan(): Promise<void> {
    const size = await this.#file.size();
    let at = HEADER_BYTES;
    while (at < size) {
      const found = await this.#readAt(at, size);
      if (found === null) {
        const length = await this.#lengthAt(at, size);
        const isLast = length === null || at + HEAD_BYTES + length >= size;
        if (!isLast) throw damaged(this.#path, at);
        await this.#file.truncate(at);
        await this.#file.datasync();
        break;
      }
      this.#offsets.push(at);
      at += HEAD_BYTES + found.length;
    }
    this.#end = at;
  }

  async #lengthAt(at: number, end: number): Promise<number | null> {
    if (at + HEAD_BYTES > end) return null;
    const head = Buffer.alloc(HEAD_BYTES);
    await this.#file.read(head, at);
    const length = head.readUInt32LE(0);
    return length > LOG_RECORD_BYTES_MAX ? null : length;
  }

  /** The data of a record; null if it is not sound. */
  async #readAt(at: number, end: number): Promise<Uint8Array | null> {
    const length = await this.#lengthAt(at, end);
    if (length === null || at + HEAD_BYTES + length > end) return null;
    const record = Buffer.alloc(HEAD_BYTES + length);
    const bytesRead = await this.#file.read(record, at);
    const data = record.subarray(HEAD_BYTES);
    const isSound = bytesRead === record.length && crc32(data) === record.readUInt32LE(4);
    return isSound ? new Uint8Array(data) : null;
  }
}

function damaged(path: string, offset: number): ValidatorError {
  return new ValidatorError(
    'damaged',
    `${path} is damaged at byte ${offset}; delete this file alone: the other validators have its decisions`,
  );
}
