/**
 * Saves what can be read of a damaged store into a new file. The old one is not written; it stays beside
 * under another name.
 */
import { EXPIRY_TABLE } from '../expiry.js';
import { existsSync, linkSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commandProblem, embeddingText, textHash } from '../command.js';
import { Database, removeDatabase, type SqlValue, syncFile } from '../database.js';
import { assert, MemoryError, translateError } from '../errors.js';
import { LogPosition, META_TABLE } from '../log-position.js';
import { DEFAULT_NAMESPACE, memoryKey, parseMemoryKey } from '../memory-key.js';
import { putLogPath } from '../put-log-path.js';
import { V2Engine } from '../v2-engine.js';
import { checkFormat, contentOf, openV2File } from '../v2-file.js';
import { vectorOfBytes } from '../vector-bytes.js';
import { checkFile, type CheckReport, isSnapshotOf, type Progress } from './check.js';
import { EXAMPLES_MAX, ROWS_BETWEEN_PROGRESS } from './limits.js';
import { StoreLock } from './lock.js';
import { type PutLogState, readPutLog, replacePutLog } from './put-log.js';
import { salvageRows } from './salvage.js';
import {
  createStoreTables,
  DIMENSIONS_KEY,
  MODEL_KEY,
  OWNER_KEY,
  PUT_LOG_KEY,
  putLogOf,
  PUTS_APPLIED_KEY,
} from './store-file.js';

export interface RepairReport {
  readonly path: string;
  /** Null: it was whole and stays as it is. */
  readonly kept: string | null;
  /** A log of puts that had damage, under its new name; what could be read of it is still to come. */
  readonly keptLog: string | null;
  readonly saved: RowCounts;
  /** As far as an index or a count still names them; null where neither can be read. */
  readonly lost: { readonly [Table in keyof RowCounts]: number | null };
  /** Ids of records that an index names and whose rows cannot be read; the first ones. */
  readonly lostIds: readonly string[];
}

interface RowCounts {
  readonly records: number;
  readonly vectors: number;
  readonly edges: number;
  /** Rows of v1 that are carried along. */
  readonly others: number;
}

export function repairFile(path: string, progress: Progress): RepairReport {
  const lock = existsSync(path) ? StoreLock.take(path) : undefined;
  try {
    const before = checkFile(path, progress);
    const isWhole = before.problems.every(({ kind }) => kind === 'put-log');
    const report = isWhole ? wholeReport(before) : repairDamaged(path, progress);
    return { ...report, keptLog: repairPutLog(path) };
  } catch (error) {
    throw translateError(error, path);
  } finally {
    lock?.release();
  }
}

type FileReport = Omit<RepairReport, 'keptLog'>;

function wholeReport({ path, records, vectors, edges }: CheckReport): FileReport {
  const none = { records: 0, vectors: 0, edges: 0, others: 0 };
  const saved = { records, vectors, edges, others: 0 };
  return { path, kept: null, saved, lost: none, lostIds: [] };
}

/** What can be read of a damaged log is in it for the next opening; the old one's new name. */
function repairPutLog(path: string): string | null {
  const log = putLogPath(path);
  if (!existsSync(log)) return null;
  const database = Database.open(path, { readOnly: true });
  try {
    const state = putLogOf(new LogPosition(database));
    if (isSoundLog(path, state)) return null;
    const kept = freeName(`${log}.damaged`);
    const entries = readPutLog(path, state, { salvage: true })?.entries ?? [];
    if (state === undefined || entries.length === 0) {
      renameSync(log, kept);
      syncFile(dirname(log), 'must-exist');
    } else {
      replacePutLog(path, state, entries, kept);
    }
    return kept;
  } finally {
    database.close();
  }
}

function isSoundLog(path: string, state: PutLogState | undefined): boolean {
  try {
    return readPutLog(path, state)?.isDamaged !== true;
  } catch (error) {
    const isDamaged = error instanceof MemoryError && /^(damaged|invalid)$/.test(error.code);
    if (!isDamaged) throw error;
    return false;
  }
}

function freeName(wanted: string): string {
  let name = wanted;
  for (let number = 2; existsSync(name); number += 1) name = `${wanted}-${number}`;
  return name;
}

function repairDamaged(path: string, progress: Progress): FileReport {
  const temporary = `${path}.repaired`;
  removeDatabase(temporary);
  const damaged = Database.open(path, { readOnly: true });
  try {
    checkFormat(damaged);
    const repair = new Repair(damaged, temporary, progress);
    const report = repair.run();
    const after = checkFile(temporary, progress);
    const [problem] = after.problems;
    assert(problem === undefined, `what was repaired is whole, but: ${problem?.kind}`);
    damaged.close();
    return { ...report, path, kept: exchange(path, temporary) };
  } catch (error) {
    removeDatabase(temporary);
    throw error;
  } finally {
    damaged.close();
  }
}

/**
 * The new file takes the name, which always is that of a store: first the old one has a second name, with
 * its log. Snapshots of the old one are of no use.
 */
function exchange(path: string, temporary: string): string {
  const kept = freeName(`${path}.damaged`);
  linkSync(path, kept);
  // Whatever log the old one has would be played into the new one.
  for (const end of ['-wal', '-journal']) {
    if (existsSync(path + end)) linkSync(path + end, kept + end);
  }
  syncFile(dirname(path), 'must-exist');
  for (const end of ['-wal', '-journal', '-shm']) rmSync(path + end, { force: true });
  renameSync(temporary, path);
  syncFile(dirname(path), 'must-exist');
  for (const name of readdirSync(dirname(path))) {
    if (isSnapshotOf(path, name)) rmSync(join(dirname(path), name), { force: true });
  }
  return kept;
}

/** Copies row by row. */
class Repair {
  readonly #from: Database;
  readonly #to: Database;
  readonly #progress: Progress;
  readonly #total: number;
  #done = 0;

  constructor(from: Database, toPath: string, progress: Progress) {
    this.#from = from;
    this.#to = openV2File(toPath, { create: true, shrinks: true });
    this.#progress = progress;
    this.#total = ['records', 'vectors', 'edges'].reduce((sum, table) => {
      return sum + (this.#count(table) ?? 0);
    }, 0);
  }

  run(): Pick<RepairReport, 'saved' | 'lost' | 'lostIds'> {
    const database = this.#to;
    // The engine makes the tables that a store of this release has.
    const engine = new V2Engine(database);
    try {
      database.transaction(() => this.#copy());
      const lostIds = this.#lostIds();
      const saved = {
        ...this.#savedCounts(),
        others: this.#to.number('SELECT count(*) FROM kept_rows'),
      };
      const lost = {
        records: this.#lost('records', saved.records),
        vectors: this.#lost('vectors', saved.vectors),
        edges: this.#lost('edges', saved.edges),
        others: this.#lost('kept_rows', saved.others),
      };
      database.useSingleFile();
      syncFile(database.path, 'must-exist');
      return { saved, lost, lostIds };
    } finally {
      engine.close();
    }
  }

  #copy(): void {
    createStoreTables(this.#to);
    this.#copyRecords();
    this.#copyVectors();
    this.#copyEdges();
    for (const [table, columns] of CARRIED) {
      for (const [, ...row] of salvageRows(this.#from, table, columns)) {
        const places = row.map(() => '?').join(', ');
        this.#to.run(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places})`, ...row);
      }
    }
    this.#copyExpiries();
    this.#copyPosition();
  }

  #copyRecords(): void {
    const columns = ['id', 'body', 'created_at_ms', 'unparsable', 'v1_row'];
    for (const row of salvageRows(this.#from, 'records', columns)) {
      this.#step();
      const [seq = null, id = null, body = null, createdAtMs = null, unparsable, v1Row = null] =
        row;
      const name = { type: 'deleteMemory', id: String(id), timestampMs: 0 } as const;
      const key = keyOf(id);
      const isSound =
        key !== null &&
        commandProblem(name) === undefined &&
        contentOf(body) !== undefined &&
        typeof createdAtMs === 'number';
      if (!isSound) continue;
      const flag = unparsable === 1 ? 1 : 0;
      const packed = v1Row instanceof Uint8Array ? v1Row : null;
      const sql = `INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?)`;
      this.#to.run(sql, seq, key, body, createdAtMs, flag, packed);
    }
  }

  #copyVectors(): void {
    const columns = ['id', 'model', 'text_hash', 'vector'];
    for (const row of salvageRows(this.#from, 'vectors', columns)) {
      this.#step();
      const [, name, model = null, hash = null, bytes = null] = row;
      const id = keyOf(name);
      if (id === null || typeof model !== 'string' || typeof hash !== 'string') continue;
      if (!(bytes instanceof Uint8Array) || bytes.length === 0 || bytes.length % 4 !== 0) continue;
      if (!vectorOfBytes(bytes).every(Number.isFinite) || !this.#hasText(id, hash)) continue;
      this.#to.run('INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)', id, model, hash, bytes);
    }
    // One model a store: that of most vectors, should a page have brought up another.
    const sql = `SELECT model, length(vector) FROM vectors GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 1`;
    const [model = null, bytes = null] = this.#meta() ?? this.#to.get(sql) ?? [];
    if (model === null) return;
    this.#to.run('DELETE FROM vectors WHERE model <> ? OR length(vector) <> ?', model, bytes);
    const position = new LogPosition(this.#to);
    position.setMeta(MODEL_KEY, model);
    position.setMeta(DIMENSIONS_KEY, Number(bytes) / 4);
  }

  /** Whether a vector is that of its record as it was saved. */
  #hasText(id: string, hash: string): boolean {
    const row = this.#to.get('SELECT body FROM records WHERE id = ?', id);
    const parts = row === undefined ? undefined : contentOf(row[0]);
    return parts !== undefined && textHash(embeddingText(parts[0], parts[1])) === hash;
  }

  #copyEdges(): void {
    const columns = ['from_id', 'to_id', 'relation', 'weight', 'created_at_ms', 'v1_row'];
    for (const row of salvageRows(this.#from, 'edges', columns)) {
      this.#step();
      const [seq = null, start, end, relation = null, weight, createdAtMs, v1Row = null] = row;
      const [from, to] = [keyOf(start), keyOf(end)];
      const isSound =
        typeof relation === 'string' &&
        typeof weight === 'number' &&
        weight >= 0 &&
        weight <= 1 &&
        from !== null &&
        to !== null &&
        this.#has(from) &&
        this.#has(to);
      if (!isSound) continue;
      const at = typeof createdAtMs === 'number' ? createdAtMs : 0;
      const packed = v1Row instanceof Uint8Array ? v1Row : null;
      const sql = `INSERT OR IGNORE INTO edges VALUES (?, ?, ?, ?, ?, ?, ?)`;
      this.#to.run(sql, seq, from, to, relation, weight, at, packed);
    }
  }

  #has(id: string): boolean {
    return this.#to.get('SELECT 1 FROM records WHERE id = ?', id) !== undefined;
  }

  #copyExpiries(): void {
    const rows = this.#readable(`SELECT id, expires_at_ms FROM ${EXPIRY_TABLE}`);
    for (const [name, expiresAtMs = null] of rows) {
      const id = keyOf(name);
      if (id === null || typeof expiresAtMs !== 'number' || !this.#has(id)) continue;
      this.#to.run(`INSERT OR IGNORE INTO ${EXPIRY_TABLE} VALUES (?, ?)`, id, expiresAtMs);
    }
  }

  /** It goes on behind the old one; snapshots of before do not count. */
  #copyPosition(): void {
    const meta = new Map(
      this.#readable(`SELECT key, value FROM ${META_TABLE}`).map(([key, value = null]) => [
        key,
        value,
      ]),
    );
    const position = new LogPosition(this.#to);
    const applied = Number(meta.get('applied_index') ?? 0);
    const index = Number.isSafeInteger(applied) && applied >= 0 ? applied : 0;
    position.setAppliedIndex(index);
    if (meta.size === 0 || meta.has(OWNER_KEY)) position.setMeta(OWNER_KEY, index);
    for (const key of [PUT_LOG_KEY, PUTS_APPLIED_KEY]) {
      if (meta.has(key)) position.setMeta(key, meta.get(key)!);
    }
  }

  /** Model and bytes of a vector, where the old store tells. */
  #meta(): SqlValue[] | undefined {
    const rows = this.#readable(
      `SELECT key, value FROM ${META_TABLE} WHERE key IN ('${MODEL_KEY}', '${DIMENSIONS_KEY}')`,
    );
    const known = new Map(rows.map(([key, value = null]) => [key, value]));
    const [model, dimensions] = [known.get(MODEL_KEY), known.get(DIMENSIONS_KEY)];
    if (typeof model !== 'string' || typeof dimensions !== 'number') return undefined;
    return [model, dimensions * 4];
  }

  /** Rows up to damage; none where there is no such table. */
  #readable(sql: string): SqlValue[][] {
    const rows: SqlValue[][] = [];
    try {
      for (const row of this.#from.iterate(sql)) rows.push(row);
    } catch (error) {
      const isMissing = error instanceof Error && /no such table/.test(error.message);
      if (!isMissing && !(error instanceof MemoryError)) throw error;
    }
    return rows;
  }

  #lostIds(): string[] {
    const lost: string[] = [];
    for (const [name] of this.#readable('SELECT id FROM records')) {
      const id = keyOf(name);
      if (id !== null && lost.length < EXAMPLES_MAX && !this.#has(id)) lost.push(id);
    }
    return lost;
  }

  #savedCounts(): Omit<RowCounts, 'others'> {
    const count = (table: string): number => this.#to.number(`SELECT count(*) FROM ${table}`);
    return { records: count('records'), vectors: count('vectors'), edges: count('edges') };
  }

  #lost(table: string, saved: number): number | null {
    const count = this.#count(table);
    return count === null ? null : Math.max(0, count - saved);
  }

  /** Rows of a table or of its smallest index; null where that is damaged. */
  #count(table: string): number | null {
    try {
      return this.#from.number(`SELECT count(*) FROM ${table}`);
    } catch (error) {
      if (error instanceof MemoryError) return null;
      throw error;
    }
  }

  #step(): void {
    this.#done += 1;
    if (this.#done % ROWS_BETWEEN_PROGRESS === 0) this.#progress(this.#done, this.#total);
  }
}

const CARRIED: readonly (readonly [string, readonly string[]])[] = [
  ['kept_rows', ['table_name', 'row_key', 'row']],
  ['quarantine', ['table_name', 'reason', 'from_id', 'to_id', 'relation', 'row']],
];

/** The id of a record as a store makes it; null for what can be none. */
function keyOf(id: SqlValue | undefined): string | null {
  if (typeof id !== 'string') return null;
  if (parseMemoryKey(id) !== undefined) return id;
  try {
    return memoryKey(DEFAULT_NAMESPACE, id);
  } catch {
    return null;
  }
}
