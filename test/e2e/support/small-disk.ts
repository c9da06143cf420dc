/** A disk that fills up: a small tmpfs, or a limit on the size of files where none can be mounted. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import { scratch } from './directories.js';
import type { SpawnOptions } from './processes.js';

const MOUNT = 'mount';
const UNMOUNT = 'umount';
/** SQLite has no words for a limit on files; to it the disk has failed. */
const LIMIT_REACHED = /cannot grow|file too large|reports an error; check the disk/;
const mounted = new Set<string>();

function unmountAll(): void {
  for (const directory of mounted) execFileSync(UNMOUNT, ['-l', directory], { stdio: 'ignore' });
  mounted.clear();
}

process.on('exit', unmountAll);
afterAll(unmountAll);

export interface SmallDisk {
  /** A path on the disk, for the directory of a node. */
  readonly directory: string;
  /** What a program says that finds no room on it. */
  readonly complaint: RegExp;
  /** How to run a command so that it has the disk. */
  options(): SpawnOptions;
  /** Makes room. */
  grow(): void;
}

/** A disk with room for so many KiB; without tmpfs each file has as many blocks at most. */
export function smallDisk(sizeKib: number): SmallDisk {
  const root = scratch('disk');
  const directory = join(root, 'node');
  mkdirSync(root);
  let limit: number | undefined;
  try {
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', root], {
      stdio: 'ignore',
    });
    mounted.add(root);
  } catch {
    limit = sizeKib;
  }
  return {
    directory,
    complaint: limit === undefined ? /disk is full|disk of .* is full/ : LIMIT_REACHED,
    options: () => (limit === undefined ? {} : { fileSizeLimit: limit }),
    grow: () => {
      if (limit === undefined) execFileSync(MOUNT, ['-o', 'remount,size=256m', root]);
      else limit = undefined;
    },
  };
}
