/**
 * The source's side: snapshots in files, which others read part by part and as often as they need.
 * A file is written once and serves every member whose log begins too late; it outlives the process,
 * so that who reads goes on after a restart of its source.
 *
 *     prepare --> [ being written ] --> [ prepared ] --- not read for long, or room needed ---> gone
 *                        |                   ^ start: what is whole stays, the rest is removed
 *                        +---- failed: asked again, it is begun again
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { RpcError } from '../../transport/rpc/rpc.js';
import { NodeError, messageOf } from '../errors.js';
import { buildSnapshot, readExactly } from './build.js';
import type { SnapshotView } from './build.js';
import { TRAILER_BYTES, manifestBytes } from './format.js';
import type { Description } from './format.js';
import {
  PREPARED_BYTES_MAX,
  PREPARED_IDLE_MS_MAX,
  PREPARED_IDLE_MS_MIN,
  PREPARED_SNAPSHOTS_MAX,
} from './limits.js';
import type { Prepare, Prepared, Read } from './messages.js';
import { readManifest, requireWholeBlocks } from './stored-file.js';

export interface PreparedOptions {
  /** Of these files alone. */
  readonly directory: string;
  /** The state as of now; throws while there is none to give. */
  view(): SnapshotView;
  /** Index of the state that `view` would give. */
  appliedIndex(): number;
  /** Told to whoever reads; 0 without a limit. */
  readonly bytesPerSecondMax: number;
  log(message: string): void;
  /** Milliseconds of any clock that does not go back. */
  now(): number;
}

interface Stored {
  readonly description: Description;
  readonly path: string;
  readonly fileBytes: number;
  readAtMs: number;
}

const FINISHED = /^([0-9a-f]{64})\.snapshot$/;
const UNFINISHED = 'being-written.unfinished';

export class PreparedSnapshots {
  readonly #options: PreparedOptions;
  readonly #stored = new Map<string, Stored>();
  readonly #abort = new AbortController();
  #opened: Promise<void> | undefined;
  #checking: Promise<void> | undefined;
  #building: { readonly index: number; readonly done: Promise<void> } | undefined;
  /** Why the last build failed, until somebody was told. */
  #failure: unknown;
  #servedBytes = 0;

  constructor(options: PreparedOptions) {
    this.#options = options;
  }

  /** Bytes read by others since the start. */
  get servedBytes(): number {
    return this.#servedBytes;
  }

  get count(): number {
    return this.#stored.size;
  }

  /** Answers at once; begins to write a snapshot when none of those that are there will do. */
  async prepare({ leastIndex, id, isDamaged }: Prepare): Promise<Prepared> {
    await this.#open();
    if (id !== null && isDamaged) await this.#check(id);
    if (id !== null) return this.#answer(this.#stored.get(id), 'absent');
    const found = [...this.#stored.values()]
      .filter(({ description }) => description.index >= leastIndex)
      .sort((a, b) => b.description.index - a.description.index)[0];
    if (found !== undefined) return this.#answer(found, 'prepared');
    if (this.#building === undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) throw refusal('snapshot-failed', messageOf(failure));
      await this.#begin(leastIndex);
    } else if (this.#building.index < leastIndex) {
      throw refusal('snapshot-busy', 'an older snapshot is being prepared');
    }
    return this.#answer(undefined, 'preparing');
  }

  /** Part of a file. Throws `refused`, reason `snapshot-unknown`, when the snapshot is not there. */
  async read({ id, offset, length }: Read): Promise<Uint8Array> {
    await this.#open();
    const stored = this.#stored.get(id);
    if (stored === undefined) throw unknown(id);
    const { description, path } = stored;
    if (offset + length > description.contentBytes + manifestBytes(description)) {
      throw new RpcError('malformed', `the snapshot has no ${length} bytes at ${offset}`);
    }
    stored.readAtMs = this.#options.now();
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) throw unknown(id);
    try {
      const bytes = await readExactly(file, offset, length);
      if (bytes === undefined) throw unknown(id);
      this.#servedBytes += length;
      return bytes;
    } finally {
      await file.close();
    }
  }

  /** Removes what nobody has read for long. */
  async sweep(): Promise<void> {
    await this.#remove((stored) => this.#idleMs(stored) > PREPARED_IDLE_MS_MAX);
  }

  /** Ends what is being written. */
  async close(): Promise<void> {
    this.#abort.abort(new NodeError('stopped', 'the node stops'));
    await this.#opened;
    await this.#checking;
    await this.#building?.done;
  }

  #answer(stored: Stored | undefined, state: Prepared['state']): Prepared {
    const { bytesPerSecondMax } = this.#options;
    if (stored === undefined) return { state, description: null, bytesPerSecondMax };
    stored.readAtMs = this.#options.now();
    return { state: 'prepared', description: stored.description, bytesPerSecondMax };
  }

  async #begin(leastIndex: number): Promise<void> {
    const { appliedIndex } = this.#options;
    if (appliedIndex() < leastIndex) {
      throw refusal(
        'snapshot-behind',
        `this node has applied ${appliedIndex()}, not ${leastIndex}`,
      );
    }
    await this.#makeRoom();
    // Another caller may have come in between.
    if (this.#building !== undefined) return;
    this.#abort.signal.throwIfAborted();
    const view = this.#options.view();
    const done = this.#build(view)
      .catch((error: unknown) => {
        this.#failure = error;
        if (!this.#abort.signal.aborted) {
          this.#options.log(`no snapshot could be prepared: ${messageOf(error)}`);
        }
      })
      .finally(() => {
        view.dump.close();
        this.#building = undefined;
      });
    this.#building = { index: view.meta.index, done };
  }

  async #build(view: SnapshotView): Promise<void> {
    const { directory, log, now } = this.#options;
    const startedMs = now();
    const unfinished = join(directory, UNFINISHED);
    try {
      await mkdir(directory, { recursive: true });
      await rm(unfinished, { force: true });
      const { description } = await buildSnapshot(view, unfinished, this.#abort.signal);
      const path = join(directory, `${description.id}.snapshot`);
      await rename(unfinished, path);
      this.#stored.set(description.id, storedAt(path, description, now()));
      const seconds = ((now() - startedMs) / 1_000).toFixed(1);
      log(
        `prepared a snapshot at index ${description.index}: ${description.contentBytes} bytes in ` +
          `${description.blocks} blocks, ${seconds} s`,
      );
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async #makeRoom(): Promise<void> {
    const isFull = (): boolean =>
      this.#stored.size >= PREPARED_SNAPSHOTS_MAX || this.#storedBytes() >= PREPARED_BYTES_MAX;
    const oldestFirst = [...this.#stored.values()].sort((a, b) => a.readAtMs - b.readAtMs);
    for (const one of oldestFirst) {
      if (!isFull()) return;
      if (this.#idleMs(one) > PREPARED_IDLE_MS_MIN) await this.#remove((each) => each === one);
    }
    if (isFull()) throw refusal('snapshot-busy', 'the snapshots of this node are being read');
  }

  #storedBytes(): number {
    return [...this.#stored.values()].reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  }

  #idleMs({ readAtMs }: Stored): number {
    return this.#options.now() - readAtMs;
  }

  /** Removes a snapshot whose file is not what it was when it was written; once at a time. */
  async #check(id: string): Promise<void> {
    this.#checking ??= this.#checkFile(id).finally(() => {
      this.#checking = undefined;
    });
    await this.#checking;
  }

  async #checkFile(id: string): Promise<void> {
    const stored = this.#stored.get(id);
    if (stored === undefined) return;
    try {
      const manifest = await readManifest(stored.path);
      await requireWholeBlocks(stored.path, manifest, this.#abort.signal);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#options.log(`a prepared snapshot is removed: ${messageOf(error)}`);
      await this.#remove((each) => each === stored);
    }
  }

  async #remove(which: (stored: Stored) => boolean): Promise<void> {
    for (const stored of [...this.#stored.values()].filter(which)) {
      this.#stored.delete(stored.description.id);
      await rm(stored.path, { force: true });
    }
  }

  #open(): Promise<void> {
    this.#opened ??= this.#findStored();
    return this.#opened;
  }

  /** What a process before left: whole snapshots can be read on, everything else goes. */
  async #findStored(): Promise<void> {
    const { directory, now, log } = this.#options;
    const names = await readdir(directory).catch(() => []);
    for (const name of names) {
      const path = join(directory, name);
      const id = FINISHED.exec(name)?.[1];
      try {
        if (id === undefined) throw new NodeError('malformed', 'it was not finished');
        const { description } = await readManifest(path);
        if (description.id !== id) throw new NodeError('malformed', 'its name is not its id');
        this.#stored.set(id, storedAt(path, description, now()));
      } catch (error) {
        log(`removing ${path}: ${messageOf(error)}`);
        await rm(path, { force: true, recursive: true });
      }
    }
    const newestFirst = [...this.#stored.values()].sort(
      (a, b) => b.description.index - a.description.index,
    );
    const tooMany = new Set(newestFirst.slice(PREPARED_SNAPSHOTS_MAX));
    await this.#remove((stored) => tooMany.has(stored));
  }
}

function storedAt(path: string, description: Description, readAtMs: number): Stored {
  const fileBytes = description.contentBytes + manifestBytes(description) + TRAILER_BYTES;
  return { description, path, fileBytes, readAtMs };
}

function refusal(reason: string, message: string): RpcError {
  return new RpcError('refused', message, { reason });
}

function unknown(id: string): RpcError {
  return refusal('snapshot-unknown', `this node has no snapshot ${id}`);
}
