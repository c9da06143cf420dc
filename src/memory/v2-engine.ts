/** The v2 store: records and edges in SQLite, vectors searched in memory. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type TextLimits, embeddingText } from './command.js';
import type { Database } from './database.js';
import type {
  ApplyOutcome,
  DumpRecord,
  Edge,
  LoggedCommand,
  Memory,
  MemoryCounts,
  MemoryEngine,
  MemoryPage,
  PageQuery,
  SearchHit,
  SearchQuery,
} from './engine.js';
import { DIMENSIONS_KEY } from './bookkeeping.js';
import { isStorableName } from './exact-row.js';
import { expiredIds, withNeededExpiry } from './expiry.js';
import { MemoryGraph } from './graph/index.js';
import { LogPosition } from './log-position.js';
import { putLogPath } from './put-log-path.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';
import { isDamage, isOperational, MemoryError } from './errors.js';
import type { GraphVectorIndex } from './graph-vector-index.js';
import { detectSimd, type Rung } from './index/rung.js';
import { pageOfMemories } from './memory-pages.js';
import { Pace } from './pace.js';
import { type RankedHit, RankedSearch } from './ranked-search.js';
import type { TrainingExample } from './rerank/training-example.js';
import { SearchIndex, type SearchSource } from './search-index.js';
import { finish } from './steps.js';
import { type DumpReader, StoreDump } from './store-dump.js';
import {
  countV2,
  hasV2Namespaces,
  memoryOf,
  openV2File,
  RECORD_COLUMNS,
  v2Edges,
  v2Ids,
  v2Memories,
  v2MemoriesIn,
  v2Quarantined,
  v2Records,
  VECTORS_BY_TEXT,
} from './v2-file.js';
import { V2Writer } from './v2-writer.js';
import { emptyGraphIndexes, type GraphIndexes, loadVectors, vectorOf } from './v2-vectors.js';
import type { TextIndex } from './text/text-index.js';
import { TextSnapshot } from './text-snapshot.js';
import { vectorOfBytes } from './vector-bytes.js';
import { VectorJournal } from './vector-journal.js';
import { type SnapshotLabel, VectorSnapshots } from './vector-snapshots.js';
import { settledGraphs, type SettledGraph, VectorUpkeep } from './vector-upkeep.js';
import { isMuch } from './cache-file.js';

/**
 * Opens a v2 store; `create` makes an empty one where none is. Throws `not-found`, `not-a-database`,
 * `newer-version`, `damaged`, `read-only`, `locked`; `invalid` where the environment asks for a build
 * of the vector index that is not there, and for a file of which a crash left puts in their log.
 */
export function openV2Engine(path: string, options: { create?: boolean } = {}): V2Engine {
  if (existsSync(putLogPath(path))) {
    const sentence = `${putLogPath(path)} may have records that ${path} has not; open it as a store once`;
    throw new MemoryError('invalid', sentence, path);
  }
  const database = openV2File(path, options);
  try {
    // Peers ask a node for vectors by their texts; a store has nobody who does.
    database.exec(VECTORS_BY_TEXT);
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

interface SourceParts {
  readonly database: Database;
  readonly journal: VectorJournal;
  readonly snapshots: VectorSnapshots;
  readonly appliedIndex: () => number;
  readonly texts: TextSnapshot | undefined;
}

class V2Source implements SearchSource<GraphVectorIndex> {
  readonly #database: Database;
  readonly #from: SourceParts;

  constructor(from: SourceParts) {
    this.#database = from.database;
    this.#from = from;
  }

  memoryCount(): number {
    return this.#database.number(`SELECT count(*) FROM records`);
  }

  *texts(): Iterable<readonly [string, string]> {
    for (const { id, content, metadata } of v2Memories(this.#database)) {
      yield [id, embeddingText(content, metadata)];
    }
  }

  keptWords(): TextIndex | undefined {
    return this.#from.texts?.open();
  }

  filtered(): Iterable<Memory> {
    return v2Memories(this.#database);
  }

  emptyIndexes(): GraphIndexes {
    return emptyGraphIndexes(dirname(this.#database.path));
  }

  loadVectors(indexes: GraphIndexes): Generator<undefined, void> {
    const { database, journal, snapshots, appliedIndex } = this.#from;
    return loadVectors(database, journal, snapshots, indexes, appliedIndex);
  }
}

/** What an owner of the file wants of the engine. */
export interface V2Hooks {
  /** Keeps the index of words in a file when it is closed. */
  readonly keepsTextIndex?: boolean;
  /** Longest texts that it takes; those of a swarm's command unless given. */
  readonly texts?: TextLimits;
  /** In the transaction of a batch: the commands that changed something, and the index that it moves to. */
  readonly beforeCommit?: (changes: readonly LoggedCommand[], lastIndex: number) => void;
}

/** See `MemoryEngine`; made by `openV2Engine`. */
export class V2Engine implements MemoryEngine {
  readonly version = 'v2';
  readonly path: string;
  readonly graph: MemoryGraph;
  readonly #hooks: V2Hooks;
  readonly #database: Database;
  readonly #position: LogPosition;
  readonly #writer: V2Writer;
  readonly #journal: VectorJournal;
  readonly #snapshots: VectorSnapshots;
  readonly #texts: TextSnapshot | undefined;
  readonly #search: SearchIndex<GraphVectorIndex>;
  readonly #ranked: RankedSearch;
  readonly #upkeep: VectorUpkeep;
  #appliedIndex: number;
  /** Not while another content is put in, and not after the end. */
  #canLoad = true;

  constructor(database: Database, hooks: V2Hooks = {}) {
    this.#hooks = hooks;
    this.path = database.path;
    this.#database = database;
    database.checkpointElsewhere();
    this.#position = new LogPosition(database);
    this.#writer = new V2Writer(database);
    // A build of the graph that is asked for and not there is told now, not in the middle of a log.
    detectSimd();
    this.#journal = new VectorJournal(database);
    this.#snapshots = new VectorSnapshots(this.path);
    const appliedIndex = (): number => this.#appliedIndex;
    const textOf = (id: string): string | undefined => {
      const memory = this.get(id);
      return memory === undefined ? undefined : embeddingText(memory.content, memory.metadata);
    };
    if (hooks.keepsTextIndex === true) {
      const [position, journal] = [this.#position, this.#journal];
      const memoryCount = (): number => this.counts().memories;
      const source = { storePath: this.path, position, journal, appliedIndex, memoryCount, textOf };
      this.#texts = new TextSnapshot(source);
    }
    this.#search = new SearchIndex(
      new V2Source({
        database,
        journal: this.#journal,
        snapshots: this.#snapshots,
        appliedIndex,
        texts: this.#texts,
      }),
    );
    this.#ranked = new RankedSearch({
      search: (query) => this.#search.search(query),
      appliedIndex,
      textOf: (id) => textOf(id) ?? '',
      rerankFrom: {
        vectorOf: (id) => vectorOf(database, id),
        around: (...asked) => this.graph.aroundNow(...asked),
      },
    });
    this.#upkeep = new VectorUpkeep({
      indexes: () => this.#search.vectors,
      appliedIndex,
      save: async (graph, index, signal) => {
        await this.#snapshots.saveInPieces(graph.graph, this.#label(graph, index), signal);
      },
      onSaved: (index) => this.#forgetChanges(index),
      onDamaged: () => this.#dropVectors(),
    });
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
    const known = this.#appliedIndex;
    const graphChanges = this.#writer.beginChanges();
    if (lastIndex > known) this.graph.willApply(commands);
    const { outcomes, changes } = this.#position.apply(
      { commands, known, lastIndex },
      {
        texts: this.#hooks.texts,
        applyOne: (command) => this.#writer.apply(command),
        beforeCommit: (written) => {
          for (const { index, command } of written) {
            if ('id' in command) this.#journal.record(command.id, index);
          }
          this.#journal.setIndex(lastIndex);
          this.#hooks.beforeCommit?.(written, lastIndex);
        },
      },
    );
    this.#appliedIndex = Math.max(known, lastIndex);
    for (const { command } of changes) this.#search.follow(command);
    this.#upkeep.wake(changes.filter(({ command }) => 'id' in command).length);
    this.graph.follow(graphChanges);
    return outcomes;
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

  async prepareSearch(): Promise<void> {
    const pace = new Pace();
    while (this.#canLoad && this.#search.loadNext()) if (pace.isDue) await pace.pause();
    if (this.#canLoad) this.#wakeAfterLoading();
  }

  search(query: SearchQuery): SearchHit[] {
    const wasReady = this.#search.vectors !== undefined;
    const hits = this.#searchIndex(withNeededExpiry(this.#database, query));
    if (!wasReady) this.#wakeAfterLoading();
    return hits.flatMap(({ id, ...ranked }) => {
      const memory = this.get(id);
      if (memory === undefined) return [];
      const { content, metadata } = memory;
      return [{ id, content, metadata, ...ranked }];
    });
  }

  /** A snapshot is checked as it is used: a damaged one is left, and the store is read instead. */
  #searchIndex(query: SearchQuery): readonly RankedHit[] {
    try {
      return this.#ranked.search(query);
    } catch (error) {
      const indexes = [...(this.#search.vectors?.entries() ?? [])];
      if (!indexes.some(([, index]) => index.isDamaged)) throw error;
      this.#dropVectors();
      return this.#ranked.search(query);
    }
  }

  /** The next search reads the vectors from the rows of the store. */
  #dropVectors(): void {
    this.#closeVectors(false);
    this.#snapshots.discard();
    this.#canLoad = true;
    this.#upkeep.restart();
  }

  rerankExample(query: SearchQuery, relevant: readonly string[]): TrainingExample {
    return this.#ranked.example(query, relevant);
  }

  list(query: PageQuery): MemoryPage {
    return pageOfMemories(query, (range) => v2MemoriesIn(this.#database, range));
  }

  hasNamespaces(): boolean {
    return hasV2Namespaces(this.#database);
  }

  expired(nowMs: number, limit: number): string[] {
    return expiredIds(this.#database, nowMs, limit);
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

  /**
   * Vectors that a search compares one by one and vectors that it finds by a graph, with the build of
   * the graph; undefined before the first search.
   */
  vectorCounts(): { scanned: number; linked: number; rung: Rung } | undefined {
    const { vectors } = this.#search;
    if (vectors === undefined) return undefined;
    const all = [...vectors.entries()].map(([, index]) => index.counts());
    const sum = (name: 'scanned' | 'linked'): number =>
      all.reduce((total, counts) => total + counts[name], 0);
    return { scanned: sum('scanned'), linked: sum('linked'), rung: detectSimd().rung };
  }

  /** What a snapshot did not have has changed since. */
  #wakeAfterLoading(): void {
    const { vectors } = this.#search;
    if (vectors === undefined) return;
    this.#upkeep.wake(this.#journal.changedSince(0).length);
  }

  #label({ key }: SettledGraph, appliedIndex: number): SnapshotLabel {
    return { store: this.#journal.store, key, appliedIndex };
  }

  /** Lets go of the vectors, after a last snapshot where one is due. */
  #closeVectors(isSnapshotWanted: boolean): void {
    this.#canLoad = false;
    this.#upkeep.stop();
    const { vectors } = this.#search;
    try {
      if (vectors !== undefined && isSnapshotWanted) this.#saveNow(vectors);
    } catch (error) {
      // It is a cache: without it the next start takes longer.
      if (!isOperational(error)) throw error;
      if (isDamage(error)) this.#snapshots.discard();
    } finally {
      if (vectors !== undefined) for (const [, index] of vectors.entries()) index.close();
      this.#search.clear();
    }
  }

  #saveNow(vectors: GraphIndexes): void {
    if (!isMuch(this.#upkeep.changes, vectors.size)) return;
    for (const [, index] of vectors.entries()) {
      index.settle();
      if (!index.isSettled) return;
    }
    const index = this.#appliedIndex;
    for (const graph of settledGraphs(vectors)) {
      this.#snapshots.save(graph.graph, this.#label(graph, index));
    }
    finish(this.#forgetChanges(index));
  }

  #forgetChanges(index: number): Generator<undefined, void> {
    return this.#journal.forget(this.#texts?.forgettable(index) ?? index);
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
    this.#closeVectors(false);
    try {
      yield* this.#database.transactionInSteps(() => this.#restoring(records, appliedIndex));
      this.#appliedIndex = appliedIndex;
      this.#snapshots.discard();
      this.graph.clear();
      this.#ranked.clear();
    } finally {
      this.#canLoad = true;
      this.#upkeep.restart();
    }
  }

  *#restoring(records: Iterable<DumpRecord>, appliedIndex: number): Generator<undefined, void> {
    this.#writer.clear();
    for (const record of records) {
      this.#writer.addRecord(record);
      yield;
    }
    this.#position.setAppliedIndex(appliedIndex);
    this.#journal.begin(appliedIndex);
  }

  close(): void {
    const { words } = this.#search;
    if (this.#canLoad && words !== undefined) this.#texts?.save(words);
    this.#closeVectors(this.#canLoad);
    this.graph.close();
    this.#database.checkpoint();
    this.#database.close();
  }
}
