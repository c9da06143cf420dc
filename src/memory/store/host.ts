/** A store in its thread, or in that of a program that cannot wait: the file, the writes that wait, what expires, and the answers to calls. */
import type { MemoryCommand, SearchQuery } from '../engine.js';
import type { ModelVector } from '../engine.js';
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
import { commandOf, keysOf, type Operation } from './operations.js';
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

/** What tests replace. */
export interface HostParts {
  readonly nowMs?: () => number;
  /** Makes everything committed survive a power cut. */
  readonly sync?: () => Promise<void>;
}

export class StoreHost {
  readonly #file: StoreFile;
  readonly #log: WalSync;
  readonly #commit: GroupCommit<readonly Operation[], boolean[]>;
  readonly #sweep: Sweep;
  readonly #exports: Exports;
  readonly #nowMs: () => number;
  #ready: Promise<void> | undefined;
  #isClosed = false;

  constructor(settings: ThreadSettings, { nowMs = Date.now, sync }: HostParts = {}) {
    this.#file = StoreFile.open(settings.path, settings);
    this.#nowMs = nowMs;
    this.#log = new WalSync(this.#file.database);
    this.#commit = new GroupCommit({
      operationsMax: settings.batchOperations,
      delayMs: settings.batchDelayMs,
      commit: (writes) => this.#write(writes),
      sync: sync ?? (() => this.#log.sync()),
    });
    this.#sweep = new Sweep(this.#file, nowMs, () => this.#commit.refusal === undefined);
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
    write: (operations) => this.#commit.add(operations, operations.length),
    flush: () => this.#commit.flush(),
    get: (key, withVector) => this.#get(key, withVector),
    list: (query) => this.#list(query),
    namespaces: () => countNamespaces(this.#file, this.#nowMs()),
    deleteNamespace: (namespace, context) => this.#deleteNamespace(namespace, context),
    search: (query) => this.#search(query),
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
    stats: () => statsOf(this.#file, this.#commit.counts, this.#nowMs()),
    compact: (context) => this.#compact(context),
    openExport: () => this.#exports.open(),
    exportPage: (number) => this.#exports.page(number),
    closeExport: (number) => this.#exports.close(number),
    close: () => this.close(),
  };

  /** Writes what waits, then lets go of the file. */
  async close(): Promise<void> {
    await this.#commit.flush();
    this.closeNow();
  }

  /** Lets go of the file; what waits was never acknowledged, and is not written. */
  closeNow(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sweep.stop();
    this.#exports.closeAll();
    this.#log.close();
    this.#file.close();
  }

  /** One transaction; true for each operation that found what it is about. */
  #write(writes: readonly (readonly Operation[])[]): boolean[][] {
    const nowMs = this.#nowMs();
    const expiries = new Map<MemoryCommand, number | null>();
    // What has expired is not there any more for what comes now.
    const keys = new Set(writes.flatMap((operations) => operations.flatMap(keysOf)));
    const gone = [...keys].filter((key) => this.#file.isExpired(key, nowMs));
    const deletes = gone.map((key) => commandOf({ type: 'delete', key }, nowMs));
    const commands = writes.flat().map((operation) => {
      const command = commandOf(operation, nowMs);
      if (operation.type === 'put') expiries.set(command, operation.expiresAtMs);
      return command;
    });
    const outcomes = this.#file.apply([...deletes, ...commands], expiries);
    this.#sweep.wake();
    let at = deletes.length;
    return writes.map((operations) => operations.map(() => outcomes[at++] === 'ok'));
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
