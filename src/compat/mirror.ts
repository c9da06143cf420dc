/**
 * Writes of a project that runs side by side, as v1 would have made them: `.swarm/memory.db` gets them
 * in a transaction of its own, which is committed when the v2 store has them.
 *
 * What v1 keeps there: patterns with embeddings and links, trajectories, runs, metrics, and key-value entries.
 * The rest (agentdb, hive, hub) lives in files that v2 does not write.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Database, type SqlValue } from '../memory/database.js';
import type { InsertMemory, JsonObject, JsonValue } from '../memory/engine.js';
import { columnsOf } from '../memory/exact-row.js';
import { DEFAULT_NAMESPACE } from '../memory/memory-key.js';
import type { LinkOperation, Operation, PutOperation } from '../memory/store/operations.js';
import { placeOf, type StoreRecord } from '../memory/store/records.js';
import {
  createMissingTables,
  embeddingDimensions,
  recogniseV1,
  v1TablesOf,
} from '../memory/v1-file.js';
import { embeddingRow } from '../memory/v1-pattern.js';
import { CompatError } from './errors.js';
import { patternOf } from './layout/patterns.js';
import { Table } from './layout/table.js';
import {
  CONSOLIDATION_RUNS,
  MATTS_RUNS,
  METRICS_LOG,
  type TableLayout,
  TRAJECTORIES,
} from './layout/tables.js';
import { seconds, sqliteTime } from './layout/times.js';
import type { ProjectPlaces } from './places.js';
import type { Mirror, MirrorWrite } from './session.js';

const TABLES: ReadonlyMap<string, { table: string; key: string; layout: TableLayout }> = new Map(
  [
    { table: 'task_trajectories', key: 'task_id', layout: TRAJECTORIES },
    { table: 'matts_runs', key: 'run_id', layout: MATTS_RUNS },
    { table: 'consolidation_runs', key: 'run_id', layout: CONSOLIDATION_RUNS },
    { table: 'metrics_log', key: 'id', layout: METRICS_LOG },
  ].map((entry) => [entry.layout.namespace, entry]),
);

/** The v1 file of these places; made if it is missing. It is opened with the first write. */
export function openMirror(places: ProjectPlaces): Mirror {
  return new V1Mirror(places.v1Store);
}

class V1Mirror implements Mirror {
  readonly #path: string;
  #database: Database | undefined;
  #dimensions = 0;

  constructor(path: string) {
    this.#path = path;
  }

  begin(operations: readonly Operation[]): MirrorWrite {
    try {
      const database = this.#opened();
      database.exec('BEGIN IMMEDIATE');
      try {
        for (const operation of operations) this.#write(database, operation);
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
      return this.#begun(database);
    } catch (error) {
      throw mirrorError(`${this.#path} cannot take the write, so neither v1 nor v2 has it`, error);
    }
  }

  #begun(database: Database): MirrorWrite {
    return {
      commit: () => {
        try {
          database.exec('COMMIT');
          database.syncLog();
        } catch (error) {
          this.close();
          const sentence =
            `the v2 store has the write, and ${this.#path} may not have it; after the cause is removed ` +
            'write it again, or v1 code does not see it';
          throw mirrorError(sentence, error);
        }
      },
      rollback: () => {
        // The error of the v2 store is what the caller gets; the file goes with what it would have had.
        this.close();
      },
    };
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #opened(): Database {
    if (this.#database !== undefined) return this.#database;
    mkdirSync(dirname(this.#path), { recursive: true });
    const database = Database.open(this.#path, { create: true });
    try {
      if (v1TablesOf(database).length > 0) recogniseV1(database);
      database.useWriteAheadLog();
      database.transaction(() => createMissingTables(database));
      this.#dimensions = embeddingDimensions(database);
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
    return database;
  }

  #write(database: Database, operation: Operation): void {
    switch (operation.type) {
      case 'put':
        return this.#put(database, operation);
      case 'delete':
        return this.#delete(database, operation.key);
      case 'link':
        return this.#link(database, operation);
      case 'unlink': {
        const sql = `DELETE FROM pattern_links WHERE src_id = ? AND dst_id = ? AND relation = ?`;
        const { from, to, relation } = operation;
        database.run(sql, from, to, relation);
      }
    }
  }

  #put(database: Database, operation: PutOperation): void {
    const { content, timestampMs, expiresAtMs, vector } = operation;
    const { namespace, id } = placeOf(operation.key);
    const metadata = JSON.parse(operation.metadata) as JsonObject;
    const common = { id, namespace, content, metadata, expiresAt: expiresAtMs };
    const record: StoreRecord = { ...common, timestamp: timestampMs };
    const known = TABLES.get(namespace);
    if (namespace === DEFAULT_NAMESPACE && typeof metadata['type'] === 'string') {
      this.#putPattern(database, record, vector);
    } else if (known !== undefined) {
      const row = Table.rowOf(known.layout, record);
      const at = known.table === 'metrics_log' ? {} : { created_at: sqliteTime(timestampMs) };
      upsert(database, known.table, [known.key], { ...at, ...row });
    } else if (isKeyValue(namespace)) {
      putEntry(database, record);
    }
  }

  #putPattern(database: Database, record: StoreRecord, vector: PutOperation['vector']): void {
    const pattern = patternOf(record);
    const row = { ...pattern, pattern_data: JSON.stringify(pattern.pattern_data) };
    upsert(database, 'patterns', ['id'], row);
    // v1 has no embedding of a text that has none yet, rather than one of another text.
    if (vector === null) {
      database.run('DELETE FROM pattern_embeddings WHERE id = ?', record.id);
      return;
    }
    const { id, content, metadata, timestamp: timestampMs } = record;
    const command: Omit<InsertMemory, 'type'> = { id, content, metadata, vector, timestampMs };
    const embedding = embeddingRow(command, row, this.#dimensions);
    upsert(database, 'pattern_embeddings', ['id'], embedding as Record<string, SqlValue>);
  }

  #delete(database: Database, key: string): void {
    const { namespace, id } = placeOf(key);
    const known = TABLES.get(namespace);
    if (known !== undefined) {
      database.run(`DELETE FROM ${known.table} WHERE ${known.key} = ?`, id);
      return;
    }
    if (namespace === DEFAULT_NAMESPACE) {
      database.run('DELETE FROM patterns WHERE id = ?', id);
      database.run('DELETE FROM pattern_embeddings WHERE id = ?', id);
      database.run('DELETE FROM pattern_links WHERE src_id = ? OR dst_id = ?', id, id);
    }
    if (!isKeyValue(namespace)) return;
    database.run('DELETE FROM memory_entries WHERE key = ? AND namespace = ?', id, namespace);
  }

  /** Only between patterns: v1's foreign keys let in no other. */
  #link(database: Database, { from, to, relation, weight }: LinkOperation): void {
    const isPattern = (id: string): boolean =>
      database.get('SELECT 1 FROM patterns WHERE id = ?', id) !== undefined;
    if (!isPattern(from) || !isPattern(to)) return;
    const row = { src_id: from, dst_id: to, relation, weight, created_at: sqliteTime(Date.now()) };
    upsert(database, 'pattern_links', ['src_id', 'dst_id', 'relation'], row);
  }
}

/** The families of tables have names with a slash; those of users are entries of v1's key-value table. */
function isKeyValue(namespace: string): boolean {
  return !/^(?:agentdb|reasoningbank|hive|hub|claude-flow|agentic-flow|unknown)\//.test(namespace);
}

function putEntry(database: Database, record: StoreRecord): void {
  const { id: key, namespace, content: value, metadata, timestamp, expiresAt } = record;
  const known = metadata['metadata'];
  const count = metadata['access_count'];
  upsert(database, 'memory_entries', ['key', 'namespace'], {
    key,
    value,
    namespace,
    metadata: known === null || known === undefined ? null : textOfValue(known),
    created_at: seconds(timestamp),
    updated_at: seconds(),
    accessed_at: seconds(),
    access_count: typeof count === 'number' ? count : 0,
    ttl: expiresAt === null ? null : Math.max(0, seconds(expiresAt) - seconds(timestamp)),
    expires_at: expiresAt === null ? null : seconds(expiresAt),
  });
}

/** Inserts or replaces what of the row the table has columns for. */
function upsert(
  database: Database,
  table: string,
  key: readonly string[],
  row: Readonly<Record<string, JsonValue | SqlValue>>,
): void {
  const present = columnsOf(database, table).filter((column) => column in row);
  const places = present.map(() => '?').join(', ');
  const changes = present.map((column) => `${column} = excluded.${column}`).join(', ');
  database.run(
    `INSERT INTO ${table} (${present.join(', ')}) VALUES (${places})
     ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${changes}`,
    ...present.map((column) => sqlValue(row[column])),
  );
}

function sqlValue(value: JsonValue | SqlValue | undefined): SqlValue {
  if (value === undefined || value === null || value instanceof Uint8Array) return value ?? null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

function textOfValue(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function mirrorError(sentence: string, cause: unknown): CompatError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new CompatError('mirror', `${sentence}: ${detail}`, cause);
}
