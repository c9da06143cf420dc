/** The file of a v2 store: its tables, what goes into them, and what comes out in a dump. */
import {
  createBookkeeping,
  DIMENSIONS_KEY,
  dumpBookkeeping,
  SCHEMA_RECORDS,
} from './bookkeeping.js';
import { Database } from './database.js';
import type {
  DumpRecord,
  Edge,
  InsertMemory,
  JsonObject,
  Memory,
  MemoryCounts,
  ModelVector,
} from './engine.js';
import { MemoryError } from './errors.js';
import { textOf, unpackRow } from './exact-row.js';
import { createExpiry, isExpiry } from './expiry.js';
import { LogPosition } from './log-position.js';
import { type IdRange, namespacesClause, rangeClause } from './memory-pages.js';
import type { QuarantineReason } from './quarantine.js';
import type { QuarantinedRow } from './store-dump.js';
import { embeddingRow, linkRow, patternRow } from './v1-pattern.js';
import { COUNTED_TABLES, OWN_PREFIX } from './v1-schema.js';
import { vectorOfBytes } from './vector-bytes.js';

/** `PRAGMA application_id` of our files: "AFv2". */
const APPLICATION_ID = 0x41467632;
/** Version of the tables below, in `PRAGMA user_version`. */
const FORMAT_VERSION = 1;

const TABLES = `
  -- body: JSON of [content, metadata] or [content, metadata, time of expiry], since SQLite's text
  -- cannot hold every string.
  -- v1_row: the row of v1 as it was, until a command replaces the memory.
  CREATE TABLE records (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL, unparsable INTEGER NOT NULL, v1_row BLOB);
  CREATE TABLE vectors (id TEXT PRIMARY KEY, model TEXT NOT NULL, text_hash TEXT NOT NULL,
    vector BLOB NOT NULL);
  CREATE TABLE edges (seq INTEGER PRIMARY KEY, from_id TEXT NOT NULL, to_id TEXT NOT NULL,
    relation TEXT NOT NULL, weight REAL NOT NULL, created_at_ms INTEGER NOT NULL, v1_row BLOB,
    UNIQUE (from_id, to_id, relation));
  -- Rows of v1 that are neither memory nor link: trajectories, entries, runs, metrics, raw embeddings.
  CREATE TABLE kept_rows (seq INTEGER PRIMARY KEY, table_name TEXT NOT NULL, row_key TEXT NOT NULL,
    row BLOB NOT NULL);
  CREATE INDEX kept_rows_by_key ON kept_rows (table_name, row_key);
  CREATE TABLE quarantine (seq INTEGER PRIMARY KEY, table_name TEXT NOT NULL, reason TEXT NOT NULL,
    from_id TEXT, to_id TEXT, relation TEXT, row BLOB NOT NULL);
  CREATE INDEX quarantine_by_from ON quarantine (from_id);
  CREATE INDEX quarantine_by_to ON quarantine (to_id);`;

/** An index that costs an insert a page of its own: hashes have no order. */
const VECTORS_BY_TEXT_NAME = 'vectors_by_text';
export const VECTORS_BY_TEXT = `CREATE INDEX IF NOT EXISTS ${VECTORS_BY_TEXT_NAME} ON vectors (text_hash)`;
export const NO_VECTORS_BY_TEXT = `DROP INDEX IF EXISTS ${VECTORS_BY_TEXT_NAME}`;

/** How a v2 file is opened. */
export interface V2FileOptions {
  readonly create?: boolean;
  /** Makes a new file of which free pages can be given back in steps. */
  readonly shrinks?: boolean;
}

/** Opens or creates a v2 file. Throws `not-a-database`, `newer-version` and what `Database.open` does. */
export function openV2File(path: string, options: V2FileOptions = {}): Database {
  const database = Database.open(path, { create: options.create ?? false });
  try {
    const tables = database.number(`SELECT count(*) FROM sqlite_schema`);
    if (tables === 0 && options.create === true) {
      // Before the first page is written: later it takes a VACUUM.
      if (options.shrinks === true) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
      database.useWriteAheadLog();
      createTables(database);
    } else {
      checkFormat(database);
      database.useWriteAheadLog();
    }
    // Stores of releases before do not have these.
    database.exec(`CREATE INDEX IF NOT EXISTS edges_by_to ON edges (to_id)`);
    createExpiry(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function createTables(database: Database): void {
  database.transaction(() => {
    database.exec(TABLES);
    database.exec(VECTORS_BY_TEXT);
    createBookkeeping(database);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec(`PRAGMA user_version = ${FORMAT_VERSION}`);
  });
}

/** Throws `not-a-database` and `newer-version`. */
export function checkFormat(database: Database): void {
  const { path } = database;
  if (database.number('PRAGMA application_id') !== APPLICATION_ID) {
    const sentence = `${path} is no memory store of agentic-flow 2; check the path`;
    throw new MemoryError('not-a-database', sentence, path);
  }
  const version = database.number('PRAGMA user_version');
  if (version > FORMAT_VERSION) {
    const sentence = `${path} has format ${version}, this release reads up to ${FORMAT_VERSION}; upgrade this node`;
    throw new MemoryError('newer-version', sentence, path);
  }
}

/** Columns of `records` in the order that `memoryOf` reads them. */
export const RECORD_COLUMNS = 'id, body, created_at_ms';

/** Throws `damaged` where bits have changed that SQLite does not check. */
export function memoryOf(row: readonly unknown[]): Memory {
  const [id, body, createdAtMs] = row;
  const parts = contentOf(body);
  if (parts === undefined) {
    const sentence = `the memory ${JSON.stringify(id)} is damaged; repair the store or restore it`;
    throw new MemoryError('damaged', sentence);
  }
  const [content, metadata, expiresAtMs] = parts;
  const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
  return { id: String(id), content, metadata, createdAtMs: Number(createdAtMs), ...expiry };
}

/** Content, metadata and expiry of a memory's body; undefined if it holds no memory. */
export function contentOf(
  body: unknown,
): readonly [content: string, metadata: JsonObject, expiresAtMs?: number] | undefined {
  if (typeof body !== 'string') return undefined;
  try {
    const [content, metadata, expiresAtMs] = JSON.parse(body) as readonly unknown[];
    const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
    if (typeof content !== 'string' || !isObject) return undefined;
    if (isExpiry(expiresAtMs)) return [content, metadata as JsonObject, expiresAtMs];
    if (expiresAtMs === undefined) return [content, metadata as JsonObject];
  } catch {
    // Neither JSON nor a list.
  }
  return undefined;
}

/** What of a memory is in its body. */
type MemoryBody = Pick<InsertMemory, 'content' | 'metadata' | 'expiresAtMs'>;

/** A memory's body as it is stored. */
export function bodyOf({ content, metadata, expiresAtMs }: MemoryBody): string {
  return JSON.stringify([content, metadata, ...(expiresAtMs === undefined ? [] : [expiresAtMs])]);
}

/** All of a v2 store as the records of a v1 file: bookkeeping, memories, links, the rest. */
export function* v2Records(database: Database): IterableIterator<DumpRecord> {
  yield* keptRecords(database, `table_name = '${SCHEMA_RECORDS}'`);
  yield* dumpBookkeeping(database);
  yield* patternRecords(database);
  yield* linkRecords(database);
  yield* keptRecords(database, `table_name <> '${SCHEMA_RECORDS}'`);
  yield* embeddingRecords(database);
}

function* keptRecords(database: Database, where: string): IterableIterator<DumpRecord> {
  const rows = database.iterate(
    `SELECT table_name, row FROM kept_rows WHERE ${where} ORDER BY seq`,
  );
  for (const [table, row = null] of rows) yield { table: String(table), row: unpackRow(row) };
}

function* patternRecords(database: Database): IterableIterator<DumpRecord> {
  const rows = database.iterate(
    `SELECT r.id, r.body, r.created_at_ms, r.v1_row, v.model, v.vector
     FROM records r LEFT JOIN vectors v ON v.id = r.id ORDER BY r.seq`,
  );
  for (const [id, body, createdAtMs, v1Row = null, model, bytes] of rows) {
    const memory = memoryOf([id, body, createdAtMs]);
    const row = v1Row === null ? patternOf(memory) : unpackRow(v1Row);
    if (bytes instanceof Uint8Array) {
      const vector = { model: String(model), values: vectorOfBytes(bytes) };
      yield { table: 'patterns', row, vector };
    } else {
      yield { table: 'patterns', row };
    }
  }
  for (const { table, row } of v2Quarantined(database))
    if (table === 'patterns') yield { table, row };
}

function patternOf({ createdAtMs, ...memory }: Memory): DumpRecord['row'] {
  return patternRow({ ...memory, timestampMs: createdAtMs });
}

function* linkRecords(database: Database): IterableIterator<DumpRecord> {
  const table = 'pattern_links';
  const rows = database.iterate(
    `SELECT from_id, to_id, relation, weight, created_at_ms, v1_row FROM edges ORDER BY seq`,
  );
  for (const [from, to, relation, weight, createdAtMs, v1Row = null] of rows) {
    const generated = (): DumpRecord['row'] =>
      linkRow(String(from), String(to), String(relation), Number(weight), Number(createdAtMs));
    yield { table, row: v1Row === null ? generated() : unpackRow(v1Row) };
  }
  for (const refused of v2Quarantined(database)) {
    if (refused.table === table) yield { table, row: refused.row };
  }
}

/** The rows of `pattern_embeddings` that a v1 engine would have written for inserted memories. */
function* embeddingRecords(database: Database): IterableIterator<DumpRecord> {
  const dimensions = Number(new LogPosition(database).meta(DIMENSIONS_KEY));
  const rows = database.iterate(
    `SELECT r.id, r.body, r.created_at_ms, v.model, v.vector
     FROM records r LEFT JOIN vectors v ON v.id = r.id WHERE r.v1_row IS NULL ORDER BY r.seq`,
  );
  for (const [id, body, createdAtMs, model, bytes] of rows) {
    const memory = memoryOf([id, body, createdAtMs]);
    const vector: ModelVector | null =
      bytes instanceof Uint8Array ? { model: String(model), values: vectorOfBytes(bytes) } : null;
    const command = { ...memory, vector, timestampMs: memory.createdAtMs };
    yield {
      table: 'pattern_embeddings',
      row: embeddingRow(command, patternOf(memory), dimensions),
    };
  }
}

export function* v2Ids(database: Database): IterableIterator<string> {
  for (const [id] of database.iterate(`SELECT id FROM records`)) yield String(id);
}

export function* v2Memories(database: Database): IterableIterator<Memory> {
  for (const row of database.iterate(`SELECT ${RECORD_COLUMNS} FROM records ORDER BY seq`)) {
    yield memoryOf(row);
  }
}

/** Memories in the order of their ids. */
export function* v2MemoriesIn(database: Database, range: IdRange): IterableIterator<Memory> {
  const [tail, ...values] = rangeClause(range);
  const rows = database.iterate(`SELECT ${RECORD_COLUMNS} FROM records ${tail}`, ...values);
  for (const row of rows) yield memoryOf(row);
}

/** False if each memory is of the default namespace, but for odd ids. */
export function hasV2Namespaces(database: Database): boolean {
  const [tail, ...values] = namespacesClause();
  return database.get(`SELECT 1 FROM records ${tail}`, ...values) !== undefined;
}

export function* v2Edges(database: Database): IterableIterator<Edge> {
  const rows = database.iterate(`SELECT from_id, to_id, relation, weight FROM edges ORDER BY seq`);
  for (const [from, to, relation, weight] of rows) {
    yield {
      from: String(from),
      to: String(to),
      relation: String(relation),
      weight: Number(weight),
    };
  }
}

export function* v2Quarantined(database: Database): IterableIterator<QuarantinedRow> {
  const rows = database.iterate(`SELECT table_name, reason, row FROM quarantine ORDER BY seq`);
  for (const [table, reason, row = null] of rows) {
    yield {
      table: String(table),
      reason: textOf(reason) as QuarantineReason,
      row: unpackRow(row),
    };
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
