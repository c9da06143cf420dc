/** Whether a backup still has the bytes that it was made of. */
import { setImmediate } from 'node:timers/promises';

import { hashFile } from './copy.js';
import { BackupError, systemCode } from './errors.js';
import { DAMAGES_NAMED_MAX } from './limits.js';
import { type Backup, type BackupEntry, fileIn } from './manifest.js';
import { statOf } from './plan.js';

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  /** In bytes. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Reads every file of a backup. Throws `damaged`, which names what is wrong, and `no-permission`. */
export async function verifyBackup(backup: Backup, options: VerifyOptions = {}): Promise<void> {
  const damages: string[] = [];
  let done = 0;
  for (const entry of backup.entries) {
    if (entry.kind !== 'file') continue;
    options.signal?.throwIfAborted();
    const damage = damageOf(backup, entry, (bytes) => {
      done += bytes;
      options.onProgress?.(done, backup.bytes);
    });
    if (damage !== undefined) damages.push(damage);
    await setImmediate();
  }
  if (damages.length === 0) return;
  const named = damages.slice(0, DAMAGES_NAMED_MAX).join('; ');
  const more =
    damages.length > DAMAGES_NAMED_MAX ? ` and ${damages.length - DAMAGES_NAMED_MAX} more` : '';
  const sentence = `the backup ${backup.path} is damaged: ${named}${more}; nothing was changed, use another backup`;
  throw new BackupError('damaged', sentence, backup.path);
}

function damageOf(
  backup: Backup,
  entry: BackupEntry,
  onBytes: (bytes: number) => void,
): string | undefined {
  const path = fileIn(backup.path, entry);
  const found = statOf(path);
  const name = JSON.stringify(entry.name);
  if (found === undefined) return `${name} is missing`;
  if (!found.isFile()) return `${name} is no file`;
  if (Number(found.size) !== entry.bytes) {
    return `${name} has ${found.size} bytes instead of ${entry.bytes}`;
  }
  try {
    return hashFile(path, onBytes) === entry.sha256 ? undefined : `${name} has other bytes`;
  } catch (error) {
    if (systemCode(error) === 'EIO') return `${name} cannot be read`;
    throw error;
  }
}
