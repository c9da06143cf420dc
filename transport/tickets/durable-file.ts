import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError } from './ticket-error.js';

/** Name of a file while it is written: of which process, and any number. */
const UNFINISHED = /\.unfinished-(\d+)-[0-9a-f]+$/;

/** Makes creations, renames and removals in `directory` durable. */
function syncDirectory(directory: string): void {
  // Windows cannot open a directory; there a rename is durable once it returns.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A name, never given before, for a file that is on its way to `path` or away from it. */
export function unfinishedName(path: string): string {
  return `${path}.unfinished-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/** Writes a file that only its owner reads, beside where it is meant to be; gives its name. */
function writeBeside(path: string, bytes: Uint8Array, isDurable: boolean): string {
  const unfinished = unfinishedName(path);
  const descriptor = openSync(unfinished, 'wx', 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    if (isDurable) fsyncSync(descriptor);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return unfinished;
}

/**
 * Makes the file at `path`, durably and whole, unless there is one: then false, and it stays as it
 * is. Of several processes that do this at once, one gets true.
 */
export function createFile(path: string, bytes: Uint8Array): boolean {
  const unfinished = writeBeside(path, bytes, true);
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
  syncDirectory(dirname(path));
  return true;
}

/**
 * Replaces the file at `path`: others see the old or the new content, whole. After a crash of the
 * machine it may be gone or empty.
 */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const unfinished = writeBeside(path, bytes, false);
  try {
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/**
 * Content of a file, at most `bytesMax` + 1 of it, so that a caller sees that there is more;
 * undefined when there is no file.
 */
export function readBounded(path: string, bytesMax: number): Buffer | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(descriptor).size, bytesMax + 1));
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Whether a file of this name was left unfinished by a process that is gone. One of this process
 * counts: its files are never unfinished between two turns of the event loop.
 */
export function isLeftover(name: string): boolean {
  const pid = Number(UNFINISHED.exec(name)?.[1]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return isSystemError(error, 'ESRCH');
  }
}
