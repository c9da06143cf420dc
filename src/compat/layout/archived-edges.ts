/**
 * Causal edges that a migration brought. An edge of the store has no uplift, so their rows lie in the archive,
 * and become records with the first write of whatever program makes one. Edges between ideas, which v1's own
 * MCP server wrote with 0 for both ends, have no ends in the store at all.
 */
import { existsSync } from 'node:fs';
import { Database } from '../../memory/database.js';
import { isOfAnotherSchema } from '../../memory/errors.js';
import type { JsonValue } from '../../memory/engine.js';
import { type Row, textOf, unpackRow } from '../../memory/exact-row.js';
import type { TableRow } from './table.js';

/** This record says that the rows of the archive are records. */
export const ARCHIVED_EDGES_TAKEN = {
  namespace: 'agentic-flow/compat',
  id: 'archived edges are records',
  content: 'archived edges are records',
  metadata: {},
  vector: null,
} as const;

const JSON_COLUMNS: ReadonlySet<string> = new Set(['evidence_ids', 'experiment_ids', 'metadata']);

/** Those that were refused for another reason were no edges of v1's either. */
export function readArchivedEdges(path: string): TableRow[] {
  if (!existsSync(path)) return [];
  const database = Database.open(path, { readOnly: true });
  try {
    const rows = database.all(
      `SELECT outcome, row FROM v1_rows WHERE table_name = 'causal_edges'
         AND outcome IN ('edge', 'quarantined') ORDER BY seq`,
    );
    return rows.flatMap(([outcome, packed = null]) => {
      const row = plainRow(unpackRow(packed));
      const isOfIdeas = row['from_memory_id'] === 0 && row['to_memory_id'] === 0;
      return outcome === 'edge' || isOfIdeas ? [row] : [];
    });
  } catch (error) {
    // An archive of another form says nothing about these.
    if (isOfAnotherSchema(error)) return [];
    throw error;
  } finally {
    database.close();
  }
}

function plainRow(row: Row): TableRow {
  const columns = Object.entries(row).map(([column, value]): [string, JsonValue] => {
    if (typeof value === 'bigint') return [column, plainNumber(value)];
    if (value instanceof Uint8Array) return [column, textOf(value)];
    if (typeof value !== 'string' || !JSON_COLUMNS.has(column)) return [column, value];
    try {
      return [column, JSON.parse(value) as JsonValue];
    } catch {
      return [column, value];
    }
  });
  return Object.fromEntries(columns);
}

function plainNumber(value: bigint): JsonValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
