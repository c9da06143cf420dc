/** v1's `db`: the functions of its `db/queries`, on the v2 store. All but `runMigrations` return at once. */
import { existsSync } from 'node:fs';
import type { JsonObject } from '../../memory/engine.js';
import { DEFAULT_NAMESPACE } from '../../memory/memory-key.js';
import type { Operation } from '../../memory/store/operations.js';
import type { RecordInput } from '../../memory/store/records.js';
import { CompatError } from '../errors.js';
import {
  isReasoningMemory,
  type NewPattern,
  patternOf,
  type PatternRow,
  recordOfPattern,
} from '../layout/patterns.js';
import { sqliteTime } from '../layout/times.js';
import { currentProject, type Project } from '../project.js';
import { isOfModel } from './embeddings.js';
import { hasOwnVectors, readOwnVector, removeOwnVector, writeOwnVector } from './own-vectors.js';

const DAY_MS = 86_400_000;
/** v1's `retrieve.min_score` where it is not given, and the least confidence of an active memory. */
const CONFIDENCE_MIN = 0.3;

export interface Candidate extends PatternRow {
  readonly embedding: Float32Array;
  readonly age_days: number;
}

export interface Trajectory {
  readonly task_id: string;
  readonly agent_id: string;
  readonly query: string;
  readonly trajectory_json: string;
  readonly started_at?: string | undefined;
  readonly ended_at?: string | undefined;
  readonly judge_label?: string | undefined;
  readonly judge_conf?: number | undefined;
  readonly judge_reasons?: string | undefined;
  readonly matts_run_id?: string | undefined;
}

export interface MattsRun {
  readonly run_id: string;
  readonly task_id: string;
  readonly mode: string;
  readonly k: number;
  readonly status: string;
  readonly summary?: string | undefined;
}

export interface ConsolidationRun {
  readonly run_id: string;
  readonly items_processed: number;
  readonly duplicates_found: number;
  readonly contradictions_found: number;
  readonly items_pruned: number;
  readonly duration_ms: number;
}

/** Makes the store of the project where there is none. */
export async function runMigrations(): Promise<void> {
  await currentProject().records.session.useAsync(() => undefined);
}

/** v1 returned its connection to SQLite, which has no counterpart. */
export function getDb(): never {
  throw new CompatError(
    'not-offered',
    'db.getDb() returned a better-sqlite3 connection to .swarm/memory.db; memories are in the v2 store now. Use ' +
      'the other functions of db, or openMemoryStore of agentic-flow/memory for anything else',
  );
}

/** Lets go of the store; the next call takes it again. */
export function closeDb(): void {
  currentProject().close();
}

/** Every memory with an embedding, the surest first. */
export function fetchMemoryCandidates(
  options: {
    readonly domain?: string | undefined;
    readonly agent?: string | undefined;
    readonly minConfidence?: number | undefined;
  } = {},
): Candidate[] {
  const { records } = existing();
  const nowMs = Date.now();
  const found: Candidate[] = [];
  const areOwn = hasOwnVectors(records);
  for (const { record, vector } of records.scanWithVectors(DEFAULT_NAMESPACE)) {
    if (!isCandidate(record, options)) continue;
    const embedding = (areOwn ? readOwnVector(records, record.id) : undefined) ?? vector;
    if (embedding === null) continue;
    found.push({ ...patternOf(record), embedding, age_days: ageDays(record.timestamp, nowMs) });
  }
  return found.sort(surestFirst);
}

/** Whether v1's retrieval looks at a record. */
export function isCandidate(
  record: { readonly metadata: JsonObject },
  { domain, minConfidence }: { domain?: string | undefined; minConfidence?: number | undefined },
): boolean {
  if (!isReasoningMemory(record)) return false;
  const { confidence } = record.metadata;
  if (typeof confidence !== 'number' || confidence < (minConfidence || CONFIDENCE_MIN))
    return false;
  return !domain || record.metadata['domain'] === domain;
}

/** Whole days, as SQLite's julianday gives them. */
export function ageDays(timestamp: number, nowMs: number): number {
  return Math.trunc((nowMs - timestamp) / DAY_MS);
}

/** Adds or replaces a memory; returns its id. Links stay. Its vector is made with the next retrieval. */
export function upsertMemory(memory: NewPattern): string {
  const { records } = existing();
  const put = recordOfPattern(memory, Date.now());
  records.willMiss(DEFAULT_NAMESPACE);
  records.write([...removeOwnVector(records, memory.id), records.putting(put)]);
  return memory.id;
}

/**
 * Stores the embedding of a memory. What `computeEmbedding` gave is its vector; another one is kept beside
 * it and given back by `fetchMemoryCandidates`, while retrieval goes by the model of the store.
 */
export function upsertEmbedding(embedding: {
  readonly id: string;
  readonly model: string;
  readonly dims: number;
  readonly vector: Float32Array;
  readonly created_at?: string | undefined;
}): void {
  const { id, vector, model } = embedding;
  if (!(vector instanceof Float32Array)) {
    throw new CompatError('invalid', `the vector of ${JSON.stringify(id)} is no Float32Array`);
  }
  const { records } = existing();
  const record = records.get(DEFAULT_NAMESPACE, id);
  if (record === null) {
    throw new CompatError('not-found', `there is no memory ${JSON.stringify(id)} to embed`);
  }
  if (isOfModel(vector)) {
    const put = records.putting({ ...record, vector });
    records.write([...removeOwnVector(records, id), put]);
  } else {
    records.write([writeOwnVector(records, id, model, vector)]);
  }
}

/** Counts one more use. Nothing happens for an id that is not there, as in v1. */
export function incrementUsage(memoryId: string): void {
  const { records } = existing();
  records.write(countingUse(records, memoryId));
}

/** What counts a use. */
export function countingUse(records: Project['records'], memoryId: string): Operation[] {
  const record = records.get(DEFAULT_NAMESPACE, memoryId);
  if (record === null) return [];
  const used = record.metadata['usage_count'];
  const usage_count = (typeof used === 'number' ? used : 0) + 1;
  const metadata = { ...record.metadata, usage_count, last_used: sqliteTime(Date.now()) };
  return [records.putting({ ...record, metadata })];
}

export function storeTrajectory(trajectory: Trajectory): void {
  const { trajectories, records } = existing();
  const { task_id: id } = trajectory;
  records.write([
    trajectories.putting(id, {
      ...trajectory,
      trajectory_json: parsed(trajectory.trajectory_json),
      judge_reasons: parsed(trajectory.judge_reasons || null),
      started_at: trajectory.started_at || null,
      ended_at: trajectory.ended_at || null,
      judge_label: trajectory.judge_label || null,
      judge_conf: trajectory.judge_conf || null,
      matts_run_id: trajectory.matts_run_id || null,
      created_at: sqliteTime(Date.now()),
    }),
  ]);
}

/** Throws for a run that is there already, as v1's primary key did. */
export function storeMattsRun(run: MattsRun): void {
  const { mattsRuns } = existing();
  refuseTwice(mattsRuns.get(run.run_id), run.run_id);
  const { summary, ...rest } = run;
  const created_at = sqliteTime(Date.now());
  mattsRuns.put(run.run_id, { ...rest, summary: summary || null, created_at });
}

/** Never throws, as in v1: a metric is not worth a failed call. */
export function logMetric(name: string, value: number): void {
  try {
    existing().metrics.insert(metricRow(name, value));
  } catch (error) {
    console.warn(`[ReasoningBank] the metric ${name} was not stored:`, error);
  }
}

export function metricRow(name: string, value: number): JsonObject {
  return { metric_name: name, value, timestamp: sqliteTime(Date.now()) };
}

export function countNewMemoriesSinceConsolidation(): number {
  const { records, consolidationRuns } = existing();
  let lastRun = '';
  for (const { created_at: at } of consolidationRuns.rows()) {
    if (typeof at === 'string' && at > lastRun) lastRun = at;
  }
  let count = 0;
  const fromMs = lastRun === '' ? 0 : Date.parse(`${lastRun.replace(' ', 'T')}Z`);
  for (const record of records.scan(DEFAULT_NAMESPACE, fromMs || 0)) {
    if (isReasoningMemory(record) && sqliteTime(record.timestamp) > lastRun) count += 1;
  }
  return count;
}

export function getAllActiveMemories(): PatternRow[] {
  const { records } = existing();
  const active: PatternRow[] = [];
  for (const record of records.scan(DEFAULT_NAMESPACE)) {
    if (isCandidate(record, {})) active.push(patternOf(record));
  }
  return active.sort(surestFirst);
}

/** Adds a link, or replaces its weight. Throws for ends that are no memories, and a weight outside 0 to 1. */
export function storeLink(srcId: string, dstId: string, relation: string, weight: number): void {
  existing().records.link({ from: srcId, to: dstId, type: relation, weight });
}

export function getContradictions(memoryId: string): string[] {
  const edges = existing().records.edges(DEFAULT_NAMESPACE, memoryId);
  return edges.filter(({ relation }) => relation === 'contradicts').map(({ to }) => to);
}

/** Throws for a run that is there already, as v1's primary key did. */
export function storeConsolidationRun(run: ConsolidationRun): void {
  const { consolidationRuns } = existing();
  refuseTwice(consolidationRuns.get(run.run_id), run.run_id);
  consolidationRuns.put(run.run_id, { ...run, created_at: sqliteTime(Date.now()) });
}

/** Deletes memories that nobody used, are unsure, and older than so many days. Returns how many. */
export function pruneOldMemories(options: {
  readonly maxAgeDays: number;
  readonly minConfidence: number;
}): number {
  const { records } = existing();
  const nowMs = Date.now();
  const gone: RecordInput[] = [];
  for (const record of records.scan(DEFAULT_NAMESPACE)) {
    const { usage_count, confidence } = patternOf(record);
    const isOld = ageDays(record.timestamp, nowMs) > options.maxAgeDays;
    const isUnsure = usage_count === 0 && confidence < options.minConfidence;
    if (isReasoningMemory(record) && isOld && isUnsure) gone.push(record);
  }
  for (const { id } of gone) records.delete(DEFAULT_NAMESPACE, id);
  return gone.length;
}

/** The project, whose store is there: v1 wants `runMigrations` first where nothing is. */
export function existing(): Project {
  const project = currentProject();
  const { store } = project.places;
  if (existsSync(store)) return project;
  throw new CompatError('not-found', `Database not found at ${store}. Run migrations first.`);
}

function surestFirst(a: PatternRow, b: PatternRow): number {
  return b.confidence - a.confidence || b.usage_count - a.usage_count;
}

function refuseTwice(found: unknown, id: string): void {
  if (found === undefined) return;
  throw new CompatError('invalid', `the run ${JSON.stringify(id)} is stored already`);
}

/** JSON as the store has it; a text that is none stays one. */
function parsed(text: string | null): JsonObject[string] {
  if (text === null) return null;
  try {
    return JSON.parse(text) as JsonObject[string];
  } catch {
    return text;
  }
}
