/** The v2 store: records and edges in SQLite, vectors searched in memory. */
import { commandProblem, embeddingText } from './command.js';
import type { Database } from './database.js';
import type {
  ApplyOutcome,
  DumpRecord,
  Edge,
  InsertMemory,
  LoggedCommand,
  Memory,
  MemoryCommand,
  MemoryCounts,
  MemoryEngine,
  ModelVector,
  SearchHit,
  SearchQuery,
} from './engine.js';
import { DIMENSIONS_KEY } from './bookkeeping.js';
import { isStorableName } from './exact-row.js';
import { MemoryGraph } from './graph/index.js';
import { LogPosition, placeCommands } from './log-position.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';
import { SearchIndex, type SearchSource } from './search-index.js';
import { type DumpReader, StoreDump } from './store-dump.js';
import { COUNTED_TABLES, OWN_PREFIX } from './v1-schema.js';
import {
  memoryOf,
  openV2File,
  RECORD_COLUMNS,
  v2Edges,
  v2Ids,
  v2Memories,
  v2Quarantined,
  v2Records,
} from './v2-file.js';
import { V2Writer } from './v2-writer.js';
import { vectorOfBytes } from './vector-bytes.js';

/**
 * Opens a v2 store; `create` makes an empty one where none is. Throws `not-found`, `not-a-database`,
 * `newer-version`, `damaged`, `read-only`, `locked`.
 */
export function openV2Engine(path: string, options: { create?: boolean } = {}): V2Engine {
  const database = openV2File(path, options);
  try {
    return new V2Engine(database);
  } catch (error) {
    database.close();
    throw error;
  }
}

const READER: DumpReader = {
  records: v2Records,
  ids: v2Ids,
  memories: v2Memories,
  edges: v2Edges,
  quarantined: v2Quarantined,
};

class V2Source implements SearchSource {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  memoryCount(): number {
    return this.#database.number(`SELECT count(*) FROM records`);
  }

  *texts(): Iterable<readonly [string, string]> {
    for (const { id, content, metadata } of v2Memories(this.#database)) {
      yield [id, embeddingText(content, metadata)];
    }
  }

  *vectors(): Iterable<readonly [string, ModelVector]> {
    const rows = this.#database.iterate(`SELECT id, model, vector FROM vectors`);
    for (const [id, model, bytes] of rows) {
      if (bytes instanceof Uint8Array) {
        yield [String(id), { model: String(model), values: vectorOfBytes(bytes) }];
      }
    }
  }
}

/** See `MemoryEngine`; made by `openV2Engine`. */
export class V2Engine implements MemoryEngine {
  readonly version = 'v2';
  readonly path: string;
  readonly graph: MemoryGraph;
  readonly #database: Database;
  readonly #position: LogPosition;
  readonly #writer: V2Writer;
  readonly #search: SearchIndex;
  #appliedIndex: number;

  constructor(database: Database) {
    this.path = database.path;
    this.#database = database;
    this.#position = new LogPosition(database);
    this.#writer = new V2Writer(database);
    this.#search = new SearchIndex(new V2Source(database));
    this.graph = new MemoryGraph({ dump: () => this.dump(), get: (id) => this.get(id) });
    this.#appliedIndex = this.#position.appliedIndex;
    if (this.#position.meta(DIMENSIONS_KEY) === undefined) {
      this.#position.setMeta(DIMENSIONS_KEY, MODEL_DIMENSIONS);
    }
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  apply(commands: readonly LoggedCommand[], lastIndex: number): ApplyOutcome[] {
    const placed = placeCommands(commands, lastIndex);
    const known = this.#appliedIndex;
    if (lastIndex <= known) {
      return placed.map(({ index, position }) => this.#position.outcome(index, position));
    }
    const inserted: InsertMemory[] = [];
    const edges = (this.#writer.putEdges = [] as Edge[]);
    this.graph.willApply(commands);
    const outcomes = this.#database.transaction(() => {
      const told = placed.map(({ index, position, command }) => {
        if (index <= known) return this.#position.outcome(index, position);
        const outcome = this.#applyOne(command);
        this.#position.record(index, position, outcome);
        if (outcome === 'ok' && command.type === 'insertMemory') inserted.push(command);
        return outcome;
      });
      this.#position.setAppliedIndex(lastIndex);
      return told;
    });
    this.#appliedIndex = lastIndex;
    for (const { id, content, metadata, vector } of inserted) {
      this.#search.put(id, embeddingText(content, metadata), vector);
    }
    this.#writer.putEdges = undefined;
    this.graph.follow(
      inserted.map(({ id }) => id),
      edges,
    );
    return outcomes;
  }

  #applyOne(command: MemoryCommand): ApplyOutcome {
    if (commandProblem(command) !== undefined) return 'invalid';
    return command.type === 'insertMemory'
      ? this.#writer.insertMemory(command)
      : this.#writer.addEdge(command);
  }

  forgetOutcomes(index: number): void {
    this.#position.forget(index);
  }

  get(id: string): Memory | undefined {
    if (!isStorableName(id)) return undefined;
    const row = this.#database.get(`SELECT ${RECORD_COLUMNS} FROM records WHERE id = ?`, id);
    return row === undefined ? undefined : memoryOf(row);
  }

  edges(id: string): Edge[] {
    if (!isStorableName(id)) return [];
    const rows = this.#database.all(
      `SELECT to_id, relation, weight FROM edges WHERE from_id = ? ORDER BY to_id, relation`,
      id,
    );
    return rows.map(([to, relation, weight]) => {
      return { from: id, to: String(to), relation: String(relation), weight: Number(weight) };
    });
  }

  search(query: SearchQuery): SearchHit[] {
    return this.#search.search(query).flatMap(({ id, score, matchedBy }) => {
      const memory = this.get(id);
      if (memory === undefined) return [];
      const { content, metadata } = memory;
      return [{ id, content, metadata, score, matchedBy }];
    });
  }

  counts(): MemoryCounts {
    return countV2(this.#database);
  }

  /** Vectors of texts that this store has embedded, by the SHA-256 of the text in hexadecimal. */
  vectorsByTextHash(
    hashes: readonly string[],
    model: string = MODEL_NAME,
  ): (Float32Array | undefined)[] {
    return hashes.map((hash) => {
      const row = this.#database.get(
        `SELECT vector FROM vectors WHERE text_hash = ? AND model = ? LIMIT 1`,
        hash,
        model,
      );
      return row?.[0] instanceof Uint8Array ? vectorOfBytes(row[0]) : undefined;
    });
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
    this.#search.clear();
    this.graph.clear();
  }

  *#restoring(records: Iterable<DumpRecord>, appliedIndex: number): Generator<undefined, void> {
    this.#writer.clear();
    for (const record of records) {
      this.#writer.addRecord(record);
      yield;
    }
    this.#position.setAppliedIndex(appliedIndex);
  }

  close(): void {
    this.graph.close();
    this.#database.checkpoint();
    this.#database.close();
  }
}

/** Counts the rows of a v2 file. */
export function countV2(database: Database): MemoryCounts {
  const kept = new Map(
    database
      .all(`SELECT table_name, count(*) FROM kept_rows GROUP BY table_name`)
      .map(([table, count]) => [String(table), Number(count)]),
  );
  const refused = (table: string): number =>
    database.number(`SELECT count(*) FROM quarantine WHERE table_name = ?`, table);
  let otherRows = 0;
  for (const [table, count] of kept) {
    if (!COUNTED_TABLES.has(table) && !table.startsWith(OWN_PREFIX)) otherRows += count;
  }
  const quarantinedMemories = refused('patterns');
  const quarantinedLinks = refused('pattern_links');
  return {
    memories: database.number(`SELECT count(*) FROM records`),
    links: database.number(`SELECT count(*) FROM edges`),
    trajectories: kept.get('task_trajectories') ?? 0,
    entries: kept.get('memory_entries') ?? 0,
    otherRows,
    quarantined: quarantinedMemories + quarantinedLinks,
    quarantinedMemories,
    quarantinedLinks,
  };
}
