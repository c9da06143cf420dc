/**
 * Causal edges that a migration brought. An edge of the store has no uplift, so their rows lie in the archive
 * (docs/migration.md) and become records with the first one that is added, as `src/compat` does it. Edges
 * between ideas, which v1's own MCP server wrote with 0 for both ends, have no ends in the store at all.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Database } from '../memory/database.js';
import type { JsonObject, JsonValue } from '../memory/engine.js';
import { textOf, unpackRow } from '../memory/exact-row.js';
import { type MemoryStore, MemoryError } from '../memory/index.js';
import { CAUSAL_EDGES, type NewRow } from './rows.js';
import { storedNumber } from './values.js';

const STATE = 'agentic-flow/compat';
const DONE = 'archived edges are records';
const JSON_COLUMNS = new Set(['evidence_ids', 'experiment_ids', 'metadata']);
const AT_ONCE_RECORDS = 1000;

export interface ArchivedEdge extends NewRow {
  readonly id: string;
}

/** Those that are no records yet. */
export async function archivedEdges(store: MemoryStore): Promise<ArchivedEdge[]> {
  if ((await store.get(DONE, { namespace: STATE })) !== null) return [];
  const path = join(dirname(store.path), 'v1-rows.db');
  if (!existsSync(path)) return [];
  const database = Database.open(path, { readOnly: true });
  try {
    const rows = database.all(
      `SELECT outcome, row FROM v1_rows WHERE table_name = 'causal_edges'
         AND outcome IN ('edge', 'quarantined') ORDER BY seq`,
    );
    return rows.flatMap(([outcome, packed = null]) => edgeOf(outcome === 'edge', packed));
  } catch (error) {
    // An archive of another form says nothing about these.
    if (error instanceof MemoryError && /no such (?:table|column)/.test(error.message)) return [];
    throw error;
  } finally {
    database.close();
  }
}

function edgeOf(isEdge: boolean, packed: Parameters<typeof unpackRow>[0]): ArchivedEdge[] {
  const entries = Object.entries(unpackRow(packed)).map(([column, value]): [string, JsonValue] => {
    if (typeof value === 'bigint') return [column, storedNumber(String(value)) ?? String(value)];
    if (value instanceof Uint8Array) return [column, textOf(value)];
    return [column, JSON_COLUMNS.has(column) ? readJson(value) : value];
  });
  const { id = null, ...metadata }: JsonObject = Object.fromEntries(entries);
  const isOfIdeas = metadata['from_memory_id'] === 0 && metadata['to_memory_id'] === 0;
  if (!isEdge && !isOfIdeas) return [];
  const mechanism = metadata['mechanism'];
  const content = typeof mechanism === 'string' ? mechanism : '';
  return [{ id: String(id), content, metadata, vector: null }];
}

function readJson(value: JsonValue): JsonValue {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as JsonValue;
  } catch {
    return value;
  }
}

/** Makes records of them, once for all; to do it again does no harm. */
export async function takeArchivedEdges(store: MemoryStore): Promise<void> {
  const edges = await archivedEdges(store);
  if (edges.length === 0) return;
  const records = edges.map((edge) => ({ ...edge, namespace: CAUSAL_EDGES }));
  for (let at = 0; at < records.length; at += AT_ONCE_RECORDS) {
    await store.putMany(records.slice(at, at + AT_ONCE_RECORDS));
  }
  await store.put({ namespace: STATE, id: DONE, content: DONE, vector: null });
}
