/** A store in its thread, or in that of a program that cannot wait: the file, the writes that wait, what expires, and the answers to calls. */
import type { MemoryCommand, SearchQuery } from '../engine.js';
import type { ModelVector } from '../engine.js';
import { MemoryError } from '../errors.js';
import { compactInSlices, type Compaction } from './compact.js';
import { Exports } from './exports.js';
import { GroupCommit } from './group-commit.js';
import { DELETED_AT_ONCE_MAX } from './limits.js';
import { DEFAULT_NAMESPACE } from '../memory-key.js';
import {
  countNamespaces,
  countRecords,
  listPage,
  type Page,
  type PageQuery,
  someKeys,
} from './listing.js';
import { DeferredPuts } from './deferred-puts.js';
import type { StoreLock } from './lock.js';
import {
  commandOf,
  countOf,
  isPacked,
  keysOf,
  type Operation,
  operationsOf,
  type Write,
} from './operations.js';
import { unpackPuts } from './packed-puts.js';
import { type LoggedPuts, readPutLog, removePutLog } from './put-log.js';
import { statsOf } from './stats.js';
import { StoreFile, type StoreModel } from './store-file.js';
import { Sweep } from './sweep.js';
import type {
  CallContext,
  StoredHit,
  StoredMemory,
  ThreadCalls,
  ThreadSettings,
} from './thread-messages.js';
import { WalSync } from './wal-sync.js';
import { vectorOfBytes } from '../vector-bytes.js';

type Awaitable<T> = T | Promise<T>;
/** The calls with their context behind the arguments. */
export type HostCalls = {
  [Name in keyof ThreadCalls]: (
    ...args: [...Parameters<ThreadCalls[Name]>, CallContext]
  ) => Awaitable<Awaited<ReturnType<ThreadCalls[Name]>>>;
};

export interface HostParts {
  /** Puts are acknowledged once a log of their own has them; `file` is then behind what was acknowledged. */
  readonly logsPuts?: boolean;
  /** What tests replace: the clock, */
  readonly nowMs?: () => number;
  /** what makes everything committed survive a power cut, */
  readonly sync?: () => Promise<void>;
  /** and how long nothing may have been put until the file follows the log of puts. */
  readonly restMs?: number;
  /** The lock of the store, where the caller has it and keeps it. */
  readonly lock?: StoreLock;
}

/** Operations, and when they were accepted. */
interface AcceptedOperations {
  readonly operations: readonly Operation[];
  readonly nowMs: number;
}

export class StoreHost {
  readonly #file: StoreFile;
  readonly #log: WalSync;
  readonly #commit: GroupCommit<Write, boolean[]>;
  readonly #puts: DeferredPuts | undefined;
  /** The file has something that the disk need not have, and that is in no log of puts. */
  #isWalDirty = false;
  readonly #sweep: Sweep;
  readonly #exports: Exports;
  readonly #nowMs: () => number;
  #ready: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    settings: ThreadSettings,
    { nowMs = Date.now, sync, logsPuts, restMs, lock }: HostParts = {},
  ) {
    this.#file = StoreFile.open(settings.path, settings, lock);
    this.#nowMs = nowMs;
    this.#log = new WalSync(this.#file.database);
    try {
      this.#replay();
    } catch (error) {
      this.#log.close();
      this.#file.close();
      throw error;
    }
    if (logsPuts === true) {
      this.#puts = new DeferredPuts(this.#file, {
        apply: (entries) => {
          this.#applyPuts(entries);
          this.#sweep.wake();
        },
        wal: this.#log,
        restMs,
      });
    }
    this.#commit = new GroupCommit({
      operationsMax: settings.batchOperations,
      delayMs: settings.batchDelayMs,
      commit: (writes) => this.#write(writes),
      sync: sync ?? (() => this.#sync()),
    });
    this.#sweep = new Sweep(this.#file, {
      nowMs,
      canWrite: () => this.#commit.refusal === undefined,
      prepare: () => this.#puts?.applyAll(),
    });
    this.#exports = new Exports(settings.path, nowMs);
  }

  /** For a program that has the store in its own thread. */
  get file(): StoreFile {
    return this.#file;
  }

  /**
   * One transaction that is on the disk when it returns; true for each operation that found what it is
   * about.
   */
  writeNow(operations: readonly Operation[]): boolean[] {
    return this.#commit.addNow(operations, operations.length, () => this.#log.syncNow());
  }

  /** What a call may find under its feet. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get model(): StoreModel | null {
    return this.#file.model;
  }

  readonly calls: HostCalls = {
    write: (write) => this.#commit.add(write, countOf(write)),
    flush: () => this.#flush(),
    settle: () => this.#puts?.settle(),
    get: (key, withVector) => this.#settled(() => this.#get(key, withVector)),
    list: (query) => this.#settled(() => this.#list(query)),
    namespaces: () => this.#settled(() => countNamespaces(this.#file, this.#nowMs())),
    deleteNamespace: (namespace, context) =>
      this.#settled(() => this.#deleteNamespace(namespace, context)),
    search: (query) => this.#settled(() => this.#search(query)),
    neighbours: (key, options, { signal }) =>
      this.#graph((graph) => graph.neighbours(key, { ...options, signal })),
    kHops: (key, options, { signal }) =>
      this.#graph((graph) => graph.kHops(key, { ...options, signal })),
    path: (from, to, options, { signal }) =>
      this.#graph((graph) => graph.path(from, to, { ...options, signal })),
    traverse: (key, options, { signal }) =>
      this.#graph((graph) => graph.traverse(key, { ...options, signal })),
    query: (text, parameters, { signal }) =>
      this.#graph((graph) => graph.query(text, { parameters, signal })),
    stats: () => this.#settled(() => statsOf(this.#file, this.#commit.counts, this.#nowMs())),
    compact: (context) => this.#settled(() => this.#compact(context)),
    openExport: () => this.#settled(() => this.#exports.open()),
    exportPage: (number) => this.#exports.page(number),
    closeExport: (number) => this.#exports.close(number),
    close: () => this.close(),
  };

  /** Writes what waits, then lets go of the file. */
  async close(): Promise<void> {
    await this.#commit.flush();
    try {
      if (!this.#isClosed) this.#puts?.close();
    } finally {
      this.closeNow();
    }
  }

  /** Lets go of the file; what waits was never acknowledged, and is not written. */
  closeNow(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sweep.stop();
    this.#exports.closeAll();
    this.#puts?.closeNow();
    this.#log.close();
    this.#file.close();
  }

  /** Puts that a crash left in their log. */
  #replay(): void {
    const { path, putLog } = this.#file;
    const left = readPutLog(path, putLog);
    if (left === undefined) return;
    if (left.isDamaged) {
      const sentence = `the log of puts of ${path} is damaged; repair the store, which keeps what it can`;
      throw new MemoryError('damaged', sentence, path);
    }
    for (const entry of left.entries) this.#applyPuts([entry]);
    this.#log.syncNow();
    removePutLog(path);
  }

  /** One transaction, or an entry of the log of puts; true for each operation that found what it is about. */
  #write(writes: readonly Write[]): boolean[][] {
    const nowMs = this.#nowMs();
    const puts = writes.filter(isPacked);
    if (puts.length === writes.length && this.#puts?.takes(puts) === true) {
      this.#puts.append(puts, nowMs);
      return puts.map(({ count }) => Array.from({ length: count }, () => true));
    }
    this.#puts?.applyAll();
    const operations = writes.map(operationsOf);
    const outcomes = this.#apply([{ operations: operations.flat(), nowMs }]);
    this.#isWalDirty = true;
    this.#sweep.wake();
    let at = 0;
    return operations.map((some) => some.map(() => outcomes[at++] as boolean));
  }

  async #sync(): Promise<void> {
    const wal = this.#isWalDirty ? this.#log.sync() : undefined;
    this.#isWalDirty = false;
    await Promise.all([wal, this.#puts?.sync()]);
  }

  #applyPuts(entries: readonly LoggedPuts[]): void {
    const accepted = entries.map(({ blocks, acceptedMs }) => {
      return { operations: blocks.flatMap(unpackPuts), nowMs: acceptedMs };
    });
    this.#apply(accepted, entries.at(-1)?.sequence);
  }

  /** One transaction; true for each operation that found what it is about. */
  #apply(accepted: readonly AcceptedOperations[], putSequence?: number): boolean[] {
    const expiries = new Map<MemoryCommand, number | null>();
    const asked = new Set<MemoryCommand>();
    /** Of those put before in this transaction. */
    const expiryOf = new Map<string, number | null>();
    const commands = accepted.flatMap(({ operations, nowMs }) => {
      const isExpired = (key: string): boolean => {
        const expiresAtMs = expiryOf.get(key);
        if (expiresAtMs === undefined) return this.#file.isExpired(key, nowMs);
        return expiresAtMs !== null && expiresAtMs <= nowMs;
      };
      // What has expired is not there any more for what comes now.
      const gone = [...new Set(operations.flatMap(keysOf))].filter(isExpired);
      const deletes = gone.map((key) => commandOf({ type: 'delete', key }, nowMs));
      const wanted = operations.map((operation) => {
        const command = commandOf(operation, nowMs);
        asked.add(command);
        if (operation.type === 'put') {
          expiries.set(command, operation.expiresAtMs);
          expiryOf.set(operation.key, operation.expiresAtMs);
        }
        return command;
      });
      return [...deletes, ...wanted];
    });
    const outcomes = this.#file.apply(commands, expiries, putSequence);
    return outcomes.filter((_, at) => asked.has(commands[at]!)).map((outcome) => outcome === 'ok');
  }

  /** Runs what reads the file once that has everything that was acknowledged. */
  async #settled<T>(read: () => Awaitable<T>): Promise<T> {
    await this.#puts?.settle();
    return read();
  }

  async #flush(): Promise<void> {
    await this.#commit.flush();
    await this.#puts?.settle();
  }

  #get(key: string, withVector: boolean): StoredMemory | null {
    const { engine } = this.#file;
    const memory = engine.get(key);
    if (memory === undefined || this.#file.isExpired(key, this.#nowMs())) return null;
    const stored = { ...memory, expiresAtMs: this.#file.expiryOf(key) };
    return withVector ? { ...stored, vector: this.#vectorOf(key) } : stored;
  }

  #vectorOf(key: string): ModelVector | null {
    const sql = 'SELECT model, vector FROM vectors WHERE id = ?';
    const [model, bytes] = this.#file.database.get(sql, key) ?? [];
    if (!(bytes instanceof Uint8Array)) return null;
    return { model: String(model), values: vectorOfBytes(bytes) };
  }

  #list(query: PageQuery): Page {
    return listPage(this.#file, query, this.#nowMs());
  }

  async #search(query: SearchQuery): Promise<StoredHit[]> {
    const { engine } = this.#file;
    if (query.vector !== null && engine.vectorCounts() === undefined) {
      this.#ready ??= engine.prepareSearch().finally(() => (this.#ready = undefined));
      await this.#ready;
    }
    await this.#sweep.finish();
    const nowMs = this.#nowMs();
    // Where nobody uses namespaces, looking who is in which is spared.
    const isOne = query.namespace === DEFAULT_NAMESPACE && !engine.hasNamespaces();
    const asked = isOne ? { ...query, namespace: undefined } : query;
    const hits = engine.search(asked).map((hit): StoredHit => {
      const row = this.#file.database.get('SELECT created_at_ms FROM records WHERE id = ?', hit.id);
      const expiresAtMs = this.#file.nextExpiryMs === Infinity ? null : this.#file.expiryOf(hit.id);
      return { ...hit, createdAtMs: Number(row?.[0]), expiresAtMs };
    });
    // Only where nothing can be deleted any more.
    return hits.filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > nowMs);
  }

  async #graph<T>(ask: (graph: StoreFile['engine']['graph']) => Promise<T>): Promise<T> {
    await this.#puts?.settle();
    await this.#sweep.finish();
    return ask(this.#file.engine.graph);
  }

  async #deleteNamespace(namespace: string, { signal, progress }: CallContext): Promise<number> {
    const total = countRecords(this.#file, namespace, this.#nowMs());
    let deleted = 0;
    for (;;) {
      signal.throwIfAborted();
      const keys = someKeys(this.#file, namespace, DELETED_AT_ONCE_MAX);
      if (keys.length === 0) return deleted;
      const operations = keys.map((key): Operation => ({ type: 'delete', key }));
      const written = this.#commit.add(operations, operations.length);
      void this.#commit.flush();
      deleted += (await written).filter(Boolean).length;
      progress(Math.min(deleted, total), total);
    }
  }

  async #compact(context: CallContext): Promise<Compaction> {
    const refusal = this.#commit.refusal;
    if (refusal !== undefined) throw refusal;
    await this.#sweep.finish();
    const { database } = this.#file;
    const bytes = (): number => {
      const { fileBytes, logBytes } = statsOf(this.#file, this.#commit.counts, this.#nowMs());
      return fileBytes + logBytes;
    };
    return compactInSlices(database, bytes, context);
  }
}
