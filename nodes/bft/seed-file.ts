/**
 * The seed of a key pair, in a file that its owner alone may read:
 *
 *     file      magic 7 bytes, version u8, crc32 u32 of the seed, seed 32 bytes
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { UNFINISHED_SUFFIX } from '../storage/atomic-write.js';
import { toStorageError } from '../storage/error.js';
import { nodeDisk } from '../storage/index.js';
import { ValidatorError } from './error.js';

const VERSION = 1;
const SEED_BYTES = 32;
const FILE_BYTES = 12 + SEED_BYTES;

/**
 * The seed in the file at `path`; a file that is not there is made with a new one, durably and with mode
 * 0600. Throws `ValidatorError`: `damaged`, `newer-version`, `bad-option` if others may read it; and
 * `StorageError`.
 */
export async function openSeed(path: string, magic: string): Promise<Uint8Array> {
  try {
    const found = await readSeed(path, magic);
    if (found !== null) return found;
    const seed = randomBytes(SEED_BYTES);
    await writeSeed(path, magic, seed);
    return seed;
  } catch (error) {
    throw error instanceof ValidatorError ? error : toStorageError(error, 'opening', path);
  }
}

/** Null if there is no file. */
async function readSeed(path: string, magic: string): Promise<Uint8Array | null> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { mode } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const message = `${path} holds a secret and others may use it: chmod 600 ${path}`;
      throw new ValidatorError('bad-option', message);
    }
    const bytes = Buffer.alloc(FILE_BYTES + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    const isOurs = bytesRead >= 8 && bytes.toString('latin1', 0, 7) === magic;
    if (isOurs && bytes.readUInt8(7) > VERSION) {
      throw new ValidatorError('newer-version', `${path} was written by a newer release; start it`);
    }
    const seed = bytes.subarray(12, FILE_BYTES);
    if (!isOurs || bytesRead !== FILE_BYTES || crc32(seed) !== bytes.readUInt32LE(8)) {
      throw new ValidatorError('damaged', `${path} is damaged: put back a copy of this key`);
    }
    return seed;
  } finally {
    await file.close();
  }
}

async function writeSeed(path: string, magic: string, seed: Uint8Array): Promise<void> {
  const bytes = Buffer.alloc(FILE_BYTES);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt8(VERSION, 7);
  bytes.writeUInt32LE(crc32(seed), 8);
  bytes.set(seed, 12);
  const unfinished = path + UNFINISHED_SUFFIX;
  await unlink(unfinished).catch(() => {});
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await nodeDisk.syncDirectory(dirname(path));
}
