import { cp, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { NodeError, messageOf } from '../errors.js';

/** Copies of one folder before the next one is refused: each is as large as the log. */
const COPIES_MAX = 100;

/**
 * Copies a folder of files to `NAME.before-recovery-N` beside it, durably: the copy has its name when
 * all of it is on the disk. Returns its path. Throws a `NodeError` of code `directory` and leaves
 * nothing when that fails.
 */
export async function copyBeside(folder: string): Promise<string> {
  const unfinished = `${folder}.before-recovery.unfinished`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await cp(folder, unfinished, { recursive: true });
    for (const name of await readdir(unfinished)) await sync(join(unfinished, name));
    await sync(unfinished);
    const copy = await freeName(folder);
    await rename(unfinished, copy);
    await sync(dirname(folder));
    return copy;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw new NodeError(
      'directory',
      `the log in ${folder} cannot be copied: ${messageOf(error)}. Nothing was done`,
      error,
    );
  }
}

async function freeName(folder: string): Promise<string> {
  const taken = new Set(await readdir(dirname(folder)));
  for (let copy = 1; copy <= COPIES_MAX; copy += 1) {
    const path = `${folder}.before-recovery-${copy}`;
    if (!taken.has(path.slice(dirname(folder).length + 1))) return path;
  }
  throw new Error(`there are ${COPIES_MAX} copies already; remove some`);
}

/** Makes a file, or the names in a folder, survive a power cut. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
