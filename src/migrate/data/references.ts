/**
 * Rows of v1 that name a row of another table by a foreign key, as edges: from the record of the one to the record
 * of the other, with the type of the column (`episode` of `episode_id`) and the weight 1. What names no record
 * is kept beside the archive's rows with the reason.
 */
import type { Database } from '../../memory/database.js';
import { type Row, unpackRow } from '../../memory/exact-row.js';
import type { Pace } from '../../memory/pace.js';
import type { ForeignKey } from '../../v1/rows.js';
import type { ArchiveWriter, MemoryLine, ReferenceLine } from './archive-writer.js';
import { REFERENCES_PER_COMMIT } from './limits.js';
import { edgeOfTarget, edgeTarget } from './names.js';
import { nameIn, type RowWriter, type Source } from './row-writer.js';
import type { StoreWriter } from './store-writer.js';

/** What a foreign key does not tell is how much it counts. */
export const REFERENCE_WEIGHT = 1;

export interface ReferencesOptions {
  readonly archive: ArchiveWriter;
  readonly store: Database;
  readonly writer: StoreWriter;
  readonly rows: RowWriter;
  /** Users have the store: an edge that was made before and is gone was removed by them. */
  readonly isInUse: boolean;
  readonly pace: Pace;
}

/** Once all rows are in. Can be done again, also after a kill. Returns how many edges it made or removed. */
export async function writeReferences(
  sources: readonly Source[],
  options: ReferencesOptions,
): Promise<number> {
  let changed = 0;
  for (const source of sources) {
    for (const { table, placement } of source.tables) {
      if (placement.kind !== 'memory') continue;
      const keys = source.reading.foreignKeys(table).filter((key) => isToMemory(source, key));
      if (keys.length > 0) {
        changed += await new References(source, keys, options).writeTable(table);
      }
    }
  }
  return changed;
}

/** Whether the rows that are named become records. */
function isToMemory({ tables }: Source, { table }: ForeignKey): boolean {
  return tables.some((each) => each.table === table && each.placement.kind === 'memory');
}

/** The type of the edges of a foreign key. */
function relationOf({ column }: ForeignKey): string {
  return column.replace(/_id$/i, '') || column;
}

class References {
  readonly #source: Source;
  readonly #keys: readonly ForeignKey[];
  readonly #options: ReferencesOptions;
  #changed = 0;

  constructor(source: Source, keys: readonly ForeignKey[], options: ReferencesOptions) {
    this.#source = source;
    this.#keys = keys;
    this.#options = options;
  }

  async writeTable(table: string): Promise<number> {
    const { archive, store, pace } = this.#options;
    for (let after = 0; ;) {
      const lines = archive.memoryLines(this.#source.number, table, after, REFERENCES_PER_COMMIT);
      const last = lines.at(-1);
      if (last === undefined) return this.#changed;
      archive.database.exec('BEGIN IMMEDIATE');
      store.exec('BEGIN IMMEDIATE');
      for (const line of lines) this.#writeLine(table, line);
      // An edge whose line is lost between the two is made and written down again.
      store.exec('COMMIT');
      archive.database.exec('COMMIT');
      after = last.seq;
      if (pace.isDue) await pace.pause();
    }
  }

  #writeLine(table: string, { rowKey, target, row }: MemoryLine): void {
    const values = unpackRow(row);
    for (const key of this.#keys) {
      const place = { store: this.#source.number, table, rowKey, column: key.column };
      const before = this.#options.archive.reference(place);
      const name = nameIn(values, key.column);
      if (name === before?.value && before?.outcome === 'edge' && this.#options.isInUse) continue;
      if (before !== undefined && name !== before.value) this.#forget(before);
      if (name !== undefined)
        this.#write(key, { ...place, value: name, from: target, row: values });
    }
  }

  #write(
    key: ForeignKey,
    {
      from,
      row,
      ...place
    }: Pick<ReferenceLine, 'store' | 'table' | 'rowKey' | 'column' | 'value'> & {
      readonly from: string;
      readonly row: Row;
    },
  ): void {
    const { archive, writer, rows } = this.#options;
    const refuse = (reason: 'link-end-missing' | 'link-twice', sentence: string): void => {
      archive.setReference({ ...place, outcome: 'quarantined', target: null, reason, sentence });
    };
    const createdAtMs = writer.createdAtOf(from);
    const to = rows.targetOf(this.#source, { column: key.column, tables: [key.table] }, row);
    const name = JSON.stringify(place.value.slice(0, 200));
    if (createdAtMs === undefined || to === undefined || writer.createdAtOf(to) === undefined) {
      refuse('link-end-missing', `${key.column} names ${name} of ${key.table}, which is no memory`);
      return;
    }
    const relation = relationOf(key);
    const edge = { from, to, relation, weight: REFERENCE_WEIGHT, createdAtMs };
    if (!writer.addEdge(edge)) {
      refuse('link-twice', `the same memories are linked as ${JSON.stringify(relation)} already`);
      return;
    }
    this.#changed += 1;
    const target = edgeTarget(from, to, relation);
    archive.setReference({ ...place, outcome: 'edge', target, reason: null, sentence: null });
  }

  /** The row names another one now, or none. */
  #forget({ outcome, target, ...line }: ReferenceLine): void {
    const { archive, writer } = this.#options;
    archive.removeReference(line);
    if (outcome !== 'edge' || target === null) return;
    const [from, to, relation] = edgeOfTarget(target);
    // Another weight is of a user of v2.
    if (writer.edgeWeight(from, to, relation) !== REFERENCE_WEIGHT) return;
    writer.removeEdge(from, to, relation);
    this.#changed += 1;
  }
}
