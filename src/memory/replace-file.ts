/** Files that are there whole or not at all, whatever a crash divides. */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { translateError } from './errors.js';

/** A part of a file, where it begins in it. */
export interface Piece {
  readonly start: number;
  /** Valid until the next piece is asked for. */
  readonly bytes: Uint8Array;
}

/**
 * Writes a file beside the one at `path`, synced, and puts it in its place. What the pieces throw, and
 * what the system does, leaves the old one. `mode`: the permissions, less those of the process's mask.
 * Throws `disk-full`, `read-only`, `io`.
 */
export function replaceFile(path: string, pieces: Iterable<Piece>, mode = 0o600): void {
  const temporary = `${path}.new`;
  try {
    rmSync(temporary, { force: true });
    const file = openSync(temporary, 'wx', mode);
    try {
      for (const { start, bytes } of pieces) writeAll(file, bytes, start);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    putInPlace(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw translateError(error, path);
  }
}

/** Renames a file that is synced, and makes that durable. */
export function putInPlace(temporary: string, path: string): void {
  renameSync(temporary, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeAll(file: number, bytes: Uint8Array, start: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, start + done);
  }
}
