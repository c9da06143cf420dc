/** Refuses to stage onto a disk that cannot hold the result. */
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

import { NodeError } from '../errors.js';

/** Measured on the fixtures: a v2 store has 1.3 to 2 times the bytes of its v1 file. */
const STAGED_TO_SOURCE_RATIO_MAX = 3;

/** Bytes of the v1 store; throws when the disk has less than three times as many free. */
export async function requireRoomFor(sourcePath: string, targetPath: string): Promise<number> {
  const { size } = await stat(sourcePath);
  const disk = await statfs(await existingAncestor(targetPath));
  const freeBytes = disk.bavail * disk.bsize;
  const neededBytes = size * STAGED_TO_SOURCE_RATIO_MAX;
  if (freeBytes >= neededBytes) return size;
  throw new NodeError(
    'disk-full',
    `the disk of ${targetPath} has ${freeBytes} bytes free and staging needs up to ${neededBytes}; ` +
      'free some space and start the rollout again',
  );
}

async function existingAncestor(path: string): Promise<string> {
  const parent = dirname(path);
  try {
    await stat(parent);
    return parent;
  } catch {
    return parent === path ? path : existingAncestor(parent);
  }
}
