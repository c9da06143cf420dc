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
import type { Description } from './format.js';
import { SOURCES_RETRY_MS } from './limits.js';
import type { Offer, Progress } from './messages.js';
import { PartialSnapshot } from './partial.js';
import { BlockReading, READING_TIMES } from './reading.js';
import type { ReadCounters, ReadingTimes } from './reading.js';
import { Sources } from './sources.js';
import type { Source, SourceCall } from './sources.js';

export interface ReceiverOptions {
  /** Of these files alone, and of what older releases push. */
  readonly directory: string;
  readonly nodeId: number;
  /** Of the core, with everything that is installed. */
  appliedIndex(): number;
  /** Calls a method of a member; rejects with an `RpcError`. */
  readonly call: SourceCall;
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
  readonly #sources: Sources;
  readonly #abort = new AbortController();
  #offer: Offer | undefined;
  #running: Promise<void> | undefined;
  #partials: PartialSnapshot[] = [];
  #opened = false;
  /** The one that is read, or is complete. */
  #current: PartialSnapshot | undefined;
  #completeMeta: SnapshotMeta | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#sources = new Sources(options);
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
          this.#sources.read(
            source.nodeId,
            { id: partial.description.id, offset, length },
            options,
          ),
        isWanted: () => this.#isWanted(index),
        now: () => this.#options.now(),
        sleep: (milliseconds, each) => this.#options.sleep(milliseconds, each),
      },
      this.counters,
      Number.isFinite(bytesPerSecondMax) ? bytesPerSecondMax : 0,
      this.#options.times ?? READING_TIMES,
    );
    const end = await reading.run(signal);
    if (end === 'complete') return this.#complete(partial);
    if (end === 'source-lost') this.#sources.wasLost(source.nodeId);
    if (end === 'source-damaged') {
      await this.#sources.wasDamaged(source.nodeId, partial.description.id, signal);
    }
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
      const source = await this.#sources.find(this.#offered(), partial.description.id, signal);
      if (source !== undefined) return { partial, source };
    }
    return undefined;
  }

  /** A snapshot that some source prepares now. Rejects with why the last source asked has none. */
  async #findNew(signal: AbortSignal): Promise<Found> {
    let failure: unknown = new RpcError('unavailable', 'no source is known');
    for (const nodeId of this.#sources.inOrder(this.#offered())) {
      try {
        const { description, ...source } = await this.#sources.prepare(
          nodeId,
          () => this.#leastIndex(),
          signal,
        );
        if (!this.#isWanted(description.index)) {
          throw new NodeError('malformed', `its snapshot is at index ${description.index}`);
        }
        return { partial: await this.#begin(nodeId, description, signal), source };
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

  #offered(): readonly number[] {
    return (this.#offer?.sources ?? []).filter((one) => one !== this.#options.nodeId);
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
    const manifest = await this.#sources.readManifest(nodeId, description, signal);
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
