/**
 * Whether every row of v1 is in the archive, to the bit, and everything that the archive says arrived is in the
 * store. Reads the files on connections of its own and shares no code with what wrote them.
 */
import { Checksums, Differences, type NamedRow } from '../../memory/checksums.js';
import { Database } from '../../memory/database.js';
import { unpackRow } from '../../memory/exact-row.js';
import { Pace } from '../../memory/pace.js';
import { decodePattern } from '../../memory/v1-pattern.js';
import { contentOf } from '../../memory/v2-file.js';
import type { V1Reading } from '../../v1/index.js';
import { type Archive, openArchive } from '../data/index.js';
import { MigrationError } from '../errors.js';
import { DIFFERENCES_LISTED_MAX } from '../limits.js';

export interface RowValidation {
  /** Rows of v1 that were read. */
  readonly compared: number;
  /** Records and edges of the store that the archive names. */
  readonly targets: number;
  /** Memories whose content was compared with v1's. */
  readonly contents: number;
}

export interface StorePaths {
  readonly store: string;
  readonly archive: string;
}

/** Throws `differs` with the first differences, and the reason of the signal. */
export async function validateRows(
  readings: readonly V1Reading[],
  { store, archive }: StorePaths,
  signal?: AbortSignal,
): Promise<RowValidation> {
  const rows = openArchive(archive);
  const database = Database.open(archive, { readOnly: true });
  try {
    database.run('ATTACH DATABASE ? AS v2', store);
    return await new RowComparison(readings, rows, database, signal).run();
  } finally {
    database.close();
    rows.close();
  }
}

class RowComparison {
  readonly #readings: readonly V1Reading[];
  readonly #archive: Archive;
  /** The archive's file with the store's as `v2`. */
  readonly #database: Database;
  readonly #pace: Pace;
  readonly #differences: string[] = [];

  constructor(
    readings: readonly V1Reading[],
    archive: Archive,
    database: Database,
    signal: AbortSignal | undefined,
  ) {
    this.#readings = readings;
    this.#archive = archive;
    this.#database = database;
    this.#pace = new Pace(signal);
  }

  async run(): Promise<RowValidation> {
    const compared = await this.#compareArchive();
    this.#compareTargets();
    const contents = await this.#compareContents();
    if (this.#differences.length > 0) {
      const list = this.#differences.slice(0, DIFFERENCES_LISTED_MAX).join('; ');
      throw new MigrationError(
        'differs',
        `the new store is not what v1 holds: ${list}. This is a bug of the migration: keep the v1 files ` +
          'and report it',
      );
    }
    const targets = this.#database.number(
      `SELECT count(*) FROM v1_rows WHERE outcome IN ('memory', 'edge')`,
    );
    return { compared, targets, contents };
  }

  async #compareArchive(): Promise<number> {
    const first = new Checksums();
    let compared = 0;
    for (const row of rowsOfV1(this.#readings)) {
      first.add(row);
      compared += 1;
      if (this.#pace.isDue) await this.#pace.pause();
    }
    const second = new Checksums();
    for (const row of this.#archived()) {
      second.add(row);
      if (this.#pace.isDue) await this.#pace.pause();
    }
    const buckets = first.differingBuckets(second);
    if (buckets.size > 0) await this.#listDifferences(buckets);
    return compared;
  }

  async #listDifferences(buckets: ReadonlySet<number>): Promise<void> {
    const differences = new Differences(buckets);
    for (const row of rowsOfV1(this.#readings)) {
      differences.add(row, 'first');
      if (this.#pace.isDue) await this.#pace.pause();
    }
    for (const row of this.#archived()) {
      differences.add(row, 'second');
      if (this.#pace.isDue) await this.#pace.pause();
    }
    for (const { row, side } of differences.list()) {
      const { key } = row.value as { key: string };
      const where = side === 'first' ? 'not in the archive' : 'only in the archive';
      this.#differences.push(`${row.table} ${JSON.stringify(key)} is ${where}`);
    }
  }

  *#archived(): IterableIterator<NamedRow> {
    for (const { store, table, key, row } of this.#archive.find({})) {
      yield { table: `${store} ${table}`, value: { key, row } };
    }
  }

  /** What arrived is there; what is refused says why. */
  #compareTargets(): void {
    const missing = this.#database.all(
      `SELECT r.table_name, r.row_key FROM main.v1_rows r
       WHERE r.outcome = 'memory' AND NOT EXISTS (SELECT 1 FROM v2.records x WHERE x.id = r.target)
       LIMIT ?`,
      DIFFERENCES_LISTED_MAX,
    );
    for (const [table, key] of missing) {
      this.#differences.push(`the memory of ${table} ${JSON.stringify(key)} is not in the store`);
    }
    const edges = this.#database.number(
      `SELECT count(DISTINCT target) FROM main.v1_rows WHERE outcome = 'edge'`,
    );
    const held = this.#database.number('SELECT count(*) FROM v2.edges');
    if (held < edges) this.#differences.push(`${edges} edges should be in the store, ${held} are`);
    const references = this.#database.number(
      `SELECT count(*) FROM main.v1_references r WHERE r.outcome = 'edge' AND NOT EXISTS (SELECT 1 FROM v2.edges e
       WHERE json_array(e.from_id, e.to_id, e.relation) = r.target AND e.from_id = json_extract(r.target, '$[0]'))`,
    );
    if (references > 0) this.#differences.push(`${references} edges of foreign keys are not there`);
    const silent = this.#database.number(
      `SELECT count(*) FROM main.v1_rows WHERE outcome = 'quarantined' AND (reason IS NULL OR reason = '')`,
    );
    if (silent > 0) this.#differences.push(`${silent} rows are in quarantine without a reason`);
  }

  /** A pattern's content is read by the engine of v1 as well, which knows nothing of the migration. */
  async #compareContents(): Promise<number> {
    let contents = 0;
    const rows = this.#database.iterate(
      `SELECT r.row_key, r.row, x.body FROM main.v1_rows r JOIN v2.records x ON x.id = r.target
       WHERE r.outcome = 'memory' AND r.table_name = 'patterns'`,
    );
    for (const [key, packed = null, body = null] of rows) {
      const row = unpackRow(packed);
      if (!('pattern_data' in row)) continue;
      contents += 1;
      const [content] = contentOf(body) ?? [];
      if (content !== decodePattern(row).memory.content) {
        this.#differences.push(`patterns ${JSON.stringify(key)} has another content than in v1`);
      }
      if (this.#pace.isDue) await this.#pace.pause();
    }
    return contents;
  }
}

function* rowsOfV1(readings: readonly V1Reading[]): IterableIterator<NamedRow> {
  for (const reading of readings) {
    for (const table of reading.tables) {
      for (const { key, row } of reading.rows(table)) {
        yield { table: `${reading.store.name} ${table}`, value: { key, row } };
      }
    }
  }
}
