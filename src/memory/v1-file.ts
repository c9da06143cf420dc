/** Recognises a v1 file by its columns, prepares it to follow the log, and reads and writes its rows. */
import {
  addVerdict,
  createBookkeeping,
  DIMENSIONS_KEY,
  dumpBookkeeping,
  SCHEMA_RECORDS,
} from './bookkeeping.js';
import { embeddingText, textHash } from './command.js';
import type { Database } from './database.js';
import type { DumpRecord, Edge, Memory, ModelVector } from './engine.js';
import { MemoryError, memoryError } from './errors.js';
import {
  columnsOf,
  exactRows,
  insertExactRow,
  isStorableName,
  quoteName,
  type Row,
  textOf,
  TEXT_BYTES_KEY,
} from './exact-row.js';
import { VECTOR_DIMENSIONS_MAX } from './limits.js';
import { createExpiry, putExpiry } from './expiry.js';
import { LogPosition } from './log-position.js';
import { type IdRange, namespacesClause, rangeClause } from './memory-pages.js';
import { MODEL_DIMENSIONS } from './model.js';
import { poisonedLinks } from './poisoned-links.js';
import { decodePattern } from './v1-pattern.js';
import { OWN_PREFIX, V1_INDEXES, V1_TABLES } from './v1-schema.js';
import { vectorOfBytes } from './vector-bytes.js';

/** Vectors that came with commands; the only ones in a v1 file whose origin is known. */
export const VECTORS_TABLE = 'agentic_flow_vectors';
const PREPARED_KEY = 'v1_prepared';

/** Tables of a file with rows of their own: no views, no virtual tables, none of SQLite's or ours. */
export function v1TablesOf(database: Database): string[] {
  const found = database
    .all(`SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'`)
    .map(([name]) => String(name))
    .filter((name) => !name.startsWith('sqlite_') && !name.startsWith(OWN_PREFIX))
    .sort();
  const canonical = V1_TABLES.map(({ name }) => name).filter((name) => found.includes(name));
  return [...canonical, ...found.filter((name) => !canonical.includes(name))];
}

/**
 * Throws `not-a-database` if the file holds no v1 memory, `invalid` if a table of that name has
 * another shape, `damaged` if it cannot be read. Writes nothing.
 */
export function recogniseV1(database: Database): void {
  const tables = v1TablesOf(database);
  const { path } = database;
  if (!tables.includes('patterns') && !tables.includes('memory_entries')) {
    const what = tables.length === 0 ? 'holds no table' : 'holds no memory of agentic-flow v1';
    throw new MemoryError('not-a-database', `${path} ${what}; check the path`, path);
  }
  for (const { name, columns } of V1_TABLES) {
    if (!tables.includes(name)) continue;
    const present = columnsOf(database, name);
    const missing = columns.filter((column) => !present.includes(column));
    if (missing.length > 0) {
      const sentence = `${path} has a table ${name} without ${missing.join(', ')}; this release reads schema A`;
      throw new MemoryError('invalid', sentence, path);
    }
  }
}

/** Adds what is missing: v1's own tables, our bookkeeping, and once the verdicts on poisoned links. */
export function prepareV1(database: Database): void {
  database.transaction(() => {
    createMissingTables(database);
    createBookkeeping(database);
    createExpiry(database);
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${VECTORS_TABLE} (id TEXT PRIMARY KEY, model TEXT NOT NULL,
         text_hash TEXT NOT NULL, vector BLOB NOT NULL)`,
    );
    const position = new LogPosition(database);
    if (position.meta(PREPARED_KEY) !== undefined) return;
    position.setMeta(DIMENSIONS_KEY, embeddingDimensions(database));
    for (const [from, to, relation] of poisonedLinks(database)) {
      addVerdict(database, from, to, relation);
    }
    position.setMeta(PREPARED_KEY, 1);
  });
}

/** Adds the tables of schema A that a file has not. */
export function createMissingTables(database: Database): void {
  const present = v1TablesOf(database);
  for (const { name, sql } of V1_TABLES) {
    if (present.includes(name)) continue;
    database.exec(sql);
    for (const index of V1_INDEXES) if (index.includes(` ON ${name}(`)) database.exec(index);
  }
}

/** Dimensions of most embeddings, so that v1, which throws on a mixture, meets no new length. */
export function embeddingDimensions(database: Database): number {
  const row = database.get(
    `SELECT length(vector) / 4 FROM pattern_embeddings
     WHERE typeof(vector) = 'blob' AND length(vector) > 0 AND length(vector) % 4 = 0
       AND length(vector) / 4 <= ?
     GROUP BY length(vector) ORDER BY count(*) DESC, length(vector) LIMIT 1`,
    VECTOR_DIMENSIONS_MAX,
  );
  return Number(row?.[0] ?? MODEL_DIMENSIONS);
}

/** All of a v1 file as dump records: bookkeeping, memories, links, the rest. */
export function* v1Records(database: Database): IterableIterator<DumpRecord> {
  yield* schemaRecords(database);
  yield* dumpBookkeeping(database);
  for (const { row, vector } of patternsWithVector(database)) {
    yield vector === undefined ? { table: 'patterns', row } : { table: 'patterns', row, vector };
  }
  const rest = v1TablesOf(database).filter((t) => t !== 'patterns' && t !== 'pattern_links');
  for (const table of ['pattern_links', ...rest]) {
    for (const row of exactRows(database, table, columnsOf(database, table))) yield { table, row };
  }
  for (const row of sequenceRows(database)) yield { table: 'sqlite_sequence', row };
}

function* schemaRecords(database: Database): IterableIterator<DumpRecord> {
  const tables = new Set(v1TablesOf(database));
  const objects = database.all(
    `SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid`,
  );
  for (const [type = null, name = null, table = null, sql = null] of objects) {
    if (type === 'view' || !tables.has(String(table))) continue;
    yield { table: SCHEMA_RECORDS, row: { type, name, sql } };
  }
}

/** The highest ids ever given away, for tables of v1 only. */
function* sequenceRows(database: Database): IterableIterator<Row> {
  const exists = database.get(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'`);
  if (exists === undefined) return;
  const rows = database.all(`SELECT name, seq FROM sqlite_sequence ORDER BY name`);
  for (const [name = null, seq = null] of rows) {
    if (!String(name).startsWith(OWN_PREFIX)) yield { name, seq };
  }
}

/** Rows of `patterns`, each with the vector of its command if it still fits the text. */
export function* patternsWithVector(
  database: Database,
): IterableIterator<{ readonly row: Row; readonly vector?: ModelVector }> {
  const ours = database.number(`SELECT count(*) FROM ${VECTORS_TABLE}`);
  for (const row of exactRows(database, 'patterns', columnsOf(database, 'patterns'))) {
    const vector = ours === 0 ? null : v1Vector(database, decodePattern(row).memory);
    yield vector === null ? { row } : { row, vector };
  }
}

/** The vector that we keep of a memory, null where there is none. */
export function v1Vector(
  database: Database,
  { id, content, metadata }: Memory,
): ModelVector | null {
  const sql = `SELECT model, text_hash, vector FROM ${VECTORS_TABLE} WHERE id = ?`;
  const [model, hash, bytes] = database.get(sql, id) ?? [];
  if (!(bytes instanceof Uint8Array)) return null;
  // Another program may have replaced the memory since; then the vector is not its.
  if (hash !== textHash(embeddingText(content, metadata))) return null;
  return { model: String(model), values: vectorOfBytes(bytes) };
}

export function* v1Ids(database: Database): IterableIterator<string> {
  for (const row of exactRows(database, 'patterns', ['id'])) yield textOf(row['id']);
}

export function* v1Memories(database: Database): IterableIterator<Memory> {
  for (const row of exactRows(database, 'patterns', columnsOf(database, 'patterns'))) {
    yield decodePattern(row).memory;
  }
}

/** Memories in the order of their ids; not those whose id nobody can name. */
export function* v1MemoriesIn(database: Database, range: IdRange): IterableIterator<Memory> {
  const [tail, ...values] = rangeClause(range);
  const nameable = tail.replace('WHERE', `WHERE typeof(id) = 'text' AND`);
  const columns = columnsOf(database, 'patterns');
  for (const row of exactRows(database, 'patterns', columns, nameable, ...values)) {
    const { id } = row;
    if (typeof id === 'string' && isStorableName(id)) yield decodePattern(row).memory;
  }
}

/** False if each memory is of the default namespace, but for odd ids. */
export function hasV1Namespaces(database: Database): boolean {
  const [tail, ...values] = namespacesClause();
  return database.get(`SELECT 1 FROM patterns ${tail}`, ...values) !== undefined;
}

export function* v1Edges(database: Database): IterableIterator<Edge> {
  for (const row of exactRows(database, 'pattern_links', columnsOf(database, 'pattern_links'))) {
    yield edgeOfRow(row);
  }
}

/** A link as a user reads it; a weight that is no number is NaN. */
export function edgeOfRow(row: Row): Edge {
  return {
    from: textOf(row['src_id']),
    to: textOf(row['dst_id']),
    relation: textOf(row['relation']),
    weight: Number(row['weight']),
  };
}

/** Drops everything of v1 in the file and builds it anew from the schema of a dump. */
export function rebuildV1Schema(database: Database, schema: readonly Row[]): void {
  for (const table of v1TablesOf(database)) database.exec(`DROP TABLE ${quoteName(table)}`);
  const creations = schema.map((row) => {
    const [type, sql] = [textOf(row['type']), textOf(row['sql'])];
    if (!/^CREATE\s+(TABLE|(UNIQUE\s+)?INDEX|TRIGGER)\s/i.test(sql)) {
      throw memoryError('invalid', database.path, new Error(`dump holds the schema ${sql}`));
    }
    return { type, sql };
  });
  for (const { type, sql } of creations) if (type === 'table') database.exec(sql);
  createMissingTables(database);
  // Indexes are cheaper to build over all rows, and triggers must not fire on restored ones.
}

/** The second half of `rebuildV1Schema`, after the rows are in. */
export function finishV1Schema(database: Database, schema: readonly Row[]): void {
  for (const row of schema) {
    if (textOf(row['type']) === 'table') continue;
    const exists = database.get(`SELECT 1 FROM sqlite_schema WHERE name = ?`, textOf(row['name']));
    if (exists === undefined) database.exec(textOf(row['sql']));
  }
}

/** Writes one row of a dump into the v1 file. */
export function restoreV1Row(database: Database, { table, row, vector }: DumpRecord): void {
  if (table === 'sqlite_sequence') {
    const [name, seq] = [row['name'] ?? null, row['seq'] ?? null];
    database.run(`DELETE FROM sqlite_sequence WHERE name = ?`, name);
    database.run(`INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)`, name, seq);
    return;
  }
  insertExactRow(database, table, row);
  const text = table === 'patterns' ? row['pattern_data'] : undefined;
  if (typeof text === 'string' && text.includes('"expires_at_ms":')) {
    putExpiry(database, textOf(row['id']), decodePattern(row).memory.expiresAtMs);
  }
  if (vector === undefined || table !== 'patterns' || row[TEXT_BYTES_KEY] !== undefined) return;
  const { id, content, metadata } = decodePattern(row).memory;
  putVector(database, id, textHash(embeddingText(content, metadata)), vector);
}

/** Remembers the vector of a memory, or that it has none. */
export function putVector(
  database: Database,
  id: string,
  hash: string,
  vector: ModelVector | null,
): void {
  if (vector === null) {
    database.run(`DELETE FROM ${VECTORS_TABLE} WHERE id = ?`, id);
    return;
  }
  const { buffer, byteOffset, byteLength } = vector.values;
  database.run(
    `INSERT OR REPLACE INTO ${VECTORS_TABLE} VALUES (?, ?, ?, ?)`,
    id,
    vector.model,
    hash,
    new Uint8Array(buffer, byteOffset, byteLength),
  );
}
