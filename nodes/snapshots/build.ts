/** Writes a snapshot into a file, from a view of the node that later writes do not change. */
import { createHash } from 'node:crypto';
import { open, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { encodeSnapshotMeta } from '../../consensus/raft/index.js';
import type { SnapshotMeta } from '../../consensus/raft/index.js';
import type { EngineDump } from '../../src/memory/engine.js';
import { assert } from '../assert.js';
import { NodeError } from '../errors.js';
import { encodeDumpRecord } from '../wire/dump-codec.js';
import { BlockCutter } from './blocks.js';
import type { Block } from './blocks.js';
import { CONTENT_MAGIC, FORMAT_VERSION, Manifest, encodeTrailer } from './format.js';
import type { Description } from './format.js';
import {
  BLOCKS_MAX,
  CONTROL_STATE_BYTES_MAX,
  DISK_RESERVE_BYTES,
  RECORD_BYTES_MAX,
  SLICE_MS,
  SNAPSHOT_BYTES_MAX,
} from './limits.js';

/** The state of a node: all parts are of one log index. */
export interface SnapshotView {
  readonly meta: SnapshotMeta;
  /** Encoded. */
  readonly controlState: Uint8Array;
  readonly dump: EngineDump;
}

const DISK_CHECK_BYTES = 16 * 1024 * 1024;

/**
 * Writes the file at `path`, in slices of `SLICE_MS` between which the event loop does other work,
 * with one block in memory. Resolves with its manifest when it is on the disk; rejects with the
 * reason of `signal`, with `disk-full`, or with what the disk said. Does not close the dump.
 */
export async function buildSnapshot(
  view: SnapshotView,
  path: string,
  signal: AbortSignal,
): Promise<Manifest> {
  const file = await open(path, 'wx');
  try {
    const writer = new SnapshotWriter(file, dirname(path));
    let sliceStartedMs = performance.now();
    for (const record of contentRecords(view)) {
      await writer.write(record);
      if (performance.now() - sliceStartedMs < SLICE_MS) continue;
      await turn();
      signal.throwIfAborted();
      sliceStartedMs = performance.now();
    }
    const manifest = await writer.end(view.meta.index);
    await file.datasync();
    return manifest;
  } finally {
    await file.close();
  }
}

/** The content of a snapshot, a record at a time. */
function* contentRecords({ meta, controlState, dump }: SnapshotView): Generator<Uint8Array> {
  const head = Buffer.alloc(CONTENT_MAGIC.length + 4);
  head.write(CONTENT_MAGIC, 0, 'latin1');
  head.writeUInt32LE(FORMAT_VERSION, CONTENT_MAGIC.length);
  assert(controlState.length <= CONTROL_STATE_BYTES_MAX, 'a control state is within its bound');
  yield Buffer.concat([head, withLength(encodeSnapshotMeta(meta)), withLength(controlState)]);
  for (const record of dump.records()) {
    const bytes = encodeDumpRecord(record);
    assert(bytes.length <= RECORD_BYTES_MAX, 'a record of a dump is within its bound');
    yield withLength(bytes);
  }
}

function withLength(bytes: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(4 + bytes.length);
  framed.writeUInt32LE(bytes.length, 0);
  framed.set(bytes, 4);
  return framed;
}

class SnapshotWriter {
  readonly #file: FileHandle;
  readonly #directory: string;
  readonly #cutter = new BlockCutter();
  readonly #entries: Buffer[] = [];
  #bytes = 0;
  #checkedBytes = -1;

  constructor(file: FileHandle, directory: string) {
    this.#file = file;
    this.#directory = directory;
  }

  async write(record: Uint8Array): Promise<void> {
    for (const block of this.#cutter.add(record)) await this.#writeBlock(block);
  }

  async end(index: number): Promise<Manifest> {
    const last = this.#cutter.end();
    if (last !== undefined) await this.#writeBlock(last);
    const bytes = Buffer.concat(this.#entries);
    const description: Description = {
      id: createHash('sha256').update(bytes).digest('hex'),
      index,
      contentBytes: this.#bytes,
      blocks: this.#entries.length,
    };
    await writeAll(this.#file, Buffer.concat([bytes, encodeTrailer(description)]), this.#bytes);
    return new Manifest(description, bytes);
  }

  async #writeBlock({ bytes, entry }: Block): Promise<void> {
    const total = this.#bytes + bytes.length;
    if (total > SNAPSHOT_BYTES_MAX || this.#entries.length === BLOCKS_MAX) {
      throw new NodeError('refused', `a snapshot may have ${SNAPSHOT_BYTES_MAX} bytes at most`);
    }
    if (this.#checkedBytes < 0 || total - this.#checkedBytes > DISK_CHECK_BYTES) {
      await requireDiskReserve(this.#directory, DISK_CHECK_BYTES);
      this.#checkedBytes = total;
    }
    await writeAll(this.#file, bytes, this.#bytes);
    this.#bytes = total;
    this.#entries.push(entry);
  }
}

/** Fails with `disk-full` unless so many bytes can be written and the reserve stays free. */
export async function requireDiskReserve(
  directory: string,
  neededBytes: number,
  what = 'a snapshot',
): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= neededBytes + DISK_RESERVE_BYTES) return;
  throw new NodeError(
    'disk-full',
    `the disk of ${directory} has ${bavail * bsize} bytes free, which is too little for ${what}; ` +
      'free some space',
  );
}

/** Writes all of `bytes` at `position`. */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const left = bytes.length - done;
    const { bytesWritten } = await file.write(bytes, done, left, position + done);
    done += bytesWritten;
  }
}

/** Reads exactly `length` bytes at `position`, or undefined where the file ends before. */
export async function readExactly(
  file: FileHandle,
  position: number,
  length: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}
