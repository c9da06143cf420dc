/**
 * Checkpoints on the disk, each with its snapshot beside it: the last stable ones, and one that is on its
 * way to be.
 *
 *     checkpoint-N   magic 7 bytes, version u8, crc32 u32 of the checkpoint, chain 32 bytes, checkpoint
 *     snapshot-N     see `snapshot-file.ts`
 *
 * The snapshot is durable before the checkpoint, and deleted after it: each checkpoint has its snapshot.
 */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BftError } from '../../consensus/bft/index.js';
import { toStorageError } from '../storage/error.js';
import { type StorageDisk, atomicWriteFile } from '../storage/index.js';
import { type Checkpoint, encodeCheckpoint, isStable, readCheckpoint } from './checkpoint.js';
import { ValidatorError } from './error.js';
import { newerVersion, otherChain } from './file-header.js';
import { CHECKPOINTS_KEPT } from './limits.js';
import { type OpenedSnapshot, SnapshotWriter, openSnapshot, readChunk } from './snapshot-file.js';

const MAGIC = 'AFBFTcp';
const VERSION = 1;
const HEADER_BYTES = 44;
const FILE = /^(checkpoint|snapshot)-([1-9][0-9]{0,15})(\.unfinished)?$/;

/** A checkpoint that is here. */
interface Kept {
  readonly checkpoint: Checkpoint;
  readonly isStable: boolean;
}

/** See the head of this file. */
export class CheckpointStore {
  /** Oldest first. */
  #kept: Kept[] = [];

  private constructor(
    private readonly directory: string,
    private readonly chain: Uint8Array,
    private readonly disk: StorageDisk,
  ) {}

  /** Throws `ValidatorError` (`damaged`, `newer-version`, `other-chain`) and `StorageError`. */
  static async open(
    directory: string,
    chain: Uint8Array,
    disk: StorageDisk,
  ): Promise<CheckpointStore> {
    const store = new CheckpointStore(directory, chain, disk);
    try {
      const files = (await disk.list(directory)).flatMap((name) => {
        const [, kind, height, unfinished] = FILE.exec(name) ?? [];
        if (kind === undefined) return [];
        return [{ name, kind, height: Number(height), isWhole: unfinished === undefined }];
      });
      const whole = files.filter(({ kind, isWhole }) => kind === 'checkpoint' && isWhole);
      for (const { height } of whole) store.#put(await store.#read(height));
      for (const { name, height, isWhole } of files) {
        const isKept = isWhole && store.at(height) !== undefined;
        if (!isKept) await disk.remove(join(directory, name));
      }
      return store;
    } catch (error) {
      throw error instanceof ValidatorError ? error : toStorageError(error, 'opening', directory);
    }
  }

  /** The last ones that are stable, oldest first. */
  get stable(): readonly Checkpoint[] {
    return this.#kept.filter((each) => each.isStable).map(({ checkpoint }) => checkpoint);
  }

  /** The last stable one, null before the first. */
  get last(): Checkpoint | null {
    return this.stable.at(-1) ?? null;
  }

  /** The last one that is not stable, null if there is none behind the last that is. */
  get pending(): Checkpoint | null {
    const last = this.#kept.at(-1);
    return last === undefined || last.isStable ? null : last.checkpoint;
  }

  /** The one of a height, stable or not. */
  at(height: number): Checkpoint | undefined {
    return this.#kept.find(({ checkpoint }) => checkpoint.height === height)?.checkpoint;
  }

  /** Begins a snapshot. Throws a `StorageError`. */
  write(height: number): Promise<SnapshotWriter> {
    return SnapshotWriter.open(this.#path('snapshot', height), this.chain, this.disk);
  }

  /** A snapshot that is here. Throws as `openSnapshot`. */
  async snapshot(checkpoint: Checkpoint): Promise<OpenedSnapshot> {
    return openSnapshot(this.#path('snapshot', checkpoint.height), checkpoint, this.disk);
  }

  /** A chunk of a snapshot that is here. Throws as `readChunk`. */
  chunk(checkpoint: Checkpoint, index: number): Promise<Uint8Array> {
    return readChunk(this.#path('snapshot', checkpoint.height), checkpoint, index, this.disk);
  }

  /** Resolves when the checkpoint is durable. One call at a time. Throws a `StorageError`. */
  async save(checkpoint: Checkpoint): Promise<void> {
    const data = encodeCheckpoint(checkpoint);
    const bytes = Buffer.alloc(HEADER_BYTES + data.length);
    bytes.write(MAGIC, 0, 'latin1');
    bytes.writeUInt8(VERSION, 7);
    bytes.writeUInt32LE(crc32(data), 8);
    bytes.set(this.chain, 12);
    bytes.set(data, HEADER_BYTES);
    await atomicWriteFile(this.#path('checkpoint', checkpoint.height), bytes, this.disk);
    this.#put(checkpoint);
  }

  /** Deletes those that nobody needs any more. Throws a `StorageError`. */
  async tidy(): Promise<void> {
    const needed = new Set([...this.stable.slice(-CHECKPOINTS_KEPT), this.pending]);
    for (const { checkpoint } of this.#kept) {
      if (!needed.has(checkpoint)) await this.#remove(checkpoint.height);
    }
    this.#kept = this.#kept.filter(({ checkpoint }) => needed.has(checkpoint));
  }

  #put(checkpoint: Checkpoint): void {
    const others = this.#kept.filter((each) => each.checkpoint.height !== checkpoint.height);
    const all = [...others, { checkpoint, isStable: isStable(checkpoint) }];
    this.#kept = all.sort((a, b) => a.checkpoint.height - b.checkpoint.height);
  }

  #path(kind: 'checkpoint' | 'snapshot', height: number): string {
    return join(this.directory, `${kind}-${height}`);
  }

  async #remove(height: number): Promise<void> {
    try {
      await this.disk.remove(this.#path('checkpoint', height));
      // Else a power cut could bring it back without its snapshot.
      await this.disk.syncDirectory(this.directory);
      await this.disk.remove(this.#path('snapshot', height));
    } catch (error) {
      throw toStorageError(error, 'deleting', this.#path('checkpoint', height));
    }
  }

  async #read(height: number): Promise<Checkpoint> {
    const path = this.#path('checkpoint', height);
    const bytes = Buffer.from(await this.disk.read(path));
    const isOurs = bytes.length > HEADER_BYTES && bytes.toString('latin1', 0, 7) === MAGIC;
    if (!isOurs) throw damaged(path, height);
    const version = bytes.readUInt8(7);
    if (version > VERSION) throw newerVersion(path, version, VERSION);
    const data = bytes.subarray(HEADER_BYTES);
    if (crc32(data) !== bytes.readUInt32LE(8)) throw damaged(path, height);
    if (!bytes.subarray(12, HEADER_BYTES).equals(this.chain)) throw otherChain(path);
    try {
      const checkpoint = readCheckpoint(data);
      if (checkpoint.height !== height) throw damaged(path, height);
      return checkpoint;
    } catch (error) {
      throw error instanceof BftError ? damaged(path, height) : error;
    }
  }
}

function damaged(path: string, height: number): ValidatorError {
  return new ValidatorError(
    'damaged',
    `${path} is damaged; delete it and the snapshot of height ${height}: others have them`,
  );
}
