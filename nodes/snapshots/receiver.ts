/**
 * Takes snapshots in: finds a source, reads what is missing, and hands the whole to the core. What
 * was read once is never read again: after a lost connection, a restart of either side, another
 * leader or another source it goes on with the blocks that are there.
 *
 *     offer --> [ seeking ] --> [ reading ] --> [ complete ] --> core --> installed
 *                  ^   ^            |                |
 *                  |   +-- source lost               | offered again until it is installed
 *                  +------- no longer of use --------+
 */
import { NodeError, messageOf } from '../errors.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { SnapshotMeta } from '../../consensus/raft/index.js';
import { SnapshotContent } from './content.js';
import { MANIFEST_ENTRY_BYTES, Manifest, manifestBytes } from './format.js';
import type { Description } from './format.js';
import {
  BLOCK_BYTES_MAX,
  PREPARE_POLL_MS,
  PREPARE_TIMEOUT_MS,
  READ_TIMEOUT_MS_MIN,
  SOURCES_RETRY_MS,
} from './limits.js';
import { packPrepare, packRead, parsePrepared } from './messages.js';
import type { Offer, Prepared, Progress } from './messages.js';
import { PartialSnapshot } from './partial.js';
import { BlockReading, READING_TIMES } from './reading.js';
import type { ReadCounters, ReadingTimes } from './reading.js';

export interface SnapshotCallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface ReceiverOptions {
  /** Of these files alone, and of what older releases push. */
  readonly directory: string;
  readonly nodeId: number;
  /** Of the core, with everything that is installed. */
  appliedIndex(): number;
  /** Calls a method of a member; rejects with an `RpcError`. */
  call(
    nodeId: number,
    method: string,
    payload: unknown,
    options: SnapshotCallOptions,
  ): Promise<unknown>;
  /** Hands a whole snapshot to the core, which may not want it now: then it is handed over again. */
  deliver(meta: SnapshotMeta): void;
  /** What this node reads at most, from whatever source; 0 without a limit. */
  readonly bytesPerSecondMax: number;
  log(message: string): void;
  now(): number;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  readonly times?: ReadingTimes;
}

/** What a node has taken in since it started, in bytes of content. */
export interface ReceiverCounters extends ReadCounters {
  /** Found on the own disk after a restart. */
  resumedBytes: number;
  /** Taken from another snapshot that was on the own disk. */
  adoptedBytes: number;
}

interface Source {
  readonly nodeId: number;
  readonly bytesPerSecondMax: number;
}

interface Found {
  readonly partial: PartialSnapshot;
  /** None is needed for what is complete. */
  readonly source: Source | undefined;
}

export class SnapshotReceiver {
  readonly counters: ReceiverCounters = {
    readBytes: 0,
    failedReads: 0,
    resumedBytes: 0,
    adoptedBytes: 0,
  };
  readonly #options: ReceiverOptions;
  readonly #abort = new AbortController();
  #offer: Offer | undefined;
  #running: Promise<void> | undefined;
  #partials: PartialSnapshot[] = [];
  #opened = false;
  /** Sources that stopped in the middle. */
  readonly #lost = new Set<number>();
  /** The one that is read, or is complete. */
  #current: PartialSnapshot | undefined;
  #completeMeta: SnapshotMeta | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Says how far this node is, and sees to it that it gets on. */
  offer(offer: Offer): Progress {
    const applied = this.#options.appliedIndex();
    if (applied >= offer.leastIndex) {
      return { phase: 'installed', index: applied, bytes: 0, bytesTotal: 0 };
    }
    if (this.#offer === undefined || offer.term >= this.#offer.term) this.#offer = offer;
    if (this.#completeMeta !== undefined && this.#isWanted(this.#completeMeta.index)) {
      this.#options.deliver(this.#completeMeta);
    } else {
      this.#start();
    }
    return this.progress();
  }

  /** How far the snapshot is that is on its way. */
  progress(): Progress {
    const current = this.#current;
    const isOver = this.#completeMeta !== undefined && !this.#isWanted(this.#completeMeta.index);
    if (current === undefined || isOver) {
      return { phase: 'seeking', index: 0, bytes: 0, bytesTotal: 0 };
    }
    const { index, contentBytes } = current.description;
    const phase = this.#completeMeta === undefined ? 'reading' : 'installing';
    return { phase, index, bytes: current.presentBytes, bytesTotal: contentBytes };
  }

  /** Opens a complete snapshot that the core wants installed; undefined when it is none of these. */
  open(meta: SnapshotMeta): SnapshotContent | undefined {
    const current = this.#current;
    const { index, term } = this.#completeMeta ?? { index: 0, term: 0 };
    if (current === undefined || index !== meta.index || term !== meta.term) return undefined;
    return new SnapshotContent(current.contentPath, current.description.contentBytes);
  }

  /** Removes everything at or before `index`, of which no more is needed, unless it is in use. */
  async forget(index: number): Promise<void> {
    if (this.#running !== undefined) return;
    for (const partial of this.#partials.filter((one) => one.description.index <= index)) {
      await this.#drop(partial);
    }
  }

  /** Removes what an earlier process left and the log has overtaken since. */
  async sweep(): Promise<void> {
    const applied = this.#options.appliedIndex();
    if (!this.#opened && this.#running === undefined && applied > 0) await this.#openLeft();
    await this.forget(applied);
  }

  async close(): Promise<void> {
    this.#abort.abort(new NodeError('stopped', 'the node stops'));
    await this.#running;
    for (const partial of this.#partials) await partial.close();
    this.#partials = [];
  }

  #start(): void {
    if (this.#running !== undefined || this.#abort.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { log, sleep, appliedIndex } = this.#options;
    const { signal } = this.#abort;
    let told = '';
    while (!signal.aborted && appliedIndex() < this.#leastIndex()) {
      try {
        if (await this.#receive(signal)) return;
      } catch (error) {
        const message = messageOf(error);
        if (message !== told && !signal.aborted) log(`no snapshot yet: ${message}`);
        told = message;
      }
      await sleep(SOURCES_RETRY_MS, signal);
    }
  }

  /** One attempt with one source. True when a snapshot is complete. */
  async #receive(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options;
    await this.#openLeft();
    const found = (await this.#findAgain(signal)) ?? (await this.#findNew(signal));
    const { partial, source } = found;
    this.#current = partial;
    this.#completeMeta = undefined;
    if (source === undefined) return this.#complete(partial);
    const { index, contentBytes } = partial.description;
    log(
      `reading the snapshot at index ${index} from node ${source.nodeId}: ` +
        `${partial.presentBytes} of ${contentBytes} bytes are here`,
    );
    const limits = [source.bytesPerSecondMax, this.#options.bytesPerSecondMax];
    const bytesPerSecondMax = Math.min(...limits.filter((one) => one > 0));
    const reading = new BlockReading(
      partial,
      {
        read: ({ offset, length, ...options }) =>
          this.#read(source.nodeId, partial.description.id, offset, length, options),
        isWanted: () => this.#isWanted(index),
        now: () => this.#options.now(),
        sleep: (milliseconds, each) => this.#options.sleep(milliseconds, each),
      },
      this.counters,
      Number.isFinite(bytesPerSecondMax) ? bytesPerSecondMax : 0,
      this.#options.times ?? READING_TIMES,
    );
    const end = await reading.run(signal);
    if (end === 'complete') this.#lost.delete(source.nodeId);
    if (end === 'complete') return this.#complete(partial);
    if (end === 'source-lost') this.#lost.add(source.nodeId);
    log(
      `the snapshot at index ${index} is ${end === 'unwanted' ? 'of no use any more' : 'not read on'}` +
        ` (${end}): ${partial.presentBytes} of ${contentBytes} bytes are here`,
    );
    return false;
  }

  async #complete(partial: PartialSnapshot): Promise<boolean> {
    const { log, deliver } = this.#options;
    const { index, contentBytes } = partial.description;
    const content = new SnapshotContent(partial.contentPath, contentBytes);
    content.close();
    if (content.meta.index !== index) {
      await this.#drop(partial);
      throw new NodeError('malformed', `the snapshot at index ${index} says ${content.meta.index}`);
    }
    for (const other of this.#partials.filter((one) => one !== partial)) await this.#drop(other);
    const { readBytes, resumedBytes, adoptedBytes, failedReads } = this.counters;
    log(
      `received the snapshot at index ${index}: ${contentBytes} bytes (since the start ${readBytes} ` +
        `read, ${resumedBytes} found, ${adoptedBytes} adopted, ${failedReads} reads failed)`,
    );
    this.#completeMeta = content.meta;
    deliver(content.meta);
    return true;
  }

  #leastIndex(): number {
    return this.#offer?.leastIndex ?? 0;
  }

  #isWanted(index: number): boolean {
    return index >= this.#leastIndex() && index > this.#options.appliedIndex();
  }

  /** Snapshots of an earlier process; each block is checked. */
  async #openLeft(): Promise<void> {
    if (this.#opened) return;
    const { directory, log } = this.#options;
    for (const id of await PartialSnapshot.list(directory)) {
      try {
        const partial = await PartialSnapshot.open(directory, id);
        this.counters.resumedBytes += partial.presentBytes;
        this.#partials.push(partial);
      } catch (error) {
        log(`an unfinished snapshot cannot be used: ${messageOf(error)}`);
      }
    }
    this.#opened = true;
    await PartialSnapshot.removeOthers(
      directory,
      this.#partials.map(({ description }) => description.id),
    );
  }

  /** A snapshot that has been begun, and a source that has it. The fullest first. */
  async #findAgain(signal: AbortSignal): Promise<Found | undefined> {
    const wanted = this.#partials
      .filter(({ description }) => this.#isWanted(description.index))
      .sort((a, b) => b.presentBytes - a.presentBytes);
    for (const partial of wanted) {
      if (partial.isComplete) return { partial, source: undefined };
      const { id } = partial.description;
      for (const nodeId of this.#sources()) {
        const answer = await this.#prepare(nodeId, id, signal).catch(() => undefined);
        if (answer?.state !== 'prepared') continue;
        return { partial, source: { nodeId, bytesPerSecondMax: answer.bytesPerSecondMax } };
      }
    }
    return undefined;
  }

  /** A snapshot that some source prepares now. Rejects with why the last source asked has none. */
  async #findNew(signal: AbortSignal): Promise<Found> {
    let failure: unknown = new RpcError('unavailable', 'no source is known');
    for (const nodeId of this.#sources()) {
      try {
        const { description, bytesPerSecondMax } = await this.#prepared(nodeId, signal);
        const partial = await this.#begin(nodeId, description, signal);
        return { partial, source: { nodeId, bytesPerSecondMax } };
      } catch (error) {
        if (signal.aborted) throw error;
        failure = new RpcError(
          'unavailable',
          `node ${nodeId} cannot give one: ${messageOf(error)}`,
        );
      }
    }
    throw failure;
  }

  /** Those that were lost before come last: they may be back. */
  #sources(): number[] {
    const others = (this.#offer?.sources ?? []).filter((one) => one !== this.#options.nodeId);
    const isLost = (nodeId: number): number => (this.#lost.has(nodeId) ? 1 : 0);
    return others.sort((a, b) => isLost(a) - isLost(b));
  }

  async #prepared(
    nodeId: number,
    signal: AbortSignal,
  ): Promise<{ description: Description; bytesPerSecondMax: number }> {
    for (;;) {
      const { description, bytesPerSecondMax } = await this.#prepare(nodeId, null, signal);
      if (description !== null) {
        if (this.#isWanted(description.index)) return { description, bytesPerSecondMax };
        throw new NodeError('malformed', `its snapshot is at index ${description.index}`);
      }
      await this.#options.sleep(PREPARE_POLL_MS, signal);
      signal.throwIfAborted();
    }
  }

  async #prepare(nodeId: number, id: string | null, signal: AbortSignal): Promise<Prepared> {
    const payload = packPrepare({ leastIndex: this.#leastIndex(), id });
    const options = { timeoutMs: PREPARE_TIMEOUT_MS, signal };
    const answer = await this.#options.call(nodeId, 'raft.snapshotPrepare', payload, options);
    const prepared = parsePrepared(answer);
    if (id !== null && prepared.description !== null && prepared.description.id !== id) {
      throw new NodeError('malformed', 'the answer is about another snapshot');
    }
    return prepared;
  }

  /** Fetches the manifest, and takes from older snapshots what they have in common. */
  async #begin(
    nodeId: number,
    description: Description,
    signal: AbortSignal,
  ): Promise<PartialSnapshot> {
    const known = this.#partials.find((one) => one.description.id === description.id);
    if (known !== undefined) return known;
    const { directory } = this.#options;
    const bytes = await this.#readManifest(nodeId, description, signal);
    const manifest = new Manifest(description, bytes);
    const partial = await PartialSnapshot.create(directory, manifest).catch(async (error) => {
      if (!isDiskFull(error) || this.#partials.length === 0) throw error;
      for (const older of this.#partials) await this.#drop(older);
      return PartialSnapshot.create(directory, manifest);
    });
    for (const older of this.#partials) this.counters.adoptedBytes += await partial.adopt(older);
    for (const older of this.#partials) await this.#drop(older);
    this.#partials = [partial];
    return partial;
  }

  async #readManifest(
    nodeId: number,
    description: Description,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const total = manifestBytes(description);
    const step = BLOCK_BYTES_MAX - (BLOCK_BYTES_MAX % MANIFEST_ENTRY_BYTES);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < total; at += step) {
      const length = Math.min(step, total - at);
      const options = { timeoutMs: READ_TIMEOUT_MS_MIN, signal };
      const offset = description.contentBytes + at;
      parts.push(await this.#read(nodeId, description.id, offset, length, options));
    }
    return Buffer.concat(parts);
  }

  async #read(
    nodeId: number,
    id: string,
    offset: number,
    length: number,
    options: SnapshotCallOptions,
  ): Promise<Uint8Array> {
    const payload = packRead({ id, offset, length });
    const answer = await this.#options.call(nodeId, 'raft.snapshotRead', payload, options);
    if (answer instanceof Uint8Array) return answer;
    throw new RpcError(
      'malformed',
      `node ${nodeId} answered a read with something else than bytes`,
    );
  }

  async #drop(partial: PartialSnapshot): Promise<void> {
    this.#partials = this.#partials.filter((one) => one !== partial);
    if (this.#current === partial) {
      this.#current = undefined;
      this.#completeMeta = undefined;
    }
    await partial.remove();
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof NodeError && error.code === 'disk-full';
}
