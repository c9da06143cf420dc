/** Where each table of v1 goes. */
import type { V1Reading } from '../../../v1/rows.js';
import { AGENTDB } from './agentdb.js';
import { CLAUDE_FLOW } from './claude-flow.js';
import { HIVE } from './hive.js';
import { HUB } from './hub.js';
import type { EndColumn, MemoryTable, Placement, PlacementTable } from './placement.js';
import { REASONINGBANK } from './reasoningbank.js';
import { ELEMENTS, ENTRIES, UNKNOWN } from './unknown.js';

/** A table of a store with what its rows become. */
export interface PlacedTable {
  readonly table: string;
  /** The first part of the namespace: of the schema that has the table, else of the store. */
  readonly family: string;
  readonly placement: Placement;
}

const FAMILIES: readonly (readonly [family: string, tables: PlacementTable])[] = [
  ['reasoningbank', REASONINGBANK],
  // Before agentdb, whose episodes and agents have fewer columns.
  ['hub', HUB],
  ['agentdb', AGENTDB],
  ['hive', HIVE],
  ['claude-flow', CLAUDE_FLOW],
];

/** Recognises a table by its columns, never by the name of its file. */
export function placedTable(reading: V1Reading, table: string): PlacedTable {
  const columns = new Set(reading.columns(table));
  const { family, format } = reading.store;
  if (format.endsWith('-json')) {
    return { table, family, placement: isKeyValue(columns) ? ENTRIES : ELEMENTS };
  }
  const known = FAMILIES.flatMap(([of, placements]) => {
    const candidates = Object.hasOwn(placements, table) ? (placements[table] ?? []) : [];
    const fitting = candidates.filter((each) => each.columns.every((name) => columns.has(name)));
    return fitting.map((placement) => ({ table, family: of, placement }));
  });
  const tables = new Set(reading.tables);
  const found = known.find(({ placement }) => isBesideItsMemories(placement, tables)) ?? known[0];
  const unknown = isKeyValue(columns) ? KEY_VALUE : UNKNOWN;
  return found ?? { table, family, placement: unknown };
}

/** Embeddings of two schemas have the same columns; what they are of tells them apart. */
function isBesideItsMemories(placement: Placement, tables: ReadonlySet<string>): boolean {
  return placement.kind !== 'vector' || placement.of.tables.some((table) => tables.has(table));
}

function isKeyValue(columns: ReadonlySet<string>): boolean {
  return ['namespace', 'key', 'value'].every((column) => columns.has(column));
}

/** A table that keeps values by their keys, whatever its name is. */
const KEY_VALUE: MemoryTable = {
  kind: 'memory',
  columns: [],
  namespace: { column: 'namespace', otherwise: 'default' },
  id: 'key',
  content: ['value'],
  json: ['metadata'],
  created: ['timestamp', 'created_at'],
  isEmbedded: true,
};

/** The outcome of a table in words, as reports have it. */
export function outcomeText({ table, family, placement }: PlacedTable): string {
  if (placement.kind !== 'memory') return placement.kind;
  const { namespace = `${family}/${table}` } = placement;
  if (typeof namespace === 'string') return `memory in ${namespace}`;
  const { prefix = '', column } = namespace;
  return `memory in ${prefix}<${column}>`;
}

/** The tables in which the memory at an end may be, for one value of its type. */
export function tablesOfEnd(end: EndColumn, type: string): readonly string[] {
  if (end.type === undefined) return end.tables;
  const named = Object.hasOwn(end.type.tables, type) ? end.type.tables[type] : undefined;
  // A type that v1 does not name may be a table itself, in the singular or the plural.
  return named === undefined ? [type, `${type}s`] : [named];
}
