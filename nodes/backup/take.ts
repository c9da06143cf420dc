/**
 * Takes a backup of a running swarm through one member: a snapshot as members give it to each other,
 * of an index that has every write acknowledged before, read block by block and checked on arrival.
 *
 *     begin: index  -->  prepare, until it is written  -->  read manifest, blocks  -->
 *     read documents and available namespaces, one by one  -->  about, end
 *
 * The file has its name once all of it is on the disk; a backup that fails or is killed leaves none.
 */
import { open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { z } from 'zod';

import { RpcError } from '../../transport/rpc/rpc.js';
import type { TokenBucket } from '../../transport/token-bucket.js';
import { NodeError, isSystemError } from '../errors.js';
import { requireDiskReserve, writeAll } from '../snapshots/build.js';
import { encodeTrailer, manifestBytes } from '../snapshots/format.js';
import type { Manifest } from '../snapshots/format.js';
import {
  READS_IN_FLIGHT_MAX,
  READ_BACKOFF_MS_MIN,
  READ_TIMEOUT_MS_MIN,
} from '../snapshots/limits.js';
import { readBucket } from '../snapshots/reading.js';
import { Sources } from '../snapshots/sources.js';
import type { Source, SourceCall } from '../snapshots/sources.js';
import { nodeDisk } from '../storage/disk.js';
import { UNFINISHED_SUFFIX } from '../storage/atomic-write.js';
import { writeAvailable } from './available.js';
import { writeDocuments } from './documents.js';
import { encodeEnd } from './format.js';
import type { BackupAbout } from './format.js';

export interface TakeOptions {
  /** Asks the member that gives the backup; the node id is passed over. */
  readonly call: SourceCall;
  readonly path: string;
  /** Of this release. */
  readonly release: string;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly onProgress?: (bytes: number, bytesTotal: number) => void;
}

export interface TakenBackup {
  readonly about: BackupAbout;
  readonly fileBytes: number;
}

const BEGIN_TIMEOUT_MS = 10_000;
/** How long a member may have other snapshots to write or to give before it begins with this one. */
const BUSY_MS_MAX = 60_000;
const READ_TRIES_MAX = 6;
/** Longest sleep of a reader: another may have failed meanwhile. */
const TURN_MS_MAX = 1_000;

const beginAnswer = z.object({
  swarmId: z.string().min(1),
  nodeId: z.number().int().positive(),
  swarmVersion: z.union([z.literal(1), z.literal(2)]),
  appliedIndex: z.number().int().positive(),
});

/** Rejects with `NodeError` (`not-empty`, `disk-full`, ...) or the `RpcError` of the member. */
export async function takeBackup(options: TakeOptions): Promise<TakenBackup> {
  const { call, signal } = options;
  const path = resolve(options.path);
  await requireAbsent(path);
  const calling = { timeoutMs: BEGIN_TIMEOUT_MS, signal };
  const begun = beginAnswer.parse(await call(0, 'swarm.backupBegin', {}, calling));
  const sleep = async (milliseconds: number): Promise<void> => {
    await pause(milliseconds, undefined, { signal }).catch(() => undefined);
  };
  const sources = new Sources({ call, sleep });
  const source = await prepared(sources, begun.appliedIndex, signal, sleep);
  const { description } = source;
  const manifest = await sources.readManifest(0, description, signal);
  let about: BackupAbout = {
    swarmId: begun.swarmId,
    nodeId: begun.nodeId,
    index: description.index,
    swarmVersion: begun.swarmVersion,
    takenAtMs: options.now(),
    release: options.release,
  };
  await write(path, async (file) => {
    await requireDiskReserve(dirname(path), description.contentBytes + manifestBytes(description));
    await readBlocks(file, sources, source, manifest, options, sleep);
    const trailer = encodeTrailer(description);
    await writeAll(file, Buffer.concat([manifest.bytes, trailer]), description.contentBytes);
    const snapshotBytes = description.contentBytes + manifest.bytes.length + trailer.length;
    const documents = await writeDocuments(file, snapshotBytes, call, signal);
    if (documents !== undefined) about = { ...about, documents };
    const availableAt = snapshotBytes + (documents?.bytes ?? 0);
    const available = await writeAvailable(file, availableAt, call, signal);
    if (available !== undefined) about = { ...about, available };
    await writeAll(file, encodeEnd(trailer, about), availableAt + (available?.bytes ?? 0));
  });
  return { about, fileBytes: (await stat(path)).size };
}

type PreparedSource = Awaited<ReturnType<Sources['prepare']>>;

/** A member that is busy with another snapshot is asked again for a while. */
async function prepared(
  sources: Sources,
  leastIndex: number,
  signal: AbortSignal,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<PreparedSource> {
  const deadlineMs = performance.now() + BUSY_MS_MAX;
  for (;;) {
    try {
      return await sources.prepare(0, () => leastIndex, signal);
    } catch (error) {
      const isBusy = error instanceof RpcError && error.reason === 'snapshot-busy';
      if (!isBusy || performance.now() > deadlineMs) throw error;
      await sleep(1_000);
      signal.throwIfAborted();
    }
  }
}

/** A few at a time, in any order, each checked and written where it belongs. */
async function readBlocks(
  file: FileHandle,
  sources: Sources,
  source: PreparedSource,
  manifest: Manifest,
  { signal, onProgress }: TakeOptions,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<void> {
  const { blocks, contentBytes } = manifest.description;
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  // As fast as the member wants to be read, which serves the swarm meanwhile.
  const bucket = readBucket(source.bytesPerSecondMax, performance.now());
  let [next, bytes] = [0, 0];
  const reader = async (): Promise<void> => {
    while (next < blocks) {
      const block = next;
      next += 1;
      await inTurn(bucket, manifest.length(block), either, sleep);
      const content = await readBlock(sources, source, manifest, block, either, sleep);
      await writeAll(file, content, manifest.offset(block));
      bytes += content.length;
      onProgress?.(bytes, contentBytes);
    }
  };
  const readers = Array.from({ length: READS_IN_FLIGHT_MAX }, () =>
    reader().catch((error: unknown) => failed.abort(error)),
  );
  // The file stays open until the last one has ended.
  await Promise.all(readers);
  either.throwIfAborted();
}

/** Until so many bytes may be read. */
async function inTurn(
  bucket: TokenBucket | undefined,
  length: number,
  signal: AbortSignal,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const pauseMs = bucket?.take(performance.now(), length) ?? 0;
    if (pauseMs === 0) return;
    await sleep(Math.min(pauseMs, TURN_MS_MAX));
  }
}

async function readBlock(
  sources: Sources,
  { nodeId }: Source,
  manifest: Manifest,
  block: number,
  signal: AbortSignal,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<Uint8Array> {
  const [offset, length] = [manifest.offset(block), manifest.length(block)];
  const read = { id: manifest.description.id, offset, length };
  for (let tries = 1; ; tries += 1) {
    const timeoutMs = READ_TIMEOUT_MS_MIN * tries;
    try {
      const bytes = await sources.read(nodeId, read, { timeoutMs, signal });
      if (manifest.matches(block, bytes)) return bytes;
      await sources.wasDamaged(nodeId, read.id, signal);
      throw new NodeError('malformed', `the member gave a damaged block at byte ${offset}`);
    } catch (error) {
      if (signal.aborted || tries === READ_TRIES_MAX) throw error;
      await sleep(READ_BACKOFF_MS_MIN * 2 ** tries);
    }
  }
}

async function requireAbsent(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  throw new NodeError('not-empty', `${path} is there already; give another name. Nothing was done`);
}

/** Durably, under its name only when `fill` is done. */
async function write(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  await rm(unfinished, { force: true });
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await fill(file);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await nodeDisk.syncDirectory(dirname(path));
  } catch (error) {
    await rm(unfinished, { force: true });
    if (!isSystemError(error, 'ENOENT')) throw error;
    const what = `there is no folder ${dirname(path)}; create it, or give another place`;
    throw new NodeError('directory', `${what}. Nothing was done`, error);
  }
}
