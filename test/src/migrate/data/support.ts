/** What the tests of the data phase share: readings of rows in memory. */
import type { Row } from '../../../../src/memory/exact-row.js';
import type { V1Reading, V1Row, V1Store } from '../../../../src/v1/rows.js';

export interface TableRows {
  readonly columns?: readonly string[];
  /** Column whose value is the key; the place of the row unless given. */
  readonly key?: string | readonly string[];
  readonly foreignKeys?: ReturnType<V1Reading['foreignKeys']>;
  readonly rows: readonly Row[];
}

export interface MemoryReadingOptions extends Partial<Pick<V1Store, 'name' | 'family' | 'format'>> {
  readonly poisoned?: readonly string[];
  readonly lost?: ReturnType<V1Reading['lost']>;
}

/** A reading whose rows are given. */
export function memoryReading(
  tables: Readonly<Record<string, TableRows>>,
  options: MemoryReadingOptions = {},
): V1Reading {
  const { name = '.swarm/memory.db', family = 'reasoningbank', format = 'A' } = options;
  const rows = Object.entries(tables).map(([table, { rows: all }]) => [table, all.length]);
  const store: V1Store = {
    path: `/v1/${name}`,
    name,
    family,
    format,
    state: 'ok',
    bytes: 0,
    walBytes: 0,
    rows: Object.fromEntries(rows) as Record<string, number>,
    findings: [],
  };
  return {
    store,
    tables: Object.keys(tables),
    columns: (table) => tables[table]?.columns ?? Object.keys(tables[table]?.rows[0] ?? {}),
    foreignKeys: (table) => tables[table]?.foreignKeys ?? [],
    *rows(table): IterableIterator<V1Row> {
      const { rows: all = [], key } = tables[table] ?? {};
      for (const [at, row] of all.entries()) {
        const names = key === undefined ? [] : [key].flat();
        const parts = names.map((column) => String(row[column]));
        yield { table, key: key === undefined ? `rowid:${at + 1}` : parts.join('\u001f'), row };
      }
    },
    lost: () => options.lost ?? [],
    isPoisonedLink: (key) => options.poisoned?.includes(key) ?? false,
    close: () => undefined,
  };
}

/** A row of `patterns` of schema A. */
export function pattern(id: string, content: string, data: Record<string, unknown> = {}): Row {
  return {
    id,
    type: 'reasoning_memory',
    pattern_data: JSON.stringify({ title: `title of ${id}`, content, ...data }),
    confidence: 0.7,
    usage_count: 3,
    created_at: '2026-11-22 15:20:58',
    last_used: null,
  };
}

/** A row of `pattern_links`. */
export function link(
  from: string,
  to: string,
  relation = 'refines',
  weight: Row[string] = 0.5,
): Row {
  return { src_id: from, dst_id: to, relation, weight, created_at: '2026-11-22 15:26:24' };
}

export const LINK_KEY = ['src_id', 'dst_id', 'relation'] as const;
