/** Serves a v1 `.swarm/memory.db` in place and lets it follow the log; v1 can still read all of it. */
import {
  clearBookkeeping,
  DIMENSIONS_KEY,
  dropVerdict,
  dropVerdictsOf,
  restoreBookkeeping,
  SCHEMA_RECORDS,
} from './bookkeeping.js';
import { embeddingText, textHash } from './command.js';
import { Database, type SqlValue } from './database.js';
import type {
  AddEdge,
  ApplyOutcome,
  DeleteEdge,
  DeleteMemory,
  DumpRecord,
  Edge,
  ExpireMemory,
  InsertMemory,
  LoggedCommand,
  Memory,
  MemoryCommand,
  MemoryCounts,
  MemoryEngine,
  MemoryPage,
  PageQuery,
  SearchHit,
  SearchQuery,
} from './engine.js';
import {
  columnsOf,
  exactRowWhere,
  isStorableName,
  quoteName,
  type Row,
  textOf,
} from './exact-row.js';
import { EXPIRY_TABLE, expiredIds, putExpiry, withNeededExpiry } from './expiry.js';
import { changeOf, MemoryGraph } from './graph/index.js';
import { LogPosition } from './log-position.js';
import { pageOfMemories } from './memory-pages.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';
import { nextTurn } from './pace.js';
import { RankedSearch } from './ranked-search.js';
import type { TrainingExample } from './rerank/training-example.js';
import { SearchIndex, type SearchSource } from './search-index.js';
import { type DumpReader, StoreDump } from './store-dump.js';
import {
  finishV1Schema,
  hasV1Namespaces,
  patternsWithVector,
  prepareV1,
  putVector,
  rebuildV1Schema,
  recogniseV1,
  restoreV1Row,
  v1Edges,
  v1Ids,
  v1Memories,
  v1MemoriesIn,
  v1Records,
  v1TablesOf,
  v1Vector,
  VECTORS_TABLE,
} from './v1-file.js';
import { decodePattern, embeddingRow, linkRow, patternRow } from './v1-pattern.js';
import { COUNTED_TABLES } from './v1-schema.js';
import { ExactVectorIndex } from './vector-index.js';
import { VectorIndexes } from './vector-indexes.js';

/**
 * Opens a v1 file to serve and write it in place; `create` makes an empty one where none is.
 * Throws `not-found`, `not-a-database`, `damaged`, `invalid` (another schema), `read-only`, `locked`.
 */
export function openV1Engine(path: string, options: { create?: boolean } = {}): V1Engine {
  const database = Database.open(path, { create: options.create ?? false });
  try {
    const isNew = options.create === true && v1TablesOf(database).length === 0;
    if (!isNew) recogniseV1(database);
    database.useWriteAheadLog();
    prepareV1(database);
    return new V1Engine(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

const READER: DumpReader = {
  records: v1Records,
  ids: v1Ids,
  memories: v1Memories,
  edges: v1Edges,
  *quarantined() {
    // v1 refuses nothing.
  },
};

class V1Source implements SearchSource {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  memoryCount(): number {
    return this.#database.number(`SELECT count(*) FROM patterns`);
  }

  *texts(): Iterable<readonly [string, string]> {
    for (const { id, content, metadata } of v1Memories(this.#database)) {
      yield [id, embeddingText(content, metadata)];
    }
  }

  filtered(): Iterable<Memory> {
    return v1Memories(this.#database);
  }

  emptyIndexes(): VectorIndexes {
    return new VectorIndexes((dimensions) => new ExactVectorIndex(dimensions));
  }

  /** In one step: rows that are read one by one must not change meanwhile. */
  *loadVectors(indexes: VectorIndexes): Generator<undefined, void> {
    if (this.#database.number(`SELECT count(*) FROM ${VECTORS_TABLE}`) === 0) return;
    for (const { row, vector } of patternsWithVector(this.#database)) {
      if (vector !== undefined) indexes.put(textOf(row['id']), vector);
    }
    yield;
  }
}

/** See `MemoryEngine`; made by `openV1Engine`. */
export class V1Engine implements MemoryEngine {
  readonly version = 'v1';
  readonly path: string;
  readonly graph: MemoryGraph;
  readonly #database: Database;
  readonly #position: LogPosition;
  readonly #search: SearchIndex;
  readonly #ranked: RankedSearch;
  #appliedIndex: number;
  #dimensions: number;
  #columns: string[];

  constructor(database: Database) {
    this.path = database.path;
    this.#database = database;
    database.checkpointElsewhere();
    this.#position = new LogPosition(database);
    this.#search = new SearchIndex(new V1Source(database));
    this.graph = new MemoryGraph({ dump: () => this.dump(), get: (id) => this.get(id) });
    this.#ranked = new RankedSearch({
      search: (query) => this.#search.search(query),
      appliedIndex: () => this.#appliedIndex,
      textOf: (id) => {
        const memory = this.get(id);
        return memory === undefined ? '' : embeddingText(memory.content, memory.metadata);
      },
      rerankFrom: {
        vectorOf: (id) => {
          const memory = this.get(id);
          return memory === undefined ? null : v1Vector(database, memory);
        },
        around: (...asked) => this.graph.aroundNow(...asked),
      },
    });
    this.#appliedIndex = this.#position.appliedIndex;
    this.#dimensions = Number(this.#position.meta(DIMENSIONS_KEY));
    this.#columns = columnsOf(database, 'patterns');
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  apply(commands: readonly LoggedCommand[], lastIndex: number): ApplyOutcome[] {
    const known = this.#appliedIndex;
    if (lastIndex > known) this.graph.willApply(commands);
    const { outcomes, changes } = this.#position.apply(
      { commands, known, lastIndex },
      { applyOne: (command) => this.#applyOne(command) },
    );
    this.#appliedIndex = Math.max(known, lastIndex);
    for (const { command } of changes) this.#search.follow(command);
    this.graph.follow(changes.map(({ command }) => changeOf(command)));
    return outcomes;
  }

  #applyOne(command: MemoryCommand): ApplyOutcome {
    switch (command.type) {
      case 'insertMemory':
        return this.#insert(command);
      case 'addEdge':
        return this.#addEdge(command);
      case 'deleteMemory':
        return this.#deleteMemory(command);
      case 'expireMemory':
        return this.#expireMemory(command);
      case 'deleteEdge':
        return this.#deleteEdge(command);
    }
  }

  #insert(command: InsertMemory): ApplyOutcome {
    const pattern = patternRow(command);
    this.#upsert('patterns', 'id', pattern);
    this.#upsert('pattern_embeddings', 'id', embeddingRow(command, pattern, this.#dimensions));
    const hash = textHash(embeddingText(command.content, command.metadata));
    putVector(this.#database, command.id, hash, command.vector);
    putExpiry(this.#database, command.id, command.expiresAtMs);
    return 'ok';
  }

  #addEdge({ from, to, relation, weight, timestampMs }: AddEdge): ApplyOutcome {
    if (!this.#isMemory(from) || !this.#isMemory(to)) return 'missing-endpoint';
    const row = linkRow(from, to, relation, weight, timestampMs);
    this.#upsert('pattern_links', 'src_id, dst_id, relation', row);
    dropVerdict(this.#database, from, to, relation);
    return 'ok';
  }

  /** As v1 does by its foreign keys, which are not enforced on this connection. */
  #deleteMemory({ id }: DeleteMemory): ApplyOutcome {
    if (this.#database.run(`DELETE FROM patterns WHERE id = ?`, id) === 0) return 'not-found';
    this.#database.run(`DELETE FROM pattern_embeddings WHERE id = ?`, id);
    this.#database.run(`DELETE FROM pattern_links WHERE src_id = ? OR dst_id = ?`, id, id);
    putVector(this.#database, id, '', null);
    dropVerdictsOf(this.#database, id);
    putExpiry(this.#database, id, undefined);
    return 'ok';
  }

  #expireMemory({ id, timestampMs }: ExpireMemory): ApplyOutcome {
    const expiresAtMs = this.get(id)?.expiresAtMs;
    if ((expiresAtMs ?? Infinity) <= timestampMs) {
      return this.#deleteMemory({ type: 'deleteMemory', id, timestampMs });
    }
    // The table may name it all the same, if another program has replaced the memory.
    putExpiry(this.#database, id, expiresAtMs);
    return 'not-found';
  }

  #deleteEdge({ from, to, relation }: DeleteEdge): ApplyOutcome {
    const sql = `DELETE FROM pattern_links WHERE src_id = ? AND dst_id = ? AND relation = ?`;
    dropVerdict(this.#database, from, to, relation);
    return this.#database.run(sql, from, to, relation) === 0 ? 'not-found' : 'ok';
  }

  #isMemory(id: string): boolean {
    return this.#database.get(`SELECT 1 FROM patterns WHERE id = ?`, id) !== undefined;
  }

  /** Not INSERT OR REPLACE: that would delete the row first, and v1's links hang on it. */
  #upsert(table: string, key: string, row: Row): void {
    const columns = Object.keys(row);
    const places = columns.map(() => '?').join(', ');
    const changes = columns.map((column) => `${column} = excluded.${column}`).join(', ');
    this.#database.run(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})
       ON CONFLICT (${key}) DO UPDATE SET ${changes}`,
      ...(Object.values(row) as SqlValue[]),
    );
  }

  forgetOutcomes(index: number): void {
    this.#position.forget(index);
  }

  get(id: string): Memory | undefined {
    if (!isStorableName(id)) return undefined;
    const row = exactRowWhere(this.#database, 'patterns', this.#columns, 'WHERE id = ?', id);
    return row === undefined ? undefined : decodePattern(row).memory;
  }

  edges(id: string): Edge[] {
    if (!isStorableName(id)) return [];
    const rows = this.#database.all(
      `SELECT dst_id, relation, weight FROM pattern_links
       WHERE src_id = ? AND typeof(weight) IN ('real', 'integer') ORDER BY dst_id, relation`,
      id,
    );
    return rows.map(([to, relation, weight]) => {
      return { from: id, to: textOf(to), relation: textOf(relation), weight: Number(weight) };
    });
  }

  /** All of it at once, but before anybody waits: a rollback makes an engine answer that was only fed. */
  async prepareSearch(): Promise<void> {
    await nextTurn();
    const values = new Float32Array(MODEL_DIMENSIONS).fill(1);
    this.#search.search({ text: 'any', vector: { model: MODEL_NAME, values }, limit: 1 });
  }

  search(query: SearchQuery): SearchHit[] {
    return this.#ranked
      .search(withNeededExpiry(this.#database, query))
      .flatMap(({ id, ...ranked }) => {
        const memory = this.get(id);
        if (memory === undefined) return [];
        const { content, metadata } = memory;
        return [{ id, content, metadata, ...ranked }];
      });
  }

  rerankExample(query: SearchQuery, relevant: readonly string[]): TrainingExample {
    return this.#ranked.example(query, relevant);
  }

  list(query: PageQuery): MemoryPage {
    return pageOfMemories(query, (range) => v1MemoriesIn(this.#database, range));
  }

  hasNamespaces(): boolean {
    return hasV1Namespaces(this.#database);
  }

  expired(nowMs: number, limit: number): string[] {
    return expiredIds(this.#database, nowMs, limit);
  }

  counts(): MemoryCounts {
    const tables = v1TablesOf(this.#database);
    const count = (table: string): number =>
      this.#database.number(`SELECT count(*) FROM ${quoteName(table)}`);
    const others = tables.filter((table) => !COUNTED_TABLES.has(table));
    return {
      memories: count('patterns'),
      links: count('pattern_links'),
      trajectories: count('task_trajectories'),
      entries: count('memory_entries'),
      otherRows: others.reduce((sum, table) => sum + count(table), 0),
      quarantined: 0,
      quarantinedMemories: 0,
      quarantinedLinks: 0,
    };
  }

  sync(): void {
    this.#database.syncLog();
  }

  dump(): StoreDump {
    return new StoreDump(this.path, READER);
  }

  restore(records: Iterable<DumpRecord>, appliedIndex: number): void {
    for (const _ of this.restoreInSteps(records, appliedIndex));
  }

  *restoreInSteps(records: Iterable<DumpRecord>, appliedIndex: number): Generator<undefined, void> {
    this.graph.clear();
    yield* this.#database.transactionInSteps(() => this.#restoring(records, appliedIndex));
    this.#appliedIndex = appliedIndex;
    this.#dimensions = Number(this.#position.meta(DIMENSIONS_KEY));
    this.#columns = columnsOf(this.#database, 'patterns');
    this.#search.clear();
    this.graph.clear();
    this.#ranked.clear();
  }

  *#restoring(records: Iterable<DumpRecord>, appliedIndex: number): Generator<undefined, void> {
    const schema: Row[] = [];
    let isRebuilt = false;
    clearBookkeeping(this.#database);
    this.#database.exec(`DELETE FROM ${VECTORS_TABLE}; DELETE FROM ${EXPIRY_TABLE}`);
    for (const record of records) {
      if (record.table === SCHEMA_RECORDS) {
        schema.push(record.row);
      } else if (!restoreBookkeeping(this.#database, record)) {
        if (!isRebuilt) rebuildV1Schema(this.#database, schema);
        isRebuilt = true;
        restoreV1Row(this.#database, record);
      }
      yield;
    }
    if (!isRebuilt) rebuildV1Schema(this.#database, schema);
    finishV1Schema(this.#database, schema);
    this.#position.setAppliedIndex(appliedIndex);
  }

  close(): void {
    this.graph.close();
    this.#database.checkpoint();
    this.#database.close();
  }
}
