/**
 * Rows of v1's tables as records: the namespace says the table, the id the key, the metadata the columns
 * (docs/migration.md), so what was migrated and what is new are read alike.
 */
import type { JsonObject } from '../memory/engine.js';
import type { MemoryStore, RecordInput, StoreRecord } from '../memory/index.js';
import { ToolError } from './errors.js';
import { PAGE_RECORDS, SCANNED_RECORDS_MAX } from './limits.js';
import type { ProjectStore } from './project-store.js';

export const EPISODES = 'agentdb/episodes';
export const SKILLS = 'agentdb/skills';
export const PATTERNS = 'agentdb/reasoning_patterns';
export const CAUSAL_EDGES = 'agentdb/causal_edges';
export const CERTIFICATES = 'agentdb/recall_certificates';
export const SESSIONS = 'agentdb/learning_sessions';
export const EXPERIENCES = 'agentdb/learning_experiences';
export const POLICIES = 'agentdb/learning_policies';

/** The highest number given out, by namespace. */
export const COUNTERS = 'agentic-flow/counters';

export interface NewRow {
  readonly content: string;
  readonly metadata: JsonObject;
  /** Null: none is made. */
  readonly vector?: null;
}

/**
 * Adds rows with the next numbers of their table, and other records with them, all or none. Returns the
 * numbers.
 */
export async function addRows(
  project: ProjectStore,
  store: MemoryStore,
  namespace: string,
  rows: readonly NewRow[],
  others: readonly RecordInput[] = [],
): Promise<number[]> {
  return project.inTurn(namespace, async () => {
    const last = await lastNumber(store, namespace);
    const numbers = rows.map((_, at) => last + 1 + at);
    const counter = {
      namespace: COUNTERS,
      id: namespace,
      content: 'the highest number given out',
      metadata: { last: last + rows.length },
      vector: null,
    };
    const records = rows.map((row, at) => ({ ...row, namespace, id: String(numbers[at]) }));
    await store.putMany([...records, counter, ...others]);
    return numbers;
  });
}

async function lastNumber(store: MemoryStore, namespace: string): Promise<number> {
  const counter = await store.get(namespace, { namespace: COUNTERS });
  let last = Number(counter?.metadata['last'] ?? NaN);
  if (!Number.isSafeInteger(last) || last < 0) last = await highestNumber(store, namespace);
  // Another program may have added some since.
  while ((await store.get(String(last + 1), { namespace })) !== null) last += 1;
  return last;
}

async function highestNumber(store: MemoryStore, namespace: string): Promise<number> {
  let highest = 0;
  for await (const { id } of everyRecord(store, namespace)) {
    if (/^[1-9]\d{0,14}$/.test(id)) highest = Math.max(highest, Number(id));
  }
  return highest;
}

/** The records of a namespace, page by page, however many. */
async function* everyRecord(
  store: MemoryStore,
  namespace: string,
  order: 'newest' | 'id' = 'id',
  created?: { fromMs?: number; toMs?: number },
): AsyncGenerator<StoreRecord> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<MemoryStore['list']>> = await store.list({
      namespace,
      order,
      limit: PAGE_RECORDS,
      cursor,
      created,
    });
    yield* page.records;
    cursor = page.cursor;
  } while (cursor !== null);
}

export interface Scan {
  readonly signal: AbortSignal;
  readonly created?: { readonly fromMs?: number; readonly toMs?: number };
  /** Ends at the bound, where the newest records are enough; else there it throws. */
  readonly isBounded?: boolean;
}

/** The records of a namespace, the newest first. Throws `ToolError` when there are too many to look at. */
export async function* scanned(
  store: MemoryStore,
  namespace: string,
  { signal, created, isBounded = false }: Scan,
): AsyncGenerator<StoreRecord> {
  let seen = 0;
  for await (const record of everyRecord(store, namespace, 'newest', created)) {
    signal.throwIfAborted();
    seen += 1;
    if (seen > SCANNED_RECORDS_MAX) {
      if (isBounded) return;
      throw new ToolError(
        `${namespace} has more than ${SCANNED_RECORDS_MAX} records, which is more than a tool looks ` +
          'through; use "agentic-flow store" on the file',
      );
    }
    yield record;
  }
}

/** How many records each namespace has. */
export async function counts(store: MemoryStore): Promise<ReadonlyMap<string, number>> {
  const found = await store.namespaces();
  return new Map(found.map(({ namespace, records }) => [namespace, records]));
}

/** Seconds since 1970, as v1's columns have them. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
