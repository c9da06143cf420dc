/** Decides what becomes of a row of v1, and writes it into the store. */
import { type Row, textOf } from '../../memory/exact-row.js';
import { memoryKey } from '../../memory/memory-key.js';
import type { V1Reading, V1Row } from '../../v1/rows.js';
import type { ArchiveWriter, Fate } from './archive-writer.js';
import { carriedId, edgeTarget, isRelation } from './names.js';
import { type PlacedTable, tablesOfEnd } from './placements/index.js';
import { placeMemory } from './placements/place.js';
import type {
  EdgeTable,
  EndColumn,
  MemoryTable,
  Placed,
  Refused,
  VectorTable,
} from './placements/placement.js';
import { brokenTexts, timeOf } from './placements/values.js';
import type { PlacedEdge, StoreWriter } from './store-writer.js';

/** A store of v1 that is being read, with its number in the archive. */
export interface Source {
  readonly number: number;
  readonly reading: V1Reading;
  readonly tables: readonly PlacedTable[];
}

/** A row with the hash under which the archive has it. */
export interface HashedRow extends V1Row {
  readonly hash: string;
}

export class RowWriter {
  readonly #store: StoreWriter;
  readonly #archive: ArchiveWriter;
  readonly #nowMs: number;

  constructor(store: StoreWriter, archive: ArchiveWriter, nowMs: number) {
    this.#store = store;
    this.#archive = archive;
    this.#nowMs = nowMs;
  }

  /** Writes what the row becomes, if anything, and says what that is. */
  write(source: Source, table: PlacedTable, row: HashedRow): Fate {
    const { placement } = table;
    if (placement.kind === 'memory') return this.#memory(source, { ...table, placement }, row);
    if (placement.kind === 'edge') return this.#edge(source, placement, row);
    return this.#vector(source, placement, row);
  }

  /** The record that the row is to be, or why it is none. */
  place(table: PlacedTable & { readonly placement: MemoryTable }, row: V1Row): Placed | Refused {
    const placed = placeMemory(table, row);
    if ('reason' in placed) return placed;
    const { expiresAtMs } = placed;
    if (expiresAtMs === null || expiresAtMs > this.#nowMs) return placed;
    const sentence = `expired in v1 at ${new Date(expiresAtMs).toISOString()}`;
    return { reason: 'expired', sentence };
  }

  #memory(
    source: Source,
    table: PlacedTable & { readonly placement: MemoryTable },
    row: HashedRow,
  ): Fate {
    const placed = this.place(table, row);
    if ('reason' in placed) return { outcome: 'quarantined', refused: placed };
    const from = { store: source.reading.store.name, table: table.table, hash: row.hash };
    return { outcome: 'memory', ...this.#store.addRecord(placed, from) };
  }

  #edge(source: Source, placement: EdgeTable, row: HashedRow): Fate {
    const edge = this.placeEdge(source, placement, row);
    if ('reason' in edge) return { outcome: 'quarantined', refused: edge };
    const { from, to, relation, weight } = edge;
    const target = edgeTarget(from, to, relation);
    if (this.#store.addEdge(edge)) return { outcome: 'edge', target, made: String(weight) };
    const other = this.#store.edgeWeight(from, to, relation);
    const sentence =
      `the same memories are linked as ${JSON.stringify(relation)} already, with the weight ` +
      `${other} and not ${weight}`;
    return { outcome: 'quarantined', refused: { reason: 'link-twice', sentence } };
  }

  /** The edge that the row is to be, or why it is none. */
  placeEdge(
    source: Source,
    placement: EdgeTable,
    { table, key, row }: V1Row,
  ): PlacedEdge | Refused {
    const relation =
      'name' in placement.relation ? placement.relation.name : row[placement.relation.column];
    const [start, end] = [nameIn(row, placement.from.column), nameIn(row, placement.to.column)];
    if (
      start === undefined ||
      end === undefined ||
      typeof relation !== 'string' ||
      !isRelation(relation)
    ) {
      const sentence = 'an end of the link has no name, or its type is no text';
      return { reason: 'link-without-name', sentence };
    }
    if (table === 'pattern_links' && source.reading.isPoisonedLink(key)) {
      const sentence =
        "drawn by v1's consolidate(), which compared the bytes of the embeddings, not their values";
      return { reason: 'link-from-faulty-consolidation', sentence };
    }
    const from = this.targetOf(source, placement.from, row);
    const to = this.targetOf(source, placement.to, row);
    if (from === undefined || to === undefined) {
      const missing = [from === undefined ? start : [], to === undefined ? end : []].flat();
      const names = [...new Set(missing)].map((name) => JSON.stringify(name.slice(0, 200)));
      return { reason: 'link-end-missing', sentence: `no memory has the id ${names.join(' or ')}` };
    }
    const weight = row[placement.weight.column] ?? placement.weight.otherwise;
    if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1)) {
      const said = typeof weight === 'number' ? String(weight) : typeof weight;
      const sentence = `the weight of the link is ${said}, not a number from 0 to 1`;
      return { reason: 'link-weight-out-of-range', sentence };
    }
    const times = (placement.created ?? []).map((column) => timeOf(row[column]));
    const createdAtMs = times.find((ms) => ms !== undefined) ?? 0;
    return { from, to, relation, weight, createdAtMs };
  }

  #vector(source: Source, placement: VectorTable, { row }: HashedRow): Fate {
    const target = this.targetOf(source, placement.of, row);
    if (target !== undefined) return { outcome: 'vector', target };
    const name = nameIn(row, placement.of.column) ?? '';
    const sentence = `the embedding of ${JSON.stringify(name.slice(0, 200))}, which is no memory`;
    return { outcome: 'quarantined', refused: { reason: 'vector-without-memory', sentence } };
  }

  /** Key of the record that the column names; undefined if there is none. */
  targetOf(source: Source, end: EndColumn, row: Row): string | undefined {
    const name = nameIn(row, end.column);
    if (name === undefined) return undefined;
    const type = end.type === undefined ? '' : textOf(row[end.type.column]);
    for (const table of tablesOfEnd(end, type)) {
      const target = this.#archive.targetOf(source.number, table, name);
      if (target !== undefined) return target;
      const odd = isOddKey(name) ? this.#targetOfOddKey(source, table, name) : undefined;
      if (odd !== undefined) return odd;
    }
    return undefined;
  }

  /** A row whose id looks as what names rows without one is called by its place; its record has the id. */
  #targetOfOddKey(source: Source, table: string, name: string): string | undefined {
    const placement = source.tables.find((each) => each.table === table)?.placement;
    if (placement?.kind !== 'memory' || placement.id === undefined) return undefined;
    const namespace = typeof placement.namespace === 'string' ? placement.namespace : undefined;
    if (namespace === undefined) return undefined;
    this.#archive.indexTargets();
    const target = memoryKey(namespace, carriedId(namespace, name));
    const isOwn = this.#archive.linesOf(target).some((line) => {
      return line.store === source.number && line.table === table;
    });
    return isOwn ? target : undefined;
  }
}

/** Whether a row with this id is named otherwise in the archive (`V1Row.key`). */
function isOddKey(name: string): boolean {
  return name.includes('\u001f') || /^(?:rowid|key):/.test(name);
}

/** A column as the key of another row; undefined for what is none. */
export function nameIn(row: Row, column: string): string | undefined {
  const value = row[column];
  const isName =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
  return isName && !brokenTexts(row).has(column) && value !== '' ? String(value) : undefined;
}
