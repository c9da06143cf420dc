/** Causal edges that a migration brought, for the tools: `src/compat/layout/archived-edges.ts` says which. */
import { dirname, join } from 'node:path';
import { ARCHIVED_EDGES_TAKEN, readArchivedEdges } from '../compat/layout/archived-edges.js';
import type { TableRow } from '../compat/layout/table.js';
import type { MemoryStore } from '../memory/index.js';
import { ARCHIVE_NAME } from '../migrate/files.js';
import { CAUSAL_EDGES, type NewRow } from './rows.js';

const AT_ONCE_RECORDS = 1000;

export interface ArchivedEdge extends NewRow {
  readonly id: string;
}

/** Those that are no records yet. */
export async function archivedEdges(store: MemoryStore): Promise<ArchivedEdge[]> {
  const { namespace, id } = ARCHIVED_EDGES_TAKEN;
  if ((await store.get(id, { namespace })) !== null) return [];
  return readArchivedEdges(join(dirname(store.path), ARCHIVE_NAME)).map(edgeOf);
}

function edgeOf({ id = null, ...metadata }: TableRow): ArchivedEdge {
  const mechanism = metadata['mechanism'];
  const content = typeof mechanism === 'string' ? mechanism : '';
  return { id: String(id), content, metadata, vector: null };
}

/** Makes records of them, once for all; to do it again does no harm. */
export async function takeArchivedEdges(store: MemoryStore): Promise<void> {
  const edges = await archivedEdges(store);
  if (edges.length === 0) return;
  const records = edges.map((edge) => ({ ...edge, namespace: CAUSAL_EDGES }));
  for (let at = 0; at < records.length; at += AT_ONCE_RECORDS) {
    await store.putMany(records.slice(at, at + AT_ONCE_RECORDS));
  }
  await store.put(ARCHIVED_EDGES_TAKEN);
}
