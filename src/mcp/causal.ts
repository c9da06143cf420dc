/** Causal edges: how much better an outcome is after a cause than without it. */
import type { JsonObject } from '../memory/engine.js';
import type { MemoryStore, StoreRecord } from '../memory/index.js';
import { archivedEdges, takeArchivedEdges } from './archived-edges.js';
import type { ProjectStore } from './project-store.js';
import { addRows, CAUSAL_EDGES, type NewRow, nowSeconds, scanned } from './rows.js';
import { storedNumber, storedText } from './values.js';

export interface CausalEdge {
  readonly id: string;
  readonly cause: string;
  readonly effect: string;
  /** What the outcome is better by; below 0 it is worse. */
  readonly uplift: number;
  /** 0 to 1. */
  readonly confidence: number;
  readonly sampleSize: number;
}

export interface NewCausalEdge {
  readonly cause: string;
  readonly effect: string;
  readonly uplift: number;
  readonly confidence: number;
  readonly sampleSize: number;
  readonly metadata?: JsonObject;
}

/** Columns as in v1, which had the two texts in those for the types of the ends. */
function causalRow(edge: NewCausalEdge): NewRow {
  const seconds = nowSeconds();
  return {
    content: `${edge.cause} → ${edge.effect}`,
    vector: null,
    metadata: {
      from_memory_id: 0,
      from_memory_type: edge.cause,
      to_memory_id: 0,
      to_memory_type: edge.effect,
      similarity: 0,
      uplift: edge.uplift,
      confidence: edge.confidence,
      sample_size: edge.sampleSize,
      created_at: seconds,
      updated_at: seconds,
      metadata: edge.metadata ?? {},
    },
  };
}

export async function addCausalEdges(
  project: ProjectStore,
  store: MemoryStore,
  edges: readonly NewCausalEdge[],
): Promise<number[]> {
  return project.inTurn('causal edges', async () => {
    await takeArchivedEdges(store);
    return addRows(project, store, CAUSAL_EDGES, edges.map(causalRow));
  });
}

function causalEdgeOf({ id, metadata }: Pick<StoreRecord, 'id' | 'metadata'>): CausalEdge {
  const [from, to] = [metadata['from_memory_id'], metadata['to_memory_id']].map(storedText);
  return {
    id,
    cause: endText(storedText(metadata['from_memory_type']), from),
    effect: endText(storedText(metadata['to_memory_type']), to),
    uplift: storedNumber(metadata['uplift']) ?? 0,
    confidence: storedNumber(metadata['confidence']) ?? 0,
    sampleSize: storedNumber(metadata['sample_size']) ?? 0,
  };
}

/** An idea by its name, a memory by its kind and number. */
function endText(type: string, id: string | undefined): string {
  return id === undefined || id === '' || id === '0' ? type : `${type} ${id}`;
}

/** Those with the most uplift first. */
export async function causalEdges(store: MemoryStore, signal: AbortSignal): Promise<CausalEdge[]> {
  const edges = new Map<string, CausalEdge>();
  for (const edge of await archivedEdges(store)) edges.set(edge.id, causalEdgeOf(edge));
  for await (const record of scanned(store, CAUSAL_EDGES, { signal })) {
    edges.set(record.id, causalEdgeOf(record));
  }
  return [...edges.values()].sort(
    (a, b) => b.uplift - a.uplift || Number(a.id) - Number(b.id) || 0,
  );
}

/** Mean uplift of the edges at an episode, or about its task; undefined where there are none. */
export function upliftAt(
  edges: readonly CausalEdge[],
  { id, task }: { readonly id: string; readonly task: string },
): number | undefined {
  const own = edges.filter(
    ({ cause, effect }) =>
      [cause, effect].includes(`episode ${id}`) || cause === task || effect === task,
  );
  if (own.length === 0) return undefined;
  return own.reduce((sum, { uplift }) => sum + uplift, 0) / own.length;
}
