/**
 * Duplicates, contradictions, and what is old and of no use (ReasoningBank, algorithm 4). v1 read the bytes of
 * its embeddings as numbers, so nearly every two memories were alike; here the vectors are compared.
 */
import { DEFAULT_NAMESPACE } from '../../memory/memory-key.js';
import { nextTurn } from '../../memory/pace.js';
import type { Operation } from '../../memory/store/operations.js';
import { linkOperation } from '../../memory/store/records.js';
import { memoryKey } from '../../memory/memory-key.js';
import { CompatError } from '../errors.js';
import { isReasoningMemory, patternOf } from '../layout/patterns.js';
import type { Records } from '../records.js';
import { loadConfig } from './config.js';
import { CONSOLIDATED_MAX } from './limits.js';
import {
  countNewMemoriesSinceConsolidation,
  existing,
  isCandidate,
  logMetric,
  pruneOldMemories,
  storeConsolidationRun,
} from './queries.js';
import { ulid } from './ulid.js';

export interface ConsolidationResult {
  readonly itemsProcessed: number;
  readonly duplicatesFound: number;
  readonly contradictionsFound: number;
  readonly itemsPruned: number;
  readonly durationMs: number;
}

interface Compared {
  readonly id: string;
  readonly usage: number;
  readonly confidence: number;
  readonly outcome: string | undefined;
  /** Of length 1. */
  readonly vector: Float32Array;
  isGone: boolean;
}

/**
 * Links what is alike as `duplicate_of` and keeps the one that was used more, links what is alike with
 * other outcomes as `contradicts`, deletes what is old, unsure and unused, and records the run.
 */
export async function consolidate(): Promise<ConsolidationResult> {
  const { consolidate: settings } = loadConfig();
  const startedMs = Date.now();
  const { records } = existing();
  await records.embedMissing(DEFAULT_NAMESPACE, isReasoningMemory);
  const { memories, count } = readMemories(records);
  const { duplicates, contradictions } = await comparePairs(records, memories, settings);
  const itemsPruned = pruneOldMemories({
    maxAgeDays: settings.prune_age_days,
    minConfidence: settings.min_confidence_keep,
  });
  const durationMs = Date.now() - startedMs;
  storeConsolidationRun({
    run_id: ulid(),
    items_processed: count,
    duplicates_found: duplicates,
    contradictions_found: contradictions,
    items_pruned: itemsPruned,
    duration_ms: durationMs,
  });
  logMetric('rb.consolidate.duration_ms', durationMs);
  logMetric('rb.consolidate.duplicates', duplicates);
  logMetric('rb.consolidate.contradictions', contradictions);
  logMetric('rb.consolidate.pruned', itemsPruned);
  return {
    itemsProcessed: count,
    duplicatesFound: duplicates,
    contradictionsFound: contradictions,
    itemsPruned,
    durationMs,
  };
}

/** True once there are as many new memories as `run_every_new_items` says. */
export function shouldConsolidate(): boolean {
  return countNewMemoriesSinceConsolidation() >= loadConfig().consolidate.trigger_threshold;
}

function readMemories(records: Records): { memories: Compared[]; count: number } {
  const memories: Compared[] = [];
  let count = 0;
  for (const record of records.scan(DEFAULT_NAMESPACE)) if (isCandidate(record, {})) count += 1;
  if (count > CONSOLIDATED_MAX) {
    const sentence =
      `${count} memories are more than a consolidation compares (${CONSOLIDATED_MAX}); ` +
      'delete old ones with db.pruneOldMemories first';
    throw new CompatError('invalid', sentence);
  }
  for (const { record, vector } of records.scanVectors(DEFAULT_NAMESPACE)) {
    if (!isCandidate(record, {})) continue;
    const { id, usage_count: usage, confidence, pattern_data: data } = patternOf(record);
    const source = data['source'];
    const isObject = typeof source === 'object' && source !== null && 'outcome' in source;
    const outcome = isObject ? String(source['outcome']) : undefined;
    memories.push({ id, usage, confidence, outcome, vector: unit(vector), isGone: false });
  }
  memories.sort((a, b) => b.confidence - a.confidence || b.usage - a.usage);
  return { memories, count };
}

async function comparePairs(
  records: Records,
  memories: readonly Compared[],
  settings: { readonly duplicate_threshold: number; readonly contradiction_threshold: number },
): Promise<{ duplicates: number; contradictions: number }> {
  const { duplicate_threshold: same, contradiction_threshold: alike } = settings;
  let [duplicates, contradictions] = [0, 0];
  for (const [at, one] of memories.entries()) {
    if (one.isGone) continue;
    const operations: Operation[] = [];
    for (const other of memories.slice(at + 1)) {
      if (other.isGone || one.isGone) continue;
      const similarity = dot(one.vector, other.vector);
      const isContrary = similarity >= alike && one.outcome !== other.outcome;
      if (isContrary) {
        contradictions += 1;
        operations.push(linking(one, other, 'contradicts', similarity));
      }
      if (similarity < same) continue;
      duplicates += 1;
      // A lesson of a failure is no copy of one of a success, however alike they are worded.
      if (one.usage < other.usage && !isContrary) {
        one.isGone = true;
        operations.push({ type: 'delete', key: memoryKey(DEFAULT_NAMESPACE, one.id) });
      } else {
        operations.push(linking(one, other, 'duplicate_of', similarity));
      }
    }
    records.write(operations);
    await nextTurn();
  }
  return { duplicates, contradictions };
}

function linking(one: Compared, other: Compared, type: string, similarity: number): Operation {
  // Rounding may give a little more than 1.
  return linkOperation({ from: one.id, to: other.id, type, weight: Math.min(1, similarity) });
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}
