/**
 * A part of a backup behind its snapshot: records of fields, each behind its length (u32 little-endian),
 * and the SHA-256 of all of them.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

import { readExactly, writeAll } from '../snapshots/build.js';
import { malformed } from './format.js';
import type { BackupPart } from './format.js';

const LENGTH_BYTES = 4;

/** Writes one from `position` on. */
export class PartWriter {
  readonly #file: FileHandle;
  readonly #position: number;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #count = 0;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Undefined when nothing was written. */
  get part(): BackupPart | undefined {
    if (this.#count === 0) return undefined;
    const sha256 = this.#hash.copy().digest('hex');
    return { count: this.#count, bytes: this.#bytes, sha256 };
  }

  async record(...fields: readonly Uint8Array[]): Promise<void> {
    for (const field of fields) await this.#write(lengthOf(field.length), field);
    this.#count += 1;
  }

  /** A record whose last field, of so many bytes, comes in pieces. */
  async recordInPieces(
    first: Uint8Array,
    total: number,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.#write(lengthOf(first.length), first, lengthOf(total));
    for await (const piece of pieces) await this.#write(piece);
    this.#count += 1;
  }

  async #write(...bytes: readonly Uint8Array[]): Promise<void> {
    const all = bytes.length === 1 && bytes[0] !== undefined ? bytes[0] : Buffer.concat(bytes);
    this.#hash.update(all);
    await writeAll(this.#file, all, this.#position + this.#bytes);
    this.#bytes += all.length;
  }
}

/** Reads one; throws `malformed` where it is not what was written. */
export class PartReader {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #part: BackupPart;
  readonly #end: number;
  readonly #what: string;
  readonly #hash = createHash('sha256');
  #at: number;

  /** `what` is one of its records, in a sentence. */
  constructor(path: string, file: FileHandle, position: number, part: BackupPart, what: string) {
    this.#path = path;
    this.#file = file;
    this.#part = part;
    this.#at = position;
    this.#end = position + part.bytes;
    this.#what = what;
  }

  async field(bytesMax: number): Promise<Buffer> {
    const length = (await this.#take(LENGTH_BYTES, bytesMax)).readUInt32LE(0);
    return this.#take(length, bytesMax);
  }

  /** All records were read. */
  end(): void {
    if (this.#at !== this.#end) throw malformed(this.#path, `bytes follow the last ${this.#what}`);
    if (this.#hash.digest('hex') === this.#part.sha256) return;
    throw malformed(this.#path, `a ${this.#what} in it is damaged`);
  }

  async #take(length: number, bytesMax: number): Promise<Buffer> {
    const isInside = length <= Math.max(bytesMax, LENGTH_BYTES) && this.#at + length <= this.#end;
    const bytes = isInside ? await readExactly(this.#file, this.#at, length) : undefined;
    if (bytes === undefined) throw malformed(this.#path, `a ${this.#what} in it is cut off`);
    this.#at += length;
    this.#hash.update(bytes);
    return bytes;
  }
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES);
  bytes.writeUInt32LE(length);
  return bytes;
}
