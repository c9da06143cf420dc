/** The rows of v1 in the one order in which every run takes them. */
import { rowHash } from '../../memory/checksums.js';
import type { V1Reading, V1Row } from '../../v1/rows.js';
import { type PlacedTable, placedTable } from './placements/index.js';
import type { HashedRow, Source } from './row-writer.js';

/** Hash of a row under the name of its table: 128 bits of SHA-256, as the archive has it. */
export function hashOfRow({ table, row }: V1Row): string {
  return rowHash({ table, value: row });
}

/** What every row becomes, before any is read. `number` gives the number of a store in the archive. */
export function sourcesOf(
  readings: readonly V1Reading[],
  number: (reading: V1Reading) => number,
): Source[] {
  return readings.map((reading) => {
    const tables = reading.tables.map((table) => placedTable(reading, table));
    return { number: number(reading), reading, tables };
  });
}

/** A table in turn. */
export interface Turn {
  readonly source: Source;
  readonly table: PlacedTable;
}

/**
 * Records of all stores first, then what belongs to them: embeddings, parts of indexes that name
 * embeddings, and edges.
 */
export function turnsOf(sources: readonly Source[]): Turn[] {
  const turns = sources.flatMap((source) => {
    return source.tables.map((table) => ({ source, table, rank: rankOf(source, table) }));
  });
  return turns.sort((a, b) => a.rank - b.rank);
}

function rankOf(source: Source, { placement }: PlacedTable): number {
  if (placement.kind === 'memory') return 0;
  if (placement.kind === 'edge') return 3;
  const isOfVector = placement.of.tables.some((name) => {
    return source.tables.some(
      ({ table, placement: { kind } }) => table === name && kind === 'vector',
    );
  });
  return isOfVector ? 2 : 1;
}

export function hashed(row: V1Row): HashedRow {
  return { ...row, hash: hashOfRow(row) };
}

/** Rows of all tables, as v1 counted them. */
export function countedRows(readings: readonly V1Reading[]): number {
  return readings.reduce((sum, { store }) => {
    return sum + Object.values(store.rows).reduce((rows, count) => rows + count, 0);
  }, 0);
}
