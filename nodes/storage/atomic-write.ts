import { dirname } from 'node:path';
import { type StorageDisk, nodeDisk } from './disk.js';
import { toStorageError } from './error.js';

/** What a file is called while it is being written. Such files are left over from crashes. */
export const UNFINISHED_SUFFIX = '.unfinished';

/**
 * Replaces the file at `path` by `bytes`, durably: after a crash at any moment the old or the new
 * content is there, whole. Throws a `StorageError`.
 */
export async function atomicWriteFile(
  path: string,
  bytes: Uint8Array,
  disk: StorageDisk = nodeDisk,
): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  try {
    await disk.remove(unfinished).catch(ignoreMissing);
    const file = await disk.open(unfinished, 'create');
    try {
      await file.write(bytes, 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await disk.rename(unfinished, path);
    await disk.syncDirectory(dirname(path));
  } catch (error) {
    await disk.remove(unfinished).catch(() => {});
    throw toStorageError(error, 'writing', path);
  }
}

/** For a removal: a file that is not there is as good as removed. */
export function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
