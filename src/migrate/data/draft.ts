/**
 * The store and the archive of a migration while they are made, in a folder for it alone. Both are committed
 * as one: the archive first, then the store with the number of the archive's last row, so that what a
 * killed run left is cut back to the same row in both.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { type Database, removeDatabase, syncFile } from '../../memory/database.js';
import { assert, isOperational, MemoryError, translateError } from '../../memory/errors.js';
import { textOf } from '../../memory/exact-row.js';
import { LogPosition, META_TABLE } from '../../memory/log-position.js';
import { EXPIRY_TABLE } from '../../memory/expiry.js';
import {
  createStoreTables,
  DIMENSIONS_KEY,
  MODEL_KEY,
  OWNER_KEY,
} from '../../memory/store/store-file.js';
import { openV2File } from '../../memory/v2-file.js';
import type { LostRows } from '../../v1/rows.js';
import { ArchiveWriter } from './archive-writer.js';
import { CANDIDATES_TABLE } from './kept-vectors.js';
import { KnownVectors } from './known-vectors.js';
import { COMMIT_MS, PAGE_CACHE_KIB, ROWS_PER_COMMIT } from './limits.js';
import { ARCHIVE_NAME, STORE_NAME } from '../files.js';
import { PENDING_TABLE } from './store-writer.js';

const STATE_KEY = 'migration_state';
const STATE_VERSION = 1;
/** The log index of a store that nobody has written to since. */
const FIRST_INDEX = 1;

/** How far a migration is; in the transaction of what it tells. */
export interface DraftState {
  readonly phase: 'rows' | 'embed' | 'done';
  /** Rows of v1 in both files, */
  readonly rows: number;
  /** and a hash over all of them, to see whether v1 is still the same. */
  readonly digest: string;
  /** What counts as expired does not change while a migration is interrupted. */
  readonly nowMs: number;
  readonly model: string;
}

export class Draft {
  readonly store: Database;
  readonly archive: ArchiveWriter;
  readonly vectors: KnownVectors;
  readonly #position: LogPosition;
  #rowsSinceBegin = 0;
  #begunMs = 0;
  #isFinished = false;

  private constructor(store: Database, archive: ArchiveWriter, vectors: KnownVectors) {
    this.store = store;
    this.archive = archive;
    this.vectors = vectors;
    this.#position = new LogPosition(store);
  }

  /** Goes on with what is in the folder, or begins. Throws what the files throw. */
  static open(work: string): Draft {
    const [storePath, archivePath] = [join(work, STORE_NAME), join(work, ARCHIVE_NAME)];
    mkdirFor(work);
    const vectors = KnownVectors.open(join(work, 'known-vectors.db'));
    try {
      return Draft.#openFiles(storePath, archivePath, vectors);
    } catch (error) {
      vectors.close();
      throw translateError(error, work);
    }
  }

  static #openFiles(storePath: string, archivePath: string, vectors: KnownVectors): Draft {
    let store: Database | undefined;
    try {
      store = openV2File(storePath, { create: true, shrinks: true });
      store.exec(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
      createStoreTables(store);
      return new Draft(store, ArchiveWriter.open(archivePath, { create: true }), vectors);
    } catch (error) {
      store?.close();
      const isBroken =
        error instanceof MemoryError &&
        (error.code === 'damaged' || error.code === 'not-a-database');
      if (!isBroken || !existsSync(storePath)) throw error;
      // What a power cut left: nothing of v1 is in there alone.
      removeDatabase(storePath);
      removeDatabase(archivePath);
      return Draft.#openFiles(storePath, archivePath, vectors);
    }
  }

  /** Begins anew: the rows go, vectors stay to be found by their texts. */
  clear(): void {
    this.vectors.takeFrom(this.store);
    this.archive.clear();
    this.store.transaction(() => {
      this.store.exec(
        `DELETE FROM records; DELETE FROM vectors; DELETE FROM edges; DELETE FROM ${EXPIRY_TABLE};
         DROP TABLE IF EXISTS ${PENDING_TABLE}; DROP TABLE IF EXISTS ${CANDIDATES_TABLE};
         DELETE FROM ${META_TABLE} WHERE key IN ('${STATE_KEY}', '${MODEL_KEY}', '${DIMENSIONS_KEY}')`,
      );
    });
  }

  /** Undefined where nothing is committed yet, or the two files do not fit. */
  state(): DraftState | undefined {
    const text = this.#position.meta(STATE_KEY);
    if (text === undefined) return undefined;
    try {
      const { version, ...state } = JSON.parse(textOf(text)) as DraftState & { version: number };
      return version === STATE_VERSION && state.rows <= this.archive.lastSeq ? state : undefined;
    } catch {
      return undefined;
    }
  }

  begin(): void {
    this.archive.database.exec('BEGIN IMMEDIATE');
    this.store.exec('BEGIN IMMEDIATE');
    this.#rowsSinceBegin = 0;
    this.#begunMs = performance.now();
  }

  /** Whether a commit is due, after one more row. */
  isDue(): boolean {
    this.#rowsSinceBegin += 1;
    return (
      this.#rowsSinceBegin >= ROWS_PER_COMMIT || performance.now() - this.#begunMs >= COMMIT_MS
    );
  }

  commit(state: DraftState): void {
    this.archive.database.exec('COMMIT');
    this.setState(state);
    this.store.exec('COMMIT');
  }

  /** Forgets what was written since `begin`. */
  rollBack(): void {
    this.archive.database.exec('ROLLBACK');
    this.store.exec('ROLLBACK');
  }

  /** Whether the files are a store and an archive that are complete. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** In a transaction of its own, or that of the caller. */
  setState(state: DraftState): void {
    this.#position.setMeta(STATE_KEY, JSON.stringify({ version: STATE_VERSION, ...state }));
  }

  /** The two files become single files that are a store and an archive. */
  finish(state: DraftState, lost: readonly (readonly [number, LostRows])[]): void {
    const { store, archive } = this;
    archive.finish(lost);
    store.transaction(() => {
      store.exec(`DROP TABLE IF EXISTS ${PENDING_TABLE}`);
      this.#position.setAppliedIndex(FIRST_INDEX);
      this.#position.setMeta(OWNER_KEY, FIRST_INDEX);
      const vector = store.get('SELECT model, length(vector) / 4 FROM vectors LIMIT 1');
      if (vector !== undefined) {
        this.#position.setMeta(MODEL_KEY, vector[0] ?? null);
        this.#position.setMeta(DIMENSIONS_KEY, vector[1] ?? null);
      }
      this.setState({ ...state, phase: 'done' });
    });
    for (const database of [archive.database, store]) intoOneFile(database);
    this.#isFinished = true;
  }

  /** Without `finish` before, the next run goes on. A transaction that is open is rolled back. */
  close(): void {
    this.store.close();
    this.archive.close();
    this.vectors.close();
  }
}

/** Everything in the file itself, so that it can be moved without its log. */
export function intoOneFile(database: Database): void {
  try {
    database.useSingleFile();
  } catch (error) {
    if (!(error instanceof MemoryError) || error.code !== 'locked') throw error;
    // A connection that this process closed is half open until its statements are collected.
    database.checkpoint('TRUNCATE');
    const waiting = bytesOf(`${database.path}-wal`);
    assert(waiting === 0, 'nobody but us has the files of a migration open');
  }
}

/** Flushes both files to the disk; they are closed. */
export function syncDraft(work: string): void {
  for (const name of [STORE_NAME, ARCHIVE_NAME]) syncFile(join(work, name), 'must-exist');
  syncFile(work, 'must-exist');
}

/** Bytes of a file, 0 if it is not there. */
export function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function mkdirFor(work: string): void {
  try {
    mkdirSync(work, { recursive: true });
  } catch (error) {
    if (!isOperational(error)) throw error;
    throw translateError(error, work);
  }
}
