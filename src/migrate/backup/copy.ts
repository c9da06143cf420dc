/** Copies of single files, durable, with the hash of what was read. */
import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, lstatSync, openSync, readSync } from 'node:fs';

import type { Disk } from './disk.js';
import { BackupError, systemCode, translateBackupError } from './errors.js';
import { BLOCK_BYTES, COPY_ATTEMPTS_MAX } from './limits.js';

/** Called with every block that was read or written. */
export type OnBytes = (bytes: number) => void;

/** Reads a file in blocks. Each block is valid until the next one. */
function readBlocks(path: string, onBlock: (block: Uint8Array) => void): void {
  const block = new Uint8Array(BLOCK_BYTES);
  const input = openSync(path, 'r');
  try {
    for (;;) {
      const length = readSync(input, block);
      if (length === 0) return;
      onBlock(block.subarray(0, length));
    }
  } finally {
    closeSync(input);
  }
}

/** SHA-256 of a file in hexadecimal. */
export function hashFile(path: string, onBytes: OnBytes = () => undefined): string {
  const hash = createHash('sha256');
  try {
    readBlocks(path, (block) => {
      hash.update(block);
      onBytes(block.length);
    });
  } catch (error) {
    throw translateBackupError(error, path);
  }
  return hash.digest('hex');
}

/** Copies the bytes of a file to a new one that is durable when this returns. Returns their SHA-256. */
export function copyBytes(from: string, to: string, disk: Disk, onBytes: OnBytes): string {
  const hash = createHash('sha256');
  let output: number | undefined;
  try {
    output = disk.create(to);
    const target = output;
    readBlocks(from, (block) => {
      hash.update(block);
      disk.write(target, block);
      onBytes(block.length);
    });
    output = undefined;
    disk.finish(target);
    return hash.digest('hex');
  } catch (error) {
    throw translateBackupError(error, to);
  } finally {
    if (output !== undefined) disk.close(output);
  }
}

/** Copies a file that its owner may be writing, in a state that it had at one moment. */
export function copyStable(
  from: string,
  to: string,
  disk: Disk,
  onBytes: OnBytes,
): { sha256: string; found: BigIntStats } {
  for (let attempt = 1; attempt <= COPY_ATTEMPTS_MAX; attempt += 1) {
    const before = statFile(from);
    const sha256 = copyBytes(from, to, disk, onBytes);
    if (isSame(before, statFile(from))) return { sha256, found: before };
    disk.unlink(to);
  }
  const sentence = `${from} is being written to all the time; stop agentic-flow v1 and try again`;
  throw new BackupError('busy', sentence, from);
}

export function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

export function statFile(path: string): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw translateBackupError(error, path);
    const sentence = `${path} vanished while the installation was copied; run the migration again`;
    throw new BackupError('changed', sentence, path, error);
  }
}
