/**
 * One connection to a SQLite file, with errors that name the file.
 *
 * Trap: SQLite guards its files with POSIX locks, and closing any other descriptor of the database
 * file (or its -shm) in this process drops them. So nothing here opens these two by itself; the -wal
 * file carries no locks and may be opened to be synced.
 */
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

import { DatabaseSync } from '@photostructure/sqlite';

import { Checkpoints } from './checkpoints.js';
import { assert, MemoryError, memoryError, translateError } from './errors.js';
import {
  BUSY_TIMEOUT_MS,
  STATEMENTS_MAX,
  WAL_BACKSTOP_PAGES,
  WAL_CHECKPOINT_PAGES,
} from './limits.js';

export type SqlValue = string | number | bigint | null | Uint8Array;
type Statement = ReturnType<InstanceType<typeof DatabaseSync>['prepare']>;
type RowIterator = IterableIterator<SqlValue[], undefined>;

export interface DatabaseOptions {
  readonly readOnly?: boolean;
  /** Create the file when it is missing; otherwise that is the error `not-found`. */
  readonly create?: boolean;
  /**
   * Reads what can be read of a damaged file, also one that was cut off. Only for throwaway copies:
   * SQLite then takes any schema, and what is written makes no sense.
   */
  readonly salvage?: boolean;
}

/** A connection. Rows come as arrays, integers beyond 2^53 as bigint. */
export class Database {
  readonly path: string;
  readonly #connection: InstanceType<typeof DatabaseSync>;
  readonly #statements = new Map<string, Statement>();
  readonly #iterated = new Map<Statement, RowIterator>();
  #checkpoints: Checkpoints | undefined;
  /** Of the write-ahead log, once it was synced. */
  #log: number | undefined;

  private constructor(path: string, connection: InstanceType<typeof DatabaseSync>) {
    this.path = path;
    this.#connection = connection;
  }

  /** Opens a file. Foreign keys are off: v1 files hold dangling rows, which must stay as they are. */
  static open(path: string, options: DatabaseOptions = {}): Database {
    if (options.create !== true && path !== ':memory:' && !existsSync(path)) {
      throw memoryError('not-found', path);
    }
    try {
      const connection = new DatabaseSync(path, {
        readOnly: options.readOnly ?? false,
        enableForeignKeyConstraints: false,
        timeout: BUSY_TIMEOUT_MS,
        readBigInts: true,
        returnArrays: true,
        defensive: options.salvage !== true,
      });
      const database = new Database(path, connection);
      if (options.salvage === true) database.exec('PRAGMA writable_schema = ON');
      return database;
    } catch (error) {
      throw translateError(error, path);
    }
  }

  /** Write-ahead logging; a commit survives a killed process, `syncLog` makes it survive a power cut. */
  useWriteAheadLog(): void {
    this.exec('PRAGMA journal_mode = WAL');
    this.exec('PRAGMA synchronous = NORMAL');
    this.exec(`PRAGMA wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`);
  }

  /** Has another thread move the write-ahead log into the file, so that commits do not wait for it. */
  checkpointElsewhere(): void {
    const everyPages = (pages: number): void => this.exec(`PRAGMA wal_autocheckpoint = ${pages}`);
    this.#checkpoints = new Checkpoints(this.path, () => {
      if (this.#connection.isOpen) everyPages(WAL_CHECKPOINT_PAGES);
    });
    everyPages(WAL_BACKSTOP_PAGES);
  }

  exec(sql: string): void {
    this.#guard(() => this.#connection.exec(sql));
  }

  /** Runs a statement and returns the number of rows changed. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return this.#guard(() => Number(this.#statement(sql).run(...values).changes));
  }

  get(sql: string, ...values: readonly SqlValue[]): SqlValue[] | undefined {
    const row = this.#guard(
      () => this.#statement(sql).get(...values) as SqlValue[] | undefined | null,
    );
    return row === undefined || row === null ? undefined : row.map(plainValue);
  }

  all(sql: string, ...values: readonly SqlValue[]): SqlValue[][] {
    const rows = this.#guard(() => this.#statement(sql).all(...values) as SqlValue[][]);
    return rows.map((row) => row.map(plainValue));
  }

  /** Reads row by row with the memory of one row. The statement is its own, so calls may nest. */
  *iterate(sql: string, ...values: readonly SqlValue[]): IterableIterator<SqlValue[]> {
    const statement = this.#guard(() => this.#prepare(sql));
    const rows = this.#guard(() => statement.iterate(...values) as RowIterator);
    // Trap: the binding's iterator does not keep its statement alive; once the statement is garbage
    // collected the next row is a segmentation fault.
    this.#iterated.set(statement, rows);
    try {
      for (;;) {
        const next = this.#guard(() => rows.next());
        if (next.done === true) return;
        yield next.value.map(plainValue);
      }
    } finally {
      if (this.#connection.isOpen) rows.return?.();
      this.#iterated.delete(statement);
    }
  }

  /** The number in the first column of the first row, 0 if there is none. */
  number(sql: string, ...values: readonly SqlValue[]): number {
    const value = this.get(sql, ...values)?.[0] ?? 0;
    assert(typeof value === 'number', 'the statement gives a number');
    return value;
  }

  /** All or nothing; rolls back on any error. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      this.#checkpoints?.committed();
      return result;
    } catch (error) {
      // SQLite itself rolls back on some errors, for example when the disk is full.
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw error;
    }
  }

  /** `transaction` in steps; whoever stops before the last one rolls back. */
  *transactionInSteps(work: () => Generator<undefined, void>): Generator<undefined, void> {
    this.exec('BEGIN IMMEDIATE');
    let isCommitted = false;
    try {
      yield* work();
      this.exec('COMMIT');
      isCommitted = true;
      this.#checkpoints?.committed();
    } finally {
      if (!isCommitted && this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
    }
  }

  /** Everything committed so far survives a power cut when this returns. */
  syncLog(): void {
    if (this.#log === undefined) this.#openLog();
    else this.#guard(() => fdatasyncSync(this.#log!));
    if (this.#checkpoints === undefined) this.checkpoint();
  }

  /** The log keeps its name for as long as this connection is open; it is missing before the first commit. */
  #openLog(): void {
    const path = `${this.path}-wal`;
    syncFile(path, 'may-be-missing');
    syncFile(dirname(this.path), 'must-exist');
    if (existsSync(path)) this.#log = this.#guard(() => openSync(path, 'r'));
  }

  #closeLog(): void {
    if (this.#log !== undefined) closeSync(this.#log);
    this.#log = undefined;
  }

  /**
   * Trap: the binding cannot finalize a statement but by garbage collection, so SQLite keeps the
   * connection half open until then, and with it the -wal and -shm files. Nobody may remove these two
   * meanwhile; what must become a single file leaves write-ahead logging first (`useSingleFile`).
   */
  close(): void {
    if (!this.#connection.isOpen) return;
    this.#checkpoints?.stop();
    this.#closeLog();
    // A transaction, or a statement in the middle of its rows, would hold its snapshot until then.
    for (const rows of this.#iterated.values()) rows.return?.();
    if (this.#connection.isTransaction) this.#guard(() => this.#connection.exec('ROLLBACK'));
    this.#statements.clear();
    this.#guard(() => this.#connection.close());
  }

  /**
   * Moves the write-ahead log into the file as far as readers let it; waits for nobody. `TRUNCATE` also
   * empties the log, and waits for readers as long as for any lock.
   */
  checkpoint(mode: 'PASSIVE' | 'TRUNCATE' = 'PASSIVE'): void {
    if (!this.#connection.isOpen) return;
    const run = (): void => this.exec(`PRAGMA wal_checkpoint(${mode})`);
    try {
      if (this.#checkpoints === undefined) run();
      else this.#checkpoints.paused(run);
    } catch (error) {
      // The file cannot take it now; all is safe in the log.
      if (!(error instanceof MemoryError) || error.code !== 'disk-full') throw error;
    }
  }

  /** Leaves write-ahead logging: afterwards the file alone is the whole database. */
  useSingleFile(): void {
    this.#checkpoints?.stop();
    this.#closeLog();
    this.exec('PRAGMA journal_mode = DELETE');
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      // Only a file of many foreign tables gets here; starting over is cheap.
      if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear();
      statement = this.#prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #prepare(sql: string): Statement {
    const statement = this.#connection.prepare(sql);
    statement.setReadBigInts(true);
    statement.setReturnArrays(true);
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw translateError(error, this.path);
    }
  }
}

function plainValue(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Flushes one file or folder to the disk. Never call it on an open database file or its -shm. */
export function syncFile(path: string, missing: 'may-be-missing' | 'must-exist'): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (missing === 'may-be-missing' && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw translateError(error, path);
  }
  try {
    fsyncSync(descriptor);
  } catch (error) {
    throw translateError(error, path);
  } finally {
    closeSync(descriptor);
  }
}

/** `syncFile` of what must be there, on another thread: a large file takes the disk seconds. */
export async function syncFileElsewhere(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw translateError(error, path);
  }
}

/** Removes a database that nobody has open, with what SQLite has beside it. */
export function removeDatabase(path: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(path + end, { force: true });
}
