/** Where backups lie, and how much room there is. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { type Disk, realDisk } from './disk.js';
import { BackupError } from './errors.js';
import { NUMBERED_MAX } from './limits.js';
import { type Backup, MANIFEST_NAME, readBackup } from './manifest.js';
import { realPath } from './plan.js';

/** Beside the directory, which it is named after. */
export function defaultBackupPath(directory: string): string {
  return freeName(`${realPath(directory)}.v1-backup`);
}

/** The path, or the first of `path-2`, `path-3`, ... at which there is nothing. */
export function freeName(path: string): string {
  for (let number = 1; number <= NUMBERED_MAX; number += 1) {
    const candidate = number === 1 ? path : `${path}-${number}`;
    if (lstatSync(candidate, { throwIfNoEntry: false }) === undefined) return candidate;
  }
  const sentence = `there are ${NUMBERED_MAX} of ${path} already; remove those that are no longer needed`;
  throw new BackupError('exists', sentence, path);
}

/**
 * The backups of a directory at their default paths, the oldest first. Those that cannot be read are
 * left out: `readBackup` says why.
 */
export function findBackups(directory: string): Backup[] {
  const root = realPath(directory);
  const prefix = `${basename(root)}.v1-backup`;
  if (!existsSync(dirname(root))) return [];
  const found: Backup[] = [];
  for (const name of readdirSync(dirname(root))) {
    const path = join(dirname(root), name);
    const isNumbered = name === prefix || /^-\d+$/.test(name.slice(prefix.length));
    if (!name.startsWith(prefix) || !isNumbered || !existsSync(join(path, MANIFEST_NAME))) continue;
    try {
      const backup = readBackup(path);
      if (backup.directory === root) found.push(backup);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
    }
  }
  return found.sort((a, b) => (a.madeAt < b.madeAt ? -1 : 1));
}

/** Bytes that this user may still write where a path is or will be. */
export function freeBytes(path: string, disk: Disk = realDisk): number {
  let existing = realPath(path);
  while (!existsSync(existing)) existing = dirname(existing);
  return disk.freeBytes(existing);
}
