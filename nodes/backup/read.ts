/** Reads a backup: what it says about itself, and everything in it, checked byte by byte. */
import { NodeError, isSystemError, messageOf } from '../errors.js';
import { openRegularFile } from '../regular-file.js';
import type { RegularFile } from '../regular-file.js';
import { readExactly } from '../snapshots/build.js';
import { SnapshotContent } from '../snapshots/content.js';
import { TRAILER_BYTES } from '../snapshots/format.js';
import type { Description } from '../snapshots/format.js';
import { readManifest, requireWholeBlocks } from '../snapshots/stored-file.js';
import { decodeControlState } from '../wire/state-codec.js';
import type { ControlState } from '../control-plane/state.js';
import { readAvailable } from './available.js';
import type { BackedUpNamespace } from './available.js';
import { readDocuments } from './documents.js';
import type { BackedUpDocument } from './documents.js';
import { END_BYTES, decodeAbout, decodeEnd, malformed, requireDigest } from './format.js';
import type { BackupAbout } from './format.js';

export interface CheckedBackup {
  readonly about: BackupAbout;
  /** SHA-256 at the end of the file, which covers all of it. */
  readonly digest: string;
  readonly description: Description;
  /** The state of the swarm that it was taken from. */
  readonly control: ControlState;
  /** Where the snapshot ends, and the documents begin; behind them stand the available namespaces. */
  readonly snapshotBytes: number;
}

/**
 * Checks every byte of the file. Throws `NodeError` of code `malformed` that says where it is damaged,
 * `newer-version`, or `no-node` when there is no such file.
 */
export async function checkBackup(path: string, signal: AbortSignal): Promise<CheckedBackup> {
  const { about, digest, snapshotBytes } = await readAbout(path, signal);
  const manifest = await readManifest(path, snapshotBytes);
  const { description } = manifest;
  if (description.index !== about.index) throw malformed(path, 'its indexes differ');
  await requireWholeBlocks(path, manifest, signal);
  const content = new SnapshotContent(path, description.contentBytes);
  try {
    const control = decodeControlState(content.controlState);
    const { swarmId, swarmVersion } = control;
    if (swarmId !== about.swarmId || swarmVersion !== about.swarmVersion) {
      throw malformed(path, 'its state is of another swarm than it says');
    }
    return { about, digest, description, control, snapshotBytes };
  } finally {
    content.close();
  }
}

/** Decodes every row of a checked backup; returns how many each table has. */
export function countRows(path: string, { description }: CheckedBackup): Map<string, number> {
  const content = new SnapshotContent(path, description.contentBytes);
  try {
    const counts = new Map<string, number>();
    for (const { table } of content.records()) counts.set(table, (counts.get(table) ?? 0) + 1);
    return counts;
  } finally {
    content.close();
  }
}

/** The shared documents of a checked backup. */
export async function* documentsOf(
  path: string,
  { about: { documents }, snapshotBytes }: CheckedBackup,
): AsyncGenerator<BackedUpDocument, void, void> {
  if (documents === undefined) return;
  const { file } = await opened(path);
  try {
    yield* readDocuments(path, file, snapshotBytes, documents);
  } finally {
    await file.close();
  }
}

/** The available namespaces of a checked backup. */
export async function* namespacesOf(
  path: string,
  { about: { documents, available }, snapshotBytes }: CheckedBackup,
): AsyncGenerator<BackedUpNamespace, void, void> {
  if (available === undefined) return;
  const { file } = await opened(path);
  try {
    yield* readAvailable(path, file, snapshotBytes + (documents?.bytes ?? 0), available);
  } finally {
    await file.close();
  }
}

async function readAbout(
  path: string,
  signal: AbortSignal,
): Promise<{ about: BackupAbout; digest: string; snapshotBytes: number }> {
  const { file, bytes } = await opened(path);
  try {
    const endAt = bytes - END_BYTES;
    const end = endAt < 0 ? undefined : await readExactly(file, endAt, END_BYTES);
    const ending = decodeEnd(path, end ?? Buffer.alloc(0));
    const aboutAt = endAt - ending.aboutBytes;
    const text = aboutAt < 0 ? undefined : await readExactly(file, aboutAt, ending.aboutBytes);
    if (end === undefined || text === undefined) throw malformed(path, 'it is cut off');
    const about = decodeAbout(path, text, ending);
    const { documents, available } = about;
    const availableAt = aboutAt - (available?.bytes ?? 0);
    const snapshotBytes = availableAt - (documents?.bytes ?? 0);
    const trailerAt = snapshotBytes - TRAILER_BYTES;
    const trailer = trailerAt < 0 ? undefined : await readExactly(file, trailerAt, TRAILER_BYTES);
    if (trailer === undefined) throw malformed(path, 'it is cut off');
    requireDigest(path, trailer, text, end);
    if (documents !== undefined) {
      await drain(readDocuments(path, file, snapshotBytes, documents), signal);
    }
    if (available !== undefined) {
      await drain(readAvailable(path, file, availableAt, available), signal);
    }
    return { about, digest: ending.digest, snapshotBytes };
  } finally {
    await file.close();
  }
}

/** Reads to the end, which checks all of it. */
async function drain(records: AsyncIterable<unknown>, signal: AbortSignal): Promise<void> {
  for await (const _ of records) signal.throwIfAborted();
}

async function opened(path: string): Promise<RegularFile> {
  try {
    return await openRegularFile(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw malformed(path, messageOf(error));
    throw new NodeError('no-node', `there is no backup at ${path}`, error);
  }
}
