/** A store of memories for one program: SQLite and the engine in a thread of their own. */
import { COMMAND_TEXTS, embeddingText, HELD_TEXTS, type TextLimits } from '../command.js';
import { createMiniLmEmbedder } from '../embedder.js';
import { embedAll } from '../embedders/embed-all.js';
import type { Embedder, ModelVector, SearchHit, SearchQuery, TimeRange } from '../engine.js';
import { invalid, MemoryError } from '../errors.js';
import type { Parameters, QueryResult } from '../graph/index.js';
import { DEFAULT_NAMESPACE, memoryKey } from '../memory-key.js';
import { backupStore, type BackupReport, checkStore, type CheckReport } from './jobs.js';
import type { Compaction } from './compact.js';
import { StoreGraph } from './graph.js';
import {
  BATCH_DELAY_MAX_MS,
  BATCH_DELAY_MS,
  BATCH_OPERATIONS,
  BATCH_OPERATIONS_MAX,
  PAGE_RECORDS,
  RECORDS_AT_ONCE_MAX,
  WAITING_CHARACTERS_MAX,
} from './limits.js';
import type { ListOrder, NamespaceCount } from './listing.js';
import { isPacked, type Operation, type PutOperation, type Write } from './operations.js';
import { refuseOwnFile } from './own-files.js';
import { packPuts } from './packed-puts.js';
import {
  checkedRange,
  checkedVector,
  type EdgeInput,
  edgeEnds,
  linkOperation,
  putOperation,
  type RecordInput,
  recordOf,
  type StoreRecord,
} from './records.js';
import type { ThreadStats } from './stats.js';
import type { StoreModel } from './store-file.js';
import { StoreThread } from './thread.js';
import {
  exportStore,
  type ExportTarget,
  importStore,
  type ImportSource,
  type TransferCounts,
  type TransferOptions,
} from './transfer.js';

export interface MemoryStoreOptions {
  /** Makes the file when it is missing; otherwise that is `not-found`. Default true. */
  readonly create?: boolean | undefined;
  /** Takes over a file that a node or the engine alone has written. */
  readonly adopt?: boolean | undefined;
  /** Makes vectors of texts; MiniLM when left out, null for none. Who gives one closes it. */
  readonly embedder?: Embedder | null | undefined;
  /** Model of vectors that are given as numbers alone, where no embedder names it. */
  readonly model?: string | undefined;
  /** A write waits for others: for so many operations, or so long. 100 and 100 ms when left out. */
  readonly groupCommit?:
    | { readonly maxBatch?: number | undefined; readonly maxDelayMs?: number | undefined }
    | undefined;
}

export interface ListQuery {
  /** Null: all of them. `default` when left out. */
  readonly namespace?: string | null | undefined;
  readonly created?: TimeRange | undefined;
  /** By id when left out. */
  readonly order?: ListOrder | undefined;
  /** 1 to 1,000; 100 when left out. A page of long contents has fewer. */
  readonly limit?: number | undefined;
  /** Where the page before ended. */
  readonly cursor?: string | null | undefined;
}

export interface ListPage {
  readonly records: readonly StoreRecord[];
  /** Null behind the last record. */
  readonly cursor: string | null;
}

export interface StoreQuery extends Omit<
  SearchQuery,
  'text' | 'vector' | 'limit' | 'namespace' | 'created'
> {
  readonly text?: string | undefined;
  /** Made of the text when left out. */
  readonly vector?: ModelVector | ArrayLike<number> | null | undefined;
  /** 1 to 1,000; 10 when left out. */
  readonly limit?: number | undefined;
  /** Null: all of them. `default` when left out. */
  readonly namespace?: string | null | undefined;
  readonly created?: TimeRange | undefined;
}

export interface StoreHit extends StoreRecord {
  readonly score: number;
  readonly matchedBy: SearchHit['matchedBy'];
}

export type StoreStats = ThreadStats;

/**
 * Opens a store, which no other process and nobody else in this one has open. Throws `not-found`,
 * `not-a-database`, `newer-version`, `damaged`, `read-only`, `disk-full`, `locked`; `invalid` for a file
 * that must be adopted, or an embedder of another model than the store's.
 */
export async function openMemoryStore(
  path: string,
  options: MemoryStoreOptions = {},
): Promise<MemoryStore> {
  const { create = true, adopt = false, groupCommit = {} } = options;
  const { maxBatch = BATCH_OPERATIONS, maxDelayMs = BATCH_DELAY_MS } = groupCommit;
  if (!Number.isInteger(maxBatch) || maxBatch < 1 || maxBatch > BATCH_OPERATIONS_MAX) {
    throw invalid(`maxBatch must be a whole number from 1 to ${BATCH_OPERATIONS_MAX}`);
  }
  if (!(maxDelayMs >= 0 && maxDelayMs <= BATCH_DELAY_MAX_MS)) {
    throw invalid(`maxDelayMs must be from 0 to ${BATCH_DELAY_MAX_MS}`);
  }
  const settings = { path, create, adopt, batchOperations: maxBatch, batchDelayMs: maxDelayMs };
  const { thread, model } = await StoreThread.open(settings);
  const { embedder } = options;
  if (model !== null && embedder !== undefined && embedder !== null) {
    if (embedder.model !== model.model || embedder.dimensions !== model.dimensions) {
      await thread.close();
      throw new MemoryError(
        'invalid',
        `${path} has vectors of ${model.dimensions} components of ${JSON.stringify(model.model)}, the ` +
          `embedder makes ${embedder.dimensions} of ${JSON.stringify(embedder.model)}; a store has one model`,
        path,
      );
    }
  }
  return new MemoryStore(path, thread, model, options);
}

/** Made by `openMemoryStore`. A write resolves when it would survive a power cut. */
export class MemoryStore {
  readonly path: string;
  readonly graph: StoreGraph;
  readonly #thread: StoreThread;
  readonly #modelName: string | undefined;
  #model: StoreModel | null;
  #embedder: Embedder | null | undefined;
  /** Made here, so closed here. */
  #ownEmbedder: Embedder | undefined;
  /** When the write before has been handed over: they are written in the order of their calls. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    path: string,
    thread: StoreThread,
    model: StoreModel | null,
    { embedder, model: modelName }: MemoryStoreOptions,
  ) {
    this.path = path;
    this.graph = new StoreGraph(thread);
    this.#thread = thread;
    this.#model = model;
    this.#embedder = embedder;
    this.#modelName = modelName ?? embedder?.model;
  }

  /** Null until the first vector is stored. */
  get model(): StoreModel | null {
    return this.#model;
  }

  /** Inserts a record, or replaces the one with the same id. */
  async put(record: RecordInput): Promise<void> {
    await this.putMany([record]);
  }

  /** All of them or, on any error, none: one transaction of at most 10,000 records. */
  async putMany(records: readonly RecordInput[]): Promise<void> {
    return this.#putAll(records, COMMAND_TEXTS);
  }

  async #putAll(records: readonly RecordInput[], texts: TextLimits): Promise<void> {
    if (records.length > RECORDS_AT_ONCE_MAX) {
      throw invalid(`putMany takes ${RECORDS_AT_ONCE_MAX} records at once, not ${records.length}`);
    }
    const puts = records.map((record) => putOperation(record, texts));
    const characters = puts.reduce(
      (sum, { content, metadata }) => sum + content.length + metadata.length,
      0,
    );
    if (characters > WAITING_CHARACTERS_MAX) {
      throw invalid(
        `putMany takes ${WAITING_CHARACTERS_MAX} characters at once, not ${characters}`,
      );
    }
    const vectors = records.map(({ vector }) => {
      return vector === undefined || vector === null ? vector : this.#checkedVector(vector);
    });
    const isEmbedding = vectors.includes(undefined);
    // The caller may change its arrays as soon as this returns; packed is copied.
    const held = isEmbedding ? vectors.map(copied) : vectors;
    await this.#write(characters, () => {
      if (isEmbedding) return this.#withVectors(puts, held).then(packPuts);
      return packPuts(puts.map((put, at) => ({ ...put, vector: held[at] ?? null })));
    });
  }

  /** Null if there is none, or it has expired. */
  async get(
    id: string,
    {
      namespace = DEFAULT_NAMESPACE,
      vector = false,
    }: { namespace?: string; vector?: boolean } = {},
  ): Promise<StoreRecord | null> {
    const key = memoryKey(namespace, id);
    const found = await this.#thread.admit(0, () => this.#thread.call('get', [key, vector]));
    return found === null ? null : recordOf(found);
  }

  /** Deletes a record with its edges; false if there is none. */
  async delete(
    id: string,
    { namespace = DEFAULT_NAMESPACE }: { namespace?: string } = {},
  ): Promise<boolean> {
    const operation: Operation = { type: 'delete', key: memoryKey(namespace, id) };
    const [isDone = false] = await this.#write(0, () => [operation]);
    return isDone;
  }

  /** Adds an edge, or replaces its weight. Throws `not-found` if an end is no record. */
  async link(edge: EdgeInput): Promise<void> {
    const operation = linkOperation(edge);
    const [isDone] = await this.#write(0, () => [operation]);
    if (isDone === true) return;
    const ends = [edge.from, edge.to].map((id) => JSON.stringify(id)).join(' or ');
    throw new MemoryError('not-found', `there is no record ${ends} in its namespace`, this.path);
  }

  /** False if there is no such edge. */
  async unlink(edge: EdgeInput): Promise<boolean> {
    const operation: Operation = { type: 'unlink', ...edgeEnds(edge) };
    const [isDone = false] = await this.#write(0, () => [operation]);
    return isDone;
  }

  /** Best first. A text alone is embedded. Options are those of docs/text-search.md and docs/memory.md. */
  async search(query: StoreQuery | string): Promise<StoreHit[]> {
    const asked: StoreQuery = typeof query === 'string' ? { text: query } : query;
    const { text = '', limit = 10, namespace = DEFAULT_NAMESPACE, created, ...rest } = asked;
    return this.#thread.admit(text.length, async () => {
      const vector = await this.#queryVector(asked, text);
      const full = { ...rest, text, vector, limit, namespace: namespace ?? undefined, created };
      const hits = await this.#thread.call('search', [full]);
      return hits.map(({ score, matchedBy, ...memory }) => {
        return { ...recordOf(memory), score, matchedBy };
      });
    });
  }

  /** A pattern query in the subset of openCypher of docs/graph.md; ids of records are keys there. */
  async query(
    text: string,
    parameters: Parameters = {},
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<QueryResult> {
    return this.#thread.admit(0, () => this.#thread.call('query', [text, parameters], { signal }));
  }

  /** A page of records. */
  async list(query: ListQuery = {}): Promise<ListPage> {
    const {
      namespace = DEFAULT_NAMESPACE,
      order = 'id',
      limit = PAGE_RECORDS,
      cursor = null,
    } = query;
    if (order !== 'id' && order !== 'oldest' && order !== 'newest') {
      throw invalid(`a list is in the order id, oldest or newest, not ${String(order)}`);
    }
    const page = { namespace, order, limit, cursor, created: checkedRange(query.created) };
    const found = await this.#thread.admit(0, () => this.#thread.call('list', [page]));
    return { records: found.memories.map(recordOf), cursor: found.cursor };
  }

  /** Every namespace that has records. */
  async namespaces(): Promise<NamespaceCount[]> {
    return this.#thread.admit(0, () => this.#thread.call('namespaces', []));
  }

  /** Deletes all records of a namespace, some hundred at a time; returns how many. */
  async deleteNamespace(namespace: string, options: TransferOptions = {}): Promise<number> {
    memoryKey(namespace, 'any');
    return this.#thread.admit(0, async () => {
      await this.#turn;
      return this.#thread.call('deleteNamespace', [namespace], options);
    });
  }

  async stats(): Promise<StoreStats> {
    return this.#thread.admit(0, () => this.#thread.call('stats', []));
  }

  /** Writes what waits now, without waiting for more. */
  async flush(): Promise<void> {
    await this.#thread.admit(0, async () => {
      await this.#turn;
      await this.#thread.call('flush', []);
    });
  }

  /** Gives free pages of the file back to the disk, in slices between which searches are answered. */
  async compact(options: TransferOptions = {}): Promise<Compaction> {
    return this.#thread.admit(0, () => this.#thread.call('compact', [], options));
  }

  /** Looks for damage, on another thread; see `checkStore`. */
  async check(options: TransferOptions = {}): Promise<CheckReport> {
    await this.#settle();
    return checkStore(this.path, options);
  }

  /** A copy as of one moment, on another thread, while the store goes on; see `backupStore`. */
  async backup(
    to: string,
    options: TransferOptions & { readonly overwrite?: boolean } = {},
  ): Promise<BackupReport> {
    await this.#settle();
    return backupStore(this.path, to, options);
  }

  /** Writes all records and edges, as they are at one moment, as JSON Lines to a file or stream. */
  async exportTo(target: ExportTarget, options: TransferOptions = {}): Promise<TransferCounts> {
    if (typeof target === 'string') refuseOwnFile(this.path, target);
    return exportStore(this.#thread, this.#model, target, options);
  }

  /**
   * Reads JSON Lines and puts what they hold. A file is checked as a whole before anything is put; a stream
   * is put as it comes, and what came before a bad line stays. To do it again does no harm.
   */
  async importFrom(source: ImportSource, options: TransferOptions = {}): Promise<TransferCounts> {
    const put = (records: readonly RecordInput[]): Promise<void> =>
      this.#putAll(records, HELD_TEXTS);
    return importStore({ store: this, put }, source, options);
  }

  /** Writes what waits, then lets go of the file. Later calls reject with `closed`. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** Ends the thread at once, as a crash does. What waits is not written; its calls reject. */
  async terminate(): Promise<void> {
    await this.#thread.terminate();
    await this.#ownEmbedder?.close();
  }

  /** Another connection to the file sees what was acknowledged. */
  async #settle(): Promise<void> {
    await this.#thread.admit(0, async () => this.#thread.call('settle', []));
  }

  async #close(): Promise<void> {
    await this.#turn;
    await this.#thread.close();
    await this.#ownEmbedder?.close();
  }

  async #write(characters: number, prepare: () => Write | Promise<Write>): Promise<boolean[]> {
    return this.#thread.admit(characters, async () => {
      const prepared = Promise.resolve(prepare());
      const sent = this.#turn.then(async () => {
        const write = await prepared;
        const transfer = isPacked(write) ? [write.block.buffer] : [];
        // Handed over, not answered: the next one need not wait for the disk.
        return { answer: this.#thread.call('write', [write], { transfer }) };
      });
      this.#turn = sent.catch(() => undefined);
      prepared.catch(() => undefined);
      return (await sent).answer;
    });
  }

  async #withVectors(
    puts: readonly PutOperation[],
    vectors: readonly (ModelVector | null | undefined)[],
  ): Promise<PutOperation[]> {
    const missing = puts.filter((_, at) => vectors[at] === undefined);
    const embedder = missing.length === 0 ? null : this.#usedEmbedder();
    const texts = missing.map(({ content, metadata }) => {
      return embeddingText(content, JSON.parse(metadata) as Record<string, string>);
    });
    const isOne = texts.length === 1;
    const made =
      embedder === null
        ? []
        : isOne
          ? await embedder.embed(texts, 'interactive')
          : await embedAll(embedder, texts);
    const waiting = made.map((values) => {
      return this.#checkedVector({ model: embedder?.model ?? '', values });
    });
    return puts.map((put, at) => {
      const given = vectors[at];
      return { ...put, vector: given === undefined ? (waiting.shift() ?? null) : given };
    });
  }

  /** The first vector says which model the store has. */
  #checkedVector(vector: ModelVector | ArrayLike<number>): ModelVector {
    const checked = checkedVector(vector, this.#model, this.#modelName);
    this.#model ??= { model: checked.model, dimensions: checked.values.length };
    return checked;
  }

  async #queryVector({ vector, mode }: StoreQuery, text: string): Promise<ModelVector | null> {
    if (vector === null) return null;
    if (vector !== undefined) {
      return copied(checkedVector(vector, this.#model, this.#modelName));
    }
    if (text === '' || mode === 'text') return null;
    const embedder = this.#usedEmbedder();
    if (embedder === null) return null;
    const [values] = await embedder.embed([text], 'interactive');
    if (values === undefined) return null;
    return checkedVector({ model: embedder.model, values }, this.#model, undefined);
  }

  /** Null where texts are not embedded. Throws `invalid` if the usual one is of another model. */
  #usedEmbedder(): Embedder | null {
    if (this.#embedder !== undefined) return this.#embedder;
    const own = createMiniLmEmbedder();
    if (this.#model !== null && this.#model.model !== own.model) {
      throw invalid(
        `${this.path} has vectors of ${JSON.stringify(this.#model.model)}; open it with an embedder of that ` +
          'model, or with the embedder null and give the vectors',
      );
    }
    this.#ownEmbedder = own;
    this.#embedder = own;
    return own;
  }
}

function copied<Vector extends ModelVector | null | undefined>(vector: Vector): Vector {
  if (vector === null || vector === undefined) return vector;
  return { ...vector, values: vector.values.slice() };
}
