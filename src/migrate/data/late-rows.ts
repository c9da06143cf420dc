/** What v1 wrote after it was migrated, into a store and an archive that are in use already. */
import { openSync, closeSync, fsyncSync } from 'node:fs';

import { MemoryError, translateError } from '../../memory/errors.js';
import { LogPosition } from '../../memory/log-position.js';
import { Pace } from '../../memory/pace.js';
import { bringInLeftPuts } from '../../memory/store/left-puts.js';
import { StoreLock } from '../../memory/store/lock.js';
import {
  createStoreTables,
  DIMENSIONS_KEY,
  MODEL_KEY,
  OWNER_KEY,
} from '../../memory/store/store-file.js';
import { openV2File } from '../../memory/v2-file.js';
import { VectorJournal } from '../../memory/vector-journal.js';
import { ArchiveWriter } from './archive-writer.js';
import type { DataOptions, DataReport } from './contract.js';
import { intoOneFile } from './draft.js';
import { embedPending } from './embed.js';
import { LateRowWriter } from './late-row-writer.js';
import { COMMIT_MS, ROWS_PER_COMMIT } from './limits.js';
import { lostOf } from './migrate-data.js';
import { Rate } from './rate.js';
import { writeReferences } from './references.js';
import { reportOf } from './report.js';
import { RowWriter, type Source } from './row-writer.js';
import { countedRows, hashed, sourcesOf, turnsOf } from './sources.js';
import { PENDING_TABLE, StoreWriter } from './store-writer.js';

export interface LateOptions extends DataOptions {
  /** Paths of a store and an archive that `migrateData` made; the store is open nowhere. */
  readonly store: string;
  readonly archive: string;
  /** What v2 writes is written to v1 as well: a row with the text of a record of v2 is that record. */
  readonly isMirrored?: boolean;
}

/**
 * Adds rows of v1 that the archive does not have, and takes over those that have changed. Where the record of
 * one has changed in v2 as well, v2's stays and the row goes to quarantine. Rows that were deleted in v1
 * stay in v2. Killed at any instant, the next call goes on. Throws `locked`, `invalid` for an embedder of
 * another model, and what `migrateData` throws.
 */
export async function addLateRows(options: LateOptions): Promise<DataReport> {
  const lock = StoreLock.take(options.store);
  try {
    bringInLeftPuts(options.store, lock);
    return await new LateRun(options).run();
  } catch (error) {
    throw translateError(error, options.store);
  } finally {
    lock.release();
  }
}

/** Lines on their way into the archive; gone when late rows are done. */
const LINES_TABLE = 'agentic_flow_migration_lines';

class LateRun {
  readonly #options: LateOptions;
  readonly #store;
  readonly #archive: ArchiveWriter;
  readonly #position: LogPosition;
  readonly #journal: VectorJournal;
  readonly #pace: Pace;
  #late = 0;
  #rows = 0;

  constructor(options: LateOptions) {
    this.#options = options;
    this.#store = openV2File(options.store);
    try {
      createStoreTables(this.#store);
      this.#position = new LogPosition(this.#store);
      this.#checkModel();
      this.#journal = new VectorJournal(this.#store);
      this.#archive = ArchiveWriter.open(options.archive);
    } catch (error) {
      this.#store.close();
      throw error;
    }
    this.#pace = new Pace(options.signal);
  }

  async run(): Promise<DataReport> {
    const startedMs = performance.now();
    const { readings, nowMs = Date.now(), isMirrored = false } = this.#options;
    try {
      this.#redo();
      const sources = sourcesOf(readings, ({ store }) => this.#archive.storeNumber(store));
      this.#begin();
      const writer = new LateRowWriter(new StoreWriter(this.#store), this.#archive, {
        nowMs,
        isMirrored,
      });
      const rate = new Rate('late', this.#options.onProgress, { total: countedRows(readings) });
      for (const { source, table } of turnsOf(sources)) {
        for (const read of source.reading.rows(table.table)) {
          if (writer.write(source, table, hashed(read))) this.#late += 1;
          rate.update((this.#rows += 1));
          await this.#pauseIfDue();
        }
      }
      this.#commit();
      const changed = await this.#references(sources, nowMs);
      rate.end(this.#rows);
      const rowsMs = performance.now() - startedMs;
      const counts = await embedPending({ ...this.#options, store: this.#store, step: 'late' });
      this.#finish(this.#late + changed > 0 || counts.embedded + counts.reused > 0);
      this.#archive.finish(lostOf(sources));
      const report = reportOf(this.#archive.database, this.#store, sources);
      const totalMs = performance.now() - startedMs;
      const seconds = {
        rows: rowsMs / 1000,
        embed: (totalMs - rowsMs) / 1000,
        total: totalMs / 1000,
      };
      const { embedded, kept: vectorsKept, reused } = counts;
      return { ...report, embedded, vectorsKept, reused, late: this.#late, seconds };
    } finally {
      this.#close();
    }
  }

  /** Edges of foreign keys. An archive of a release before has none: then those of all rows are made. */
  #references(sources: readonly Source[], nowMs: number): Promise<number> {
    const writer = new StoreWriter(this.#store);
    const rows = new RowWriter(writer, this.#archive, nowMs);
    return writeReferences(sources, {
      store: this.#store,
      archive: this.#archive,
      writer,
      rows,
      isInUse: true,
      pace: this.#pace,
    });
  }

  /** A store has one model. */
  #checkModel(): void {
    const { embedder, store: path } = this.#options;
    const model = this.#position.meta(MODEL_KEY);
    const dimensions = this.#position.meta(DIMENSIONS_KEY);
    if (model === undefined) return;
    if (model === embedder.model && Number(dimensions) === embedder.dimensions) return;
    throw new MemoryError(
      'invalid',
      `${path} has vectors of ${dimensions} components of ${JSON.stringify(model)}, the embedder makes ` +
        `${embedder.dimensions} of ${JSON.stringify(embedder.model)}; a store has one model`,
      path,
    );
  }

  #begin(): void {
    this.#archive.database.exec('BEGIN IMMEDIATE');
    this.#store.exec('BEGIN IMMEDIATE');
    this.#rowsOfCommit = 0;
    this.#begunMs = performance.now();
  }

  #rowsOfCommit = 0;
  #begunMs = 0;

  async #pauseIfDue(): Promise<void> {
    this.#rowsOfCommit += 1;
    const isOld = performance.now() - this.#begunMs >= COMMIT_MS;
    if (this.#rowsOfCommit >= ROWS_PER_COMMIT || isOld) {
      this.#commit();
      this.#begin();
    }
    if (this.#pace.isDue) await this.#pace.pause();
  }

  /**
   * Both files as one: what goes into the archive is in the store's transaction as well, and is put into
   * the archive by the next run should this one die between the two.
   */
  #commit(): void {
    if (this.#late > 0) this.#touch();
    this.#store.exec(`DELETE FROM ${LINES_TABLE}`);
    for (const seq of this.#archive.written ?? []) {
      this.#store.run(
        `INSERT INTO ${LINES_TABLE} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...this.#archive.line(seq),
      );
    }
    this.#archive.written = new Set();
    this.#store.exec('COMMIT');
    this.#archive.database.exec('COMMIT');
  }

  /** The lines of the last transaction, which the archive may not have. */
  #redo(): void {
    this.#store.exec(
      `CREATE TABLE IF NOT EXISTS ${LINES_TABLE} (seq INTEGER PRIMARY KEY, store, table_name, row_key,
         hash, outcome, target, reason, detail, made, row)`,
    );
    const lines = this.#store.all(`SELECT * FROM ${LINES_TABLE} ORDER BY seq`);
    this.#archive.database.transaction(() => {
      for (const line of lines) this.#archive.putLine(line);
    });
    this.#archive.written = new Set();
  }

  /** The content is another: snapshots of the indexes are of no use any more. */
  #touch(): void {
    const index = this.#position.appliedIndex + 1;
    this.#position.setAppliedIndex(index);
    this.#position.setMeta(OWNER_KEY, index);
    this.#journal.begin(index);
  }

  #finish(isChanged: boolean): void {
    this.#store.transaction(() => {
      this.#store.exec(`DROP TABLE IF EXISTS ${PENDING_TABLE}`);
      this.#store.exec(`DROP TABLE IF EXISTS ${LINES_TABLE}`);
      const { model, dimensions } = this.#options.embedder;
      if (this.#store.number('SELECT count(*) FROM vectors LIMIT 1') > 0) {
        this.#position.setMeta(MODEL_KEY, model);
        this.#position.setMeta(DIMENSIONS_KEY, dimensions);
      }
      if (isChanged) this.#touch();
    });
    for (const database of [this.#store, this.#archive.database]) intoOneFile(database);
  }

  #close(): void {
    this.#store.close();
    this.#archive.close();
    for (const path of [this.#options.store, this.#options.archive]) {
      const file = openSync(path, 'r');
      fsyncSync(file);
      closeSync(file);
    }
  }
}
