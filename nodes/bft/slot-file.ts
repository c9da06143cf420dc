/**
 * A small state on the disk, replaced as a whole. Two slots take turns, so that a write that a power
 * cut ends leaves the state before it. One write and one fdatasync each time.
 *
 *     slot      magic 8 bytes, sequence u64, length u32, crc32 u32 of all else, chain 32 bytes, data
 */
import { crc32 } from 'node:zlib';
import { assert } from '../assert.js';
import { toStorageError } from '../storage/error.js';
import { type StorageDisk, type StorageFile, atomicWriteFile } from '../storage/index.js';
import { ValidatorError } from './error.js';
import { newerVersion } from './file-header.js';

const HEAD_BYTES = 56;

/** What a slot file is for. */
export interface SlotFileOptions {
  readonly path: string;
  /** 7 ASCII characters; the eighth byte is the version. */
  readonly magic: string;
  readonly version: number;
  readonly slotBytes: number;
  readonly chain: Uint8Array;
  /**
   * Whether a slot is written whole or not at all, since it is no longer than a sector. Then a slot that
   * is not sound is damage; else it is a write that did not end.
   */
  readonly isWhole: boolean;
}

/** See the head of this file. */
export class SlotFile {
  readonly #options: SlotFileOptions;
  readonly #file: StorageFile;
  #sequence: number;
  #failure: unknown = null;

  private constructor(options: SlotFileOptions, file: StorageFile, sequence: number) {
    this.#options = options;
    this.#file = file;
    this.#sequence = sequence;
  }

  /** Opens the file or makes it. Throws `ValidatorError` (`damaged`, `newer-version`, `other-chain`). */
  static async open(
    options: SlotFileOptions,
    disk: StorageDisk,
  ): Promise<{
    readonly file: SlotFile;
    readonly data: Uint8Array | null;
    /** Whether the file was not there. */
    readonly isMade: boolean;
  }> {
    const { path, slotBytes } = options;
    let isMade = false;
    try {
      const handle = await openOrMake(path, disk, () => {
        isMade = true;
        return Buffer.alloc(2 * slotBytes);
      });
      try {
        const bytes = Buffer.alloc(2 * slotBytes);
        const bytesRead = await handle.read(bytes, 0);
        if (bytesRead !== bytes.length) throw damaged(path, `${bytesRead} bytes are left`);
        const slots = [0, 1].map((at) => {
          return readSlot(bytes.subarray(at * slotBytes, (at + 1) * slotBytes), options);
        });
        const newest = slots.reduce((a, b) => ((b?.sequence ?? 0) > (a?.sequence ?? 0) ? b : a));
        const file = new SlotFile(options, handle, newest?.sequence ?? 0);
        return { file, data: newest?.data ?? null, isMade };
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw error instanceof ValidatorError ? error : toStorageError(error, 'opening', path);
    }
  }

  /**
   * Resolves when the data is durable. One write at a time. Throws a `StorageError`; after the first one
   * nothing is written any more, since a second sync tells nothing of what the first one lost.
   */
  async write(data: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const { magic, version, slotBytes, chain, path } = this.#options;
    assert(HEAD_BYTES + data.length <= slotBytes, 'a state fits into its slot');
    this.#sequence += 1;
    const slot = Buffer.alloc(HEAD_BYTES + data.length);
    slot.write(magic, 0, 'latin1');
    slot.writeUInt8(version, 7);
    slot.writeBigUInt64LE(BigInt(this.#sequence), 8);
    slot.writeUInt32LE(data.length, 16);
    slot.set(chain, 24);
    slot.set(data, HEAD_BYTES);
    slot.writeUInt32LE(crc32(slot), 20);
    try {
      await this.#file.write(slot, (this.#sequence % 2) * slotBytes);
      await this.#file.datasync();
    } catch (error) {
      this.#failure = toStorageError(error, 'writing', path);
      throw this.#failure;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Opens a file; one that is not there is made with `bytes`, durably, whole or not at all. */
export async function openOrMake(
  path: string,
  disk: StorageDisk,
  bytes: () => Uint8Array,
): Promise<StorageFile> {
  try {
    return await disk.open(path, 'existing');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await atomicWriteFile(path, bytes(), disk);
  return disk.open(path, 'existing');
}

function readSlot(
  slot: Buffer,
  { path, magic, version, chain, isWhole }: SlotFileOptions,
): { readonly sequence: number; readonly data: Uint8Array } | null {
  if (slot.every((byte) => byte === 0)) return null;
  const length = slot.readUInt32LE(16);
  const isFitting = HEAD_BYTES + length <= slot.length;
  const checked = Buffer.from(slot.subarray(0, isFitting ? HEAD_BYTES + length : 0));
  if (isFitting) checked.writeUInt32LE(0, 20);
  if (!isFitting || crc32(checked) !== slot.readUInt32LE(20)) {
    if (!isWhole) return null;
    throw damaged(path, 'a slot does not hold what was written');
  }
  if (slot.toString('latin1', 0, 7) !== magic) throw damaged(path, 'it is another kind of file');
  const found = slot.readUInt8(7);
  if (found > version) throw newerVersion(path, found, version);
  if (!slot.subarray(24, HEAD_BYTES).equals(chain)) {
    throw new ValidatorError('other-chain', `${path} is of another chain or validator`);
  }
  const sequence = Number(slot.readBigUInt64LE(8));
  return { sequence, data: new Uint8Array(checked.subarray(HEAD_BYTES)) };
}

function damaged(path: string, what: string): ValidatorError {
  return new ValidatorError(
    'damaged',
    `${path} is damaged: ${what}; do not delete it to go on: what this validator signed is in it. ` +
      'Take the validator out of its chain, or begin with another key',
  );
}
