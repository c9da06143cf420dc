/** A snapshot that lies on the disk: its manifest, and whether its blocks are what that says. */
import { open, stat } from 'node:fs/promises';

import { NodeError } from '../errors.js';
import { readExactly } from './build.js';
import { Manifest, TRAILER_BYTES, decodeTrailer, manifestBytes } from './format.js';

/**
 * Reads the manifest at the end of a snapshot's file, which ends at `endBytes` or where the file does.
 * Throws `malformed` when it is not whole.
 */
export async function readManifest(path: string, endBytes?: number): Promise<Manifest> {
  const end = endBytes ?? (await stat(path)).size;
  const file = await open(path, 'r');
  try {
    const trailer = await readExactly(file, Math.max(end - TRAILER_BYTES, 0), TRAILER_BYTES);
    if (trailer === undefined) throw cutOff(path);
    const description = decodeTrailer(trailer);
    const length = manifestBytes(description);
    if (end !== description.contentBytes + length + TRAILER_BYTES) throw cutOff(path);
    const bytes = await readExactly(file, description.contentBytes, length);
    if (bytes === undefined) throw cutOff(path);
    return new Manifest(description, bytes);
  } finally {
    await file.close();
  }
}

/** Reads every block. Throws `malformed` with the byte where the first one begins that is damaged. */
export async function requireWholeBlocks(
  path: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    for (let block = 0; block < manifest.description.blocks; block += 1) {
      signal.throwIfAborted();
      const [offset, length] = [manifest.offset(block), manifest.length(block)];
      const bytes = await readExactly(file, offset, length);
      if (bytes !== undefined && manifest.matches(block, bytes)) continue;
      throw new NodeError('malformed', `${path} is damaged at byte ${offset}`);
    }
  } finally {
    await file.close();
  }
}

function cutOff(path: string): NodeError {
  return new NodeError('malformed', `${path} is cut off`);
}
