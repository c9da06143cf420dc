/** Whether a store's file is whole, and whether its rows fit together. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { embeddingText, textHash } from '../command.js';
import { Database } from '../database.js';
import { isDamage, isOfAnotherSchema, MemoryError } from '../errors.js';
import { openSnapshot } from '../index/snapshot-reader.js';
import { LogPosition, META_TABLE } from '../log-position.js';
import { parseMemoryKey } from '../memory-key.js';
import { putLogPath } from '../put-log-path.js';
import { openTextIndex } from '../text/text-file.js';
import { checkFormat, contentOf } from '../v2-file.js';
import { vectorOfBytes } from '../vector-bytes.js';
import { EXAMPLES_MAX, INTEGRITY_MESSAGES_MAX, ROWS_BETWEEN_PROGRESS } from './limits.js';
import { EXPIRY_TABLE } from '../expiry.js';
import { StoreLock } from './lock.js';
import { unpackPuts } from './packed-puts.js';
import { checkPutLog, type PutLogState, readPutLog } from './put-log.js';
import { PUT_LOG_KEY, putLogOf } from './store-file.js';

export type ProblemKind =
  /** What `PRAGMA integrity_check` says of pages and indexes. */
  | 'integrity'
  /** A record whose row holds no content and metadata. */
  | 'unreadable-record'
  /** A record whose id is none that a store makes. */
  | 'foreign-id'
  /** A vector without its record. */
  | 'vector-without-record'
  /** A vector of another model or length than the store's. */
  | 'vector-of-another-model'
  /** A vector with a component that is not finite. */
  | 'vector-not-finite'
  /** A vector that was made of another text than the record has. */
  | 'vector-of-another-text'
  /** An edge that leaves or leads to no record. */
  | 'edge-without-record'
  /** An edge whose weight is not from 0 to 1. */
  | 'edge-weight'
  /** An expiry without its record. */
  | 'expiry-without-record'
  /** A log of puts that is none, or another store's. */
  | 'put-log'
  /** A file of the index of vectors or words that cannot be used; it is made anew. */
  | 'snapshot';

export interface Problem {
  readonly kind: ProblemKind;
  readonly count: number;
  /** Ids or messages of the first ones. */
  readonly examples: readonly string[];
}

export interface CheckReport {
  readonly path: string;
  readonly isWhole: boolean;
  readonly problems: readonly Problem[];
  /** Rows that could be read. */
  readonly records: number;
  readonly edges: number;
  readonly vectors: number;
  readonly snapshots: number;
  /**
   * Acknowledged puts that a crash left in the log of the store: the next opening brings them into the file.
   * Null where the store is open, or its lock cannot be taken.
   */
  readonly leftPuts: number | null;
}

/** Told how far a job is. What it throws ends the job, which then leaves nothing half done. */
export type Progress = (done: number, total: number) => void;

/** Reads everything, on a connection of its own. */
export function checkFile(path: string, progress: Progress): CheckReport {
  const database = Database.open(path, { readOnly: true });
  try {
    return new Check(database, progress).run();
  } finally {
    database.close();
  }
}

class Check {
  readonly #database: Database;
  readonly #progress: Progress;
  #done = 0;
  #total = 0;
  readonly #problems = new Map<ProblemKind, { count: number; examples: string[] }>();

  constructor(database: Database, progress: Progress) {
    this.#database = database;
    this.#progress = progress;
  }

  run(): CheckReport {
    const database = this.#database;
    const counts = { records: 0, edges: 0, vectors: 0 };
    this.#try(() => database.exec('BEGIN'));
    checkFormat(database);
    this.#try(() => this.#integrity());
    this.#try(() => {
      counts.records = this.#count('records');
      counts.edges = this.#count('edges');
      counts.vectors = this.#count('vectors');
    });
    this.#total = counts.records + counts.vectors + counts.edges;
    this.#try(() => this.#records());
    this.#try(() => this.#vectors());
    this.#try(() => this.#edges());
    this.#try(() => this.#expiries());
    this.#putLog();
    const leftPuts = this.#leftPuts();
    const snapshots = this.#snapshots();
    const problems = [...this.#problems].map(([kind, found]) => ({ kind, ...found }));
    const { path } = database;
    return { path, isWhole: problems.length === 0, problems, ...counts, snapshots, leftPuts };
  }

  #found(kind: ProblemKind, example: string, count = 1): void {
    const found = this.#problems.get(kind) ?? { count: 0, examples: [] };
    this.#problems.set(kind, found);
    found.count += count;
    if (found.examples.length < EXAMPLES_MAX) found.examples.push(example.slice(0, 200));
  }

  #step(): void {
    this.#done += 1;
    if (this.#done % ROWS_BETWEEN_PROGRESS === 0) this.#progress(this.#done, this.#total);
  }

  /** Damage ends one part of the check, not all of it. */
  #try(part: () => void): void {
    this.#progress(this.#done, this.#total);
    try {
      part();
    } catch (error) {
      if (!isDamage(error) && !isOfAnotherSchema(error)) throw error;
      this.#found('integrity', (error as Error).message);
    }
  }

  #count(table: string): number {
    return this.#database.number(`SELECT count(*) FROM ${table}`);
  }

  #integrity(): void {
    const rows = this.#database.all(`PRAGMA integrity_check(${INTEGRITY_MESSAGES_MAX})`);
    for (const [message] of rows) if (message !== 'ok') this.#found('integrity', String(message));
  }

  #records(): void {
    for (const [id, body] of this.#database.iterate('SELECT id, body FROM records ORDER BY seq')) {
      if (contentOf(body) === undefined) this.#found('unreadable-record', String(id));
      if (parseMemoryKey(String(id)) === undefined) this.#found('foreign-id', String(id));
      this.#step();
    }
  }

  #vectors(): void {
    const meta = (key: string): unknown =>
      this.#database.get(`SELECT value FROM ${META_TABLE} WHERE key = ?`, key)?.[0];
    const [model, dimensions] = [meta('store_model'), meta('store_dimensions')];
    const rows = this.#database.iterate(
      `SELECT v.id, v.model, v.text_hash, v.vector, r.body FROM vectors v
       LEFT JOIN records r ON r.id = v.id ORDER BY v.rowid`,
    );
    for (const [key, of, hash, bytes, body = null] of rows) {
      const id = String(key);
      const values = bytes instanceof Uint8Array ? vectorOfBytes(bytes) : new Float32Array();
      const isOurs = model === undefined || (of === model && values.length === dimensions);
      if (!isOurs) this.#found('vector-of-another-model', id);
      if (!values.every(Number.isFinite)) this.#found('vector-not-finite', id);
      const parts = body === null ? undefined : contentOf(body);
      if (body === null) this.#found('vector-without-record', id);
      else if (parts !== undefined && textHash(embeddingText(parts[0], parts[1])) !== hash) {
        this.#found('vector-of-another-text', id);
      }
      this.#step();
    }
  }

  #edges(): void {
    const rows = this.#database.iterate(
      `SELECT from_id, relation, to_id, weight, EXISTS (SELECT 1 FROM records WHERE id = from_id)
         AND EXISTS (SELECT 1 FROM records WHERE id = to_id) FROM edges ORDER BY seq`,
    );
    for (const [from, relation, to, weight, hasEnds] of rows) {
      const name = `${String(from)} ${String(relation)} ${String(to)}`;
      if (hasEnds !== 1) this.#found('edge-without-record', name);
      const isWeight = typeof weight === 'number' && weight >= 0 && weight <= 1;
      if (!isWeight) this.#found('edge-weight', name);
      this.#step();
    }
  }

  #expiries(): void {
    const sql = `SELECT count(*) FROM sqlite_schema WHERE name = '${EXPIRY_TABLE}'`;
    if (this.#database.number(sql) === 0) return;
    const rows = this.#database.iterate(
      `SELECT id FROM ${EXPIRY_TABLE} e WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.id = e.id)`,
    );
    for (const [id] of rows) this.#found('expiry-without-record', String(id));
  }

  /** Whether its beginning is one. */
  #putLog(): void {
    this.#try(() => {
      const name = this.#database.get(`SELECT value FROM ${META_TABLE} WHERE key = ?`, PUT_LOG_KEY);
      this.#tryLog(() => {
        checkPutLog(this.#database.path, name === undefined ? undefined : String(name[0]));
      });
    });
  }

  /** Its entries, where nobody writes them at this moment. */
  #leftPuts(): number | null {
    const { path } = this.#database;
    if (!existsSync(putLogPath(path))) return 0;
    const lock = lockIfFree(path);
    if (lock === undefined) return null;
    let puts = 0;
    try {
      this.#tryLog(() => {
        const left = readPutLog(path, putLogIn(path));
        if (left?.isDamaged === true) {
          this.#found('put-log', `${putLogPath(path)} has damage between its entries`);
        }
        for (const { blocks } of left?.entries ?? []) {
          for (const block of blocks) puts += unpackPuts(block).length;
        }
      });
    } finally {
      lock.release();
    }
    return puts;
  }

  #tryLog(part: () => void): void {
    try {
      part();
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      if ((this.#problems.get('put-log')?.count ?? 0) === 0) this.#found('put-log', error.message);
    }
  }

  #snapshots(): number {
    const { path } = this.#database;
    const folder = dirname(path);
    const names = readdirSync(folder).filter((name) => isSnapshotOf(path, name));
    for (const name of names) {
      this.#progress(this.#done, this.#total);
      const file = join(folder, name);
      try {
        if (name.endsWith('-text')) openTextIndex(file);
        else readAllVectors(file);
      } catch (error) {
        // A store that is open may replace it at this moment.
        if (error instanceof MemoryError && error.code === 'not-found') continue;
        this.#found('snapshot', error instanceof Error ? error.message : String(error));
      }
    }
    return names.length;
  }
}

function lockIfFree(path: string): StoreLock | undefined {
  try {
    return StoreLock.take(path);
  } catch (error) {
    if (!(error instanceof MemoryError) || !/^(?:locked|read-only)$/.test(error.code)) throw error;
    return undefined;
  }
}

/** What the file says of its log now, not when the check began. */
function putLogIn(path: string): PutLogState | undefined {
  const database = Database.open(path, { readOnly: true });
  try {
    return putLogOf(new LogPosition(database));
  } finally {
    database.close();
  }
}

/** Whether a file beside a store is one that spares it from reading all vectors or texts. */
export function isSnapshotOf(storePath: string, name: string): boolean {
  const own = basename(storePath);
  return name === `${own}-text` || (name.startsWith(`${own}-vectors-`) && !name.endsWith('.new'));
}

/** An original is compared with its checksum when it is read. */
function readAllVectors(path: string): void {
  const { index } = openSnapshot(path);
  try {
    for (const id of index.ids()) index.get(id);
  } finally {
    index.close();
  }
}
