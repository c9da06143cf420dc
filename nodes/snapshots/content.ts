/** Reads the content of a snapshot whose blocks were all checked; trusts no length in it all the same. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { decodeSnapshotMeta } from '../../consensus/raft/index.js';
import type { SnapshotMeta } from '../../consensus/raft/index.js';
import type { DumpRecord } from '../../src/memory/engine.js';
import { NodeError } from '../errors.js';
import { decodeDumpRecord } from '../wire/dump-codec.js';
import { CONTENT_MAGIC, FORMAT_VERSION } from './format.js';
import { CONTROL_STATE_BYTES_MAX, RECORD_BYTES_MAX } from './limits.js';

const META_BYTES_MAX = 1024 * 1024;
const BUFFER_BYTES = 256 * 1024;

/** An open snapshot. Throws `malformed`, with the path, where the content is not what it must be. */
export class SnapshotContent {
  readonly meta: SnapshotMeta;
  /** Encoded. */
  readonly controlState: Uint8Array;
  readonly #reader: FileReader;

  constructor(path: string, contentBytes: number) {
    this.#reader = new FileReader(path, contentBytes);
    try {
      const head = this.#reader.take(CONTENT_MAGIC.length + 4);
      if (head.toString('latin1', 0, CONTENT_MAGIC.length) !== CONTENT_MAGIC) {
        this.#reader.fail('it does not start like a snapshot');
      }
      const version = head.readUInt32LE(CONTENT_MAGIC.length);
      if (version !== FORMAT_VERSION) this.#reader.fail(`its version is ${version}`);
      this.meta = decodeSnapshotMeta(this.#reader.takeFramed(META_BYTES_MAX));
      this.controlState = this.#reader.takeFramed(CONTROL_STATE_BYTES_MAX);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The rows, once; a few blocks of the file in memory. */
  *records(): Generator<DumpRecord> {
    while (!this.#reader.isAtEnd) {
      yield decodeDumpRecord(this.#reader.takeFramed(RECORD_BYTES_MAX));
    }
  }

  close(): void {
    this.#reader.close();
  }
}

/** Takes bytes one after the other, read from the file in larger pieces. */
class FileReader {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #end: number;
  #buffer = Buffer.alloc(0);
  #position = 0;
  #isOpen = true;

  constructor(path: string, end: number) {
    this.#path = path;
    this.#descriptor = openSync(path, 'r');
    this.#end = end;
    if (fstatSync(this.#descriptor).size < end) {
      this.close();
      this.fail('the file is cut off');
    }
  }

  get isAtEnd(): boolean {
    return this.#buffer.length === 0 && this.#position === this.#end;
  }

  /** What was taken stays valid. */
  take(length: number): Buffer {
    if (length > this.#buffer.length) this.#fill(length);
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  takeFramed(lengthMax: number): Buffer {
    const length = this.take(4).readUInt32LE(0);
    if (length > lengthMax) this.fail(`${length} bytes are announced where ${lengthMax} may be`);
    return this.take(length);
  }

  fail(what: string): never {
    throw new NodeError('malformed', `the snapshot ${this.#path} cannot be used: ${what}`);
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }

  #fill(length: number): void {
    const left = this.#end - this.#position;
    if (length > this.#buffer.length + left) this.fail('it ends in the middle of a record');
    const wanted = Math.min(left, Math.max(length - this.#buffer.length, BUFFER_BYTES));
    const read = Buffer.allocUnsafe(wanted);
    let done = 0;
    while (done < wanted) {
      const bytes = readSync(this.#descriptor, read, done, wanted - done, this.#position + done);
      if (bytes === 0) this.fail('the file is cut off');
      done += bytes;
    }
    this.#position += wanted;
    this.#buffer = Buffer.concat([this.#buffer, read]);
  }
}
