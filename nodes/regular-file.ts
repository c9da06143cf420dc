/** Opens a file that a user names: it may be a folder, a pipe without a writer, or a device without an end. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

export interface RegularFile {
  readonly file: FileHandle;
  readonly bytes: number;
}

/** Throws what the system says, or `Error` when it is no regular file; waits for no writer. */
export async function openRegularFile(path: string): Promise<RegularFile> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error('it is no regular file');
    return { file, bytes: found.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}
