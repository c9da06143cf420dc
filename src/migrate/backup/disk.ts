/**
 * Everything that backups and restores change on a disk goes through this interface, so that tests can
 * fill the disk or cut the power at any of its calls. Reading is done directly.
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lchownSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

import { setExactTime } from './times.js';

export interface Disk {
  /** Creates a folder; fails if it is there. */
  mkdir(path: string, mode: number): void;
  /** Opens a new file for writing; fails if it is there. */
  create(path: string): number;
  /** Writes all bytes at the end of what was written. */
  write(descriptor: number, bytes: Uint8Array): void;
  /** Makes a file durable and closes it. */
  finish(descriptor: number): void;
  close(descriptor: number): void;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  rmdir(path: string): void;
  symlink(target: string, path: string): void;
  chmod(path: string, mode: number): void;
  /** Of a link itself where there is one. */
  chown(path: string, uid: number, gid: number): void;
  /** Sets the time of the last change, of a link itself; false if not to the nanosecond. */
  setTime(path: string, mtimeNs: bigint): boolean;
  /** Bytes that this user may still write at a path that exists. */
  freeBytes(path: string): number;
}

export const realDisk: Disk = {
  mkdir: (path, mode) => {
    mkdirSync(path, { mode });
  },
  // What a backup copies may be secret: nobody else reads it before its mode is set.
  create: (path) => openSync(path, 'wx', 0o600),
  write: (descriptor, bytes) => {
    for (let written = 0; written < bytes.length;) {
      written += writeSync(descriptor, bytes, written);
    }
  },
  finish: (descriptor) => {
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
  close: closeSync,
  syncFolder: (path) => {
    const descriptor = openSync(path, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
  rename: renameSync,
  unlink: unlinkSync,
  rmdir: rmdirSync,
  symlink: (target, path) => symlinkSync(target, path),
  chmod: chmodSync,
  chown: lchownSync,
  setTime: setExactTime,
  freeBytes: (path) => {
    const { bavail, bsize } = statfsSync(path, { bigint: true });
    return Number(bavail * bsize);
  },
};
