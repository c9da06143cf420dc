/** The file of a store with its engine, and the tables that only a program's own store has. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { HELD_TEXTS } from '../command.js';
import { type Database, syncFile } from '../database.js';
import type { ApplyOutcome, LoggedCommand, MemoryCommand } from '../engine.js';
import { MemoryError } from '../errors.js';
import { createExpiry, EXPIRY_TABLE, expiredIds, putExpiry } from '../expiry.js';
import { LogPosition, OUTCOMES_TABLE } from '../log-position.js';
import { V2Engine } from '../v2-engine.js';
import { NO_VECTORS_BY_TEXT, openV2File } from '../v2-file.js';
import { StoreLock } from './lock.js';
import type { PutLogState } from './put-log.js';

/** Log index up to which this store wrote the file itself. */
export const OWNER_KEY = 'store_index';
export const MODEL_KEY = 'store_model';
export const DIMENSIONS_KEY = 'store_dimensions';
/** Name of the log of puts, and the last entry of it that is in the file; see `put-log.ts`. */
export const PUT_LOG_KEY = 'store_put_log';
export const PUTS_APPLIED_KEY = 'store_puts_applied';

/** The model of a store's vectors; a store has one. */
export interface StoreModel {
  readonly model: string;
  readonly dimensions: number;
}

export interface StoreFileOptions {
  /** Makes the file when it is missing. */
  readonly create: boolean;
  /** Takes over a file that something else wrote, such as a node or the engine alone. */
  readonly adopt: boolean;
}

/** What a store has beside the tables of the engine. */
export function createStoreTables(database: Database): void {
  createExpiry(database);
  database.exec(
    `CREATE INDEX IF NOT EXISTS agentic_flow_records_by_time ON records (created_at_ms, id)`,
  );
}

/** What a file says of its log of puts, if it ever had one. */
export function putLogOf(position: LogPosition): PutLogState | undefined {
  const name = position.meta(PUT_LOG_KEY);
  const applied = position.meta(PUTS_APPLIED_KEY);
  return typeof name === 'string' && typeof applied === 'number' ? { name, applied } : undefined;
}

export class StoreFile {
  readonly path: string;
  readonly database: Database;
  readonly engine: V2Engine;
  /** Undefined: the one who opened it has the lock. */
  readonly #lock: StoreLock | undefined;
  readonly #position: LogPosition;
  #model: StoreModel | null = null;
  /** When the inserted memories of the batch under way expire. */
  #expiries: ReadonlyMap<MemoryCommand, number | null> = new Map();
  /** Last entry of the log of puts that the batch under way has. */
  #puts: number | undefined;
  /** First instant at which something expires; undefined until it is looked up. */
  #nextExpiryMs: number | undefined;

  private constructor(database: Database, lock: StoreLock | undefined, adopt: boolean) {
    this.path = database.path;
    this.database = database;
    this.#lock = lock;
    this.#position = new LogPosition(database);
    this.engine = new V2Engine(database, {
      keepsTextIndex: true,
      texts: HELD_TEXTS,
      beforeCommit: (changes, lastIndex) => this.#beforeCommit(changes, lastIndex),
    });
    try {
      database.transaction(() => this.#prepare(adopt));
    } catch (error) {
      this.engine.close();
      throw error;
    }
  }

  /**
   * `held`: the lock, where the caller has it and keeps it. Throws what `openV2Engine` throws, `locked`, and
   * `invalid` for a file that has to be adopted.
   */
  static open(path: string, { create, adopt }: StoreFileOptions, held?: StoreLock): StoreFile {
    if (!create && !existsSync(path)) {
      const sentence = `${path} does not exist; check the path`;
      throw new MemoryError('not-found', sentence, path);
    }
    const lock = held === undefined ? StoreLock.take(path) : undefined;
    try {
      const database = openV2File(path, { create, shrinks: true });
      try {
        const file = new StoreFile(database, lock, adopt);
        syncFile(dirname(path), 'must-exist');
        return file;
      } catch (error) {
        database.close();
        throw error;
      }
    } catch (error) {
      lock?.release();
      throw error;
    }
  }

  get model(): StoreModel | null {
    return this.#model;
  }

  get putLog(): PutLogState | undefined {
    return putLogOf(this.#position);
  }

  setPutLog({ name, applied }: PutLogState): void {
    this.database.transaction(() => {
      this.#position.setMeta(PUT_LOG_KEY, name);
      this.#position.setMeta(PUTS_APPLIED_KEY, applied);
    });
  }

  /**
   * One transaction that the disk need not have yet; the outcome of each command. `puts`: it has the log of
   * puts up to this entry.
   */
  apply(
    commands: readonly MemoryCommand[],
    expiries: ReadonlyMap<MemoryCommand, number | null> = new Map(),
    puts?: number,
  ): ApplyOutcome[] {
    const index = this.engine.appliedIndex + 1;
    this.#expiries = expiries;
    this.#puts = puts;
    this.#nextExpiryMs = undefined;
    return this.engine.apply(
      commands.map((command) => ({ index, command })),
      index,
    );
  }

  /** Infinity if nothing expires. */
  get nextExpiryMs(): number {
    if (this.#nextExpiryMs === undefined) {
      const row = this.database.get(`SELECT min(expires_at_ms) FROM ${EXPIRY_TABLE}`);
      const first = row?.[0] ?? null;
      this.#nextExpiryMs = first === null ? Infinity : Number(first);
    }
    return this.#nextExpiryMs;
  }

  /** When a memory expires; null: never, or it is not there. */
  expiryOf(key: string): number | null {
    const sql = `SELECT expires_at_ms FROM ${EXPIRY_TABLE} WHERE id = ?`;
    const row = this.database.get(sql, key);
    return row === undefined ? null : Number(row[0]);
  }

  isExpired(key: string, nowMs: number): boolean {
    return this.nextExpiryMs <= nowMs && (this.expiryOf(key) ?? Infinity) <= nowMs;
  }

  /** Some of the memories that have expired. */
  expired(nowMs: number, limit: number): string[] {
    if (this.nextExpiryMs > nowMs) return [];
    return expiredIds(this.database, nowMs, limit);
  }

  close(): void {
    try {
      this.engine.close();
    } finally {
      this.#lock?.release();
    }
  }

  #prepare(adopt: boolean): void {
    const { database } = this;
    const owned = this.#position.meta(OWNER_KEY);
    const { appliedIndex } = this.engine;
    const isForeign = owned !== appliedIndex && (owned !== undefined || appliedIndex > 0);
    if (isForeign && !adopt) {
      throw new MemoryError(
        'invalid',
        `${this.path} was written by a node or by the engine, not as a store; if nobody else uses it, ` +
          'open it with adopt',
        this.path,
      );
    }
    createStoreTables(database);
    database.exec(NO_VECTORS_BY_TEXT);
    // What somebody else wrote may be another memory of the same id, which nobody said expires.
    if (isForeign) database.exec(`DELETE FROM ${EXPIRY_TABLE}`);
    if (owned !== appliedIndex) this.#position.setMeta(OWNER_KEY, appliedIndex);
    this.#model = this.#readModel();
    if (this.#model === null) this.#adoptModel();
  }

  #readModel(): StoreModel | null {
    const model = this.#position.meta(MODEL_KEY);
    const dimensions = this.#position.meta(DIMENSIONS_KEY);
    if (model === undefined || dimensions === undefined) return null;
    return { model: String(model), dimensions: Number(dimensions) };
  }

  /** The one model of vectors that are there already. */
  #adoptModel(): void {
    const found = this.database.all(
      `SELECT DISTINCT model, length(vector) / 4 FROM vectors LIMIT 2`,
    );
    if (found.length > 1) {
      const sentence = `${this.path} has vectors of several models or lengths; a store has one`;
      throw new MemoryError('invalid', sentence, this.path);
    }
    const [only] = found;
    if (only !== undefined) this.#setModel({ model: String(only[0]), dimensions: Number(only[1]) });
  }

  #setModel(model: StoreModel): void {
    this.#position.setMeta(MODEL_KEY, model.model);
    this.#position.setMeta(DIMENSIONS_KEY, model.dimensions);
    this.#model = model;
  }

  #beforeCommit(changes: readonly LoggedCommand[], lastIndex: number): void {
    const { database } = this;
    this.#position.setMeta(OWNER_KEY, lastIndex);
    if (this.#puts !== undefined) this.#position.setMeta(PUTS_APPLIED_KEY, this.#puts);
    // Nobody asks for the outcomes of a batch again.
    database.run(`DELETE FROM ${OUTCOMES_TABLE} WHERE log_index <= ?`, lastIndex);
    // The engine has forgotten when memories of before expired; the last command of each one counts.
    const expiries = new Map<string, number | null>();
    for (const { command } of changes) {
      if (!('id' in command)) continue;
      expiries.set(command.id, this.#expiries.get(command) ?? null);
      if (command.type === 'insertMemory' && command.vector !== null && this.#model === null) {
        const { model, values } = command.vector;
        this.#setModel({ model, dimensions: values.length });
      }
    }
    for (const [id, expiresAtMs] of expiries) {
      if (expiresAtMs !== null) putExpiry(database, id, expiresAtMs);
    }
  }
}
