/**
 * Snapshots as files: written, read and checked a chunk at a time.
 *
 *     file       magic 7 bytes, version u8, chain 32 bytes, snapshot
 *     snapshot   length u32 and bytes of what was decided of late, state of the application
 *     of late    count of heights, each: height, count of commands, SHA-256 of each command;
 *                the heights that decided any of the last `COMMAND_HEIGHTS_MAX`, in their order
 *
 * A file has its name once it is whole and durable; before that it is `.unfinished`, and worth nothing
 * after a crash. What it holds is checked by the checkpoint, whose version says what a file looks like.
 */
import { dirname } from 'node:path';
import { bad, readNumber } from '../../consensus/bft/fields.js';
import { ByteReader, ByteWriter } from '../../consensus/varint.js';
import { UNFINISHED_SUFFIX, ignoreMissing } from '../storage/atomic-write.js';
import { toStorageError } from '../storage/error.js';
import type { StorageDisk, StorageFile } from '../storage/index.js';
import { type Checkpoint, DIGEST_BYTES, chunkCountOf, sha256 } from './checkpoint.js';
import { ValidatorError } from './error.js';
import { FILE_HEADER_BYTES as HEADER_BYTES, fileHeaderOf } from './file-header.js';
import {
  BATCH_COMMANDS_MAX,
  CHUNKS_MAX,
  CHUNK_BYTES,
  COMMAND_HEIGHTS_MAX,
  RECENT_BYTES_MAX,
} from './limits.js';

const MAGIC = 'AFBFTsn';
const VERSION = 1;
const LENGTH_BYTES = 4;

/** Identities of the commands that some heights decided, by height. */
export type Recent = readonly (readonly [height: number, ids: readonly string[]])[];

/** What the chunks of a checkpoint are checked by. */
type Chunked = Pick<Checkpoint, 'height' | 'snapshotBytes' | 'chunks'>;

/** Writes one snapshot. See the head of this file. */
export class SnapshotWriter {
  #bytes = 0;
  readonly #digests: Uint8Array[] = [];

  private constructor(
    private readonly path: string,
    private readonly disk: StorageDisk,
    private readonly file: StorageFile,
  ) {}

  /** What is left of an earlier try is deleted. Throws a `StorageError`. */
  static async open(path: string, chain: Uint8Array, disk: StorageDisk): Promise<SnapshotWriter> {
    const unfinished = path + UNFINISHED_SUFFIX;
    try {
      await disk.remove(unfinished).catch(ignoreMissing);
      const file = await disk.open(unfinished, 'create');
      try {
        await file.write(fileHeaderOf(MAGIC, VERSION, chain), 0);
      } catch (error) {
        await file.close();
        throw error;
      }
      return new SnapshotWriter(path, disk, file);
    } catch (error) {
      throw toStorageError(error, 'writing', path);
    }
  }

  /** The next chunk, of `CHUNK_BYTES` but for the last one. Throws a `StorageError`. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#digests.length >= CHUNKS_MAX) {
      const message = `a snapshot of more than ${CHUNKS_MAX} chunks of ${CHUNK_BYTES} bytes`;
      throw new ValidatorError('bad-option', message);
    }
    await this.#try(() => this.file.write(chunk, HEADER_BYTES + this.#bytes));
    this.#bytes += chunk.length;
    this.#digests.push(sha256(chunk));
  }

  /** Resolves when the snapshot is durable under its name. Throws a `StorageError`. */
  async finish(): Promise<Pick<Checkpoint, 'snapshotBytes' | 'chunks'>> {
    await this.#try(() => this.file.datasync());
    await this.#try(() => this.file.close());
    await this.#try(() => this.disk.rename(this.path + UNFINISHED_SUFFIX, this.path));
    await this.#try(() => this.disk.syncDirectory(dirname(this.path)));
    return { snapshotBytes: this.#bytes, chunks: Buffer.concat(this.#digests) };
  }

  /** Ends it without a snapshot. */
  async discard(): Promise<void> {
    await this.file.close().catch(() => {});
    await this.disk.remove(this.path + UNFINISHED_SUFFIX).catch(() => {});
  }

  async #try(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      throw toStorageError(error, 'writing', this.path);
    }
  }
}

/** Writes a snapshot of what comes in pieces of any length. */
export async function writeSnapshot(
  writer: SnapshotWriter,
  recent: Recent,
  application: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Pick<Checkpoint, 'snapshotBytes' | 'chunks'>> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let length = 0;
  const take = async (piece: Uint8Array): Promise<void> => {
    for (let at = 0; at < piece.length;) {
      if (length === CHUNK_BYTES) {
        await writer.write(chunk);
        length = 0;
      }
      const count = Math.min(piece.length - at, CHUNK_BYTES - length);
      chunk.set(piece.subarray(at, at + count), length);
      length += count;
      at += count;
    }
  };
  try {
    await take(headOf(recent));
    for await (const piece of application) await take(piece);
    await writer.write(chunk.subarray(0, length));
    return await writer.finish();
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** Bytes of a chunk, 0 for one that is none. */
export function chunkBytesOf({ snapshotBytes }: Chunked, index: number): number {
  const isChunk = Number.isSafeInteger(index) && index >= 0 && index < chunkCountOf(snapshotBytes);
  return isChunk ? Math.min(CHUNK_BYTES, snapshotBytes - index * CHUNK_BYTES) : 0;
}

/** Whether these are the bytes of a chunk. */
export function isChunk(checkpoint: Chunked, index: number, bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length !== chunkBytesOf(checkpoint, index)) return false;
  const digest = checkpoint.chunks.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
  return Buffer.from(sha256(bytes)).equals(digest);
}

/** Reads a chunk of the snapshot at `path`. Throws `ValidatorError` (`damaged`) and `StorageError`. */
export async function readChunk(
  path: string,
  checkpoint: Chunked,
  index: number,
  disk: StorageDisk,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(chunkBytesOf(checkpoint, index));
  try {
    const file = await disk.open(path, 'existing');
    try {
      await file.read(bytes, HEADER_BYTES + index * CHUNK_BYTES);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw toStorageError(error, 'reading', path);
  }
  if (isChunk(checkpoint, index, bytes)) return bytes;
  throw new ValidatorError(
    'damaged',
    `${path} is damaged in chunk ${index}; delete it and the checkpoint of height ${checkpoint.height}`,
  );
}

/** A snapshot that is read: its head, and the state of the application piece by piece. */
export interface OpenedSnapshot {
  readonly recent: Recent;
  readonly application: AsyncIterable<Uint8Array>;
}

/** Reads the snapshot at `path`. Throws as `readChunk`, and `BftError` for a head that is none. */
export async function openSnapshot(
  path: string,
  checkpoint: Chunked,
  disk: StorageDisk,
): Promise<OpenedSnapshot> {
  let next = 0;
  const read = async (): Promise<Uint8Array> => {
    if (chunkBytesOf(checkpoint, next) === 0) throw bad('a snapshot ends in its head');
    const chunk = await readChunk(path, checkpoint, next, disk);
    next += 1;
    return chunk;
  };
  let held = Buffer.from(await read());
  if (held.length < LENGTH_BYTES) throw bad('a snapshot without a head');
  const length = held.readUInt32LE(0);
  if (length > RECENT_BYTES_MAX) throw bad(`a head of a snapshot of ${length} bytes`);
  const parts = [held];
  let bytes = held.length;
  while (bytes < LENGTH_BYTES + length) {
    const part = Buffer.from(await read());
    parts.push(part);
    bytes += part.length;
  }
  held = Buffer.concat(parts);
  const recent = readRecent(held.subarray(LENGTH_BYTES, LENGTH_BYTES + length), checkpoint.height);
  const first = held.subarray(LENGTH_BYTES + length);
  async function* application(): AsyncGenerator<Uint8Array> {
    if (first.length > 0) yield first;
    while (chunkBytesOf(checkpoint, next) > 0) yield await read();
  }
  return { recent, application: application() };
}

function headOf(recent: Recent): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(recent.length);
  for (const [height, ids] of recent) {
    writer.varint(height);
    writer.varint(ids.length);
    for (const id of ids) writer.raw(Buffer.from(id, 'latin1'));
  }
  const bytes = writer.done();
  const head = Buffer.alloc(LENGTH_BYTES + bytes.length);
  head.writeUInt32LE(bytes.length, 0);
  head.set(bytes, LENGTH_BYTES);
  return head;
}

function readRecent(bytes: Uint8Array, height: number): Recent {
  const reader = new ByteReader(bytes, bad);
  const count = reader.varint();
  if (count > COMMAND_HEIGHTS_MAX) throw bad(`commands of ${count} heights are too many`);
  const recent: (readonly [number, readonly string[]])[] = [];
  for (let at = 0; at < count; at += 1) {
    const each = readNumber(reader);
    const isLate = each > (recent.at(-1)?.[0] ?? height - COMMAND_HEIGHTS_MAX) && each <= height;
    if (!isLate) throw bad(`commands of height ${each} are not of late`);
    const commands = reader.varint();
    if (commands === 0 || commands > BATCH_COMMANDS_MAX) throw bad(`${commands} commands`);
    const ids: string[] = [];
    for (let i = 0; i < commands; i += 1) {
      ids.push(Buffer.from(reader.raw(DIGEST_BYTES)).toString('latin1'));
    }
    recent.push([each, ids]);
  }
  reader.end();
  return recent;
}
