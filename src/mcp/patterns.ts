/** Reasoning patterns: what approach works for a type of task, and how often. */
import type { JsonObject, MetadataFilter } from '../memory/engine.js';
import type { MemoryStore, StoreRecord } from '../memory/index.js';
import { PATTERNS } from './rows.js';
import { storedNumber, storedText } from './values.js';

export interface Pattern {
  readonly id: string;
  readonly taskType: string;
  readonly approach: string;
  readonly successRate: number;
  readonly uses: number;
  readonly createdAtMs: number;
  readonly similarity?: number;
}

export interface PatternQuery {
  readonly task: string;
  readonly limit: number;
  readonly minSimilarity: number;
  readonly taskType?: string | undefined;
  readonly minSuccessRate?: number | undefined;
  /** One of these is enough. */
  readonly tags: readonly string[];
}

export function patternOf({ id, content, metadata, timestamp }: StoreRecord): Pattern {
  return {
    id,
    taskType: storedText(metadata['task_type']),
    approach: storedText(metadata['approach']) || content,
    successRate: storedNumber(metadata['success_rate']) ?? 0,
    uses: storedNumber(metadata['uses']) ?? 0,
    createdAtMs: timestamp,
  };
}

/** The patterns nearest to a task. */
export async function findPatterns(store: MemoryStore, query: PatternQuery): Promise<Pattern[]> {
  const { task, limit, minSimilarity, taskType, minSuccessRate, tags } = query;
  const filter: MetadataFilter = {
    ...(taskType === undefined ? {} : { task_type: taskType }),
    ...(minSuccessRate === undefined ? {} : { success_rate: { from: minSuccessRate } }),
    ...(tags.length === 0 ? {} : { tags: { in: tags } }),
  };
  const found = await store.search({
    text: task,
    mode: 'vector',
    namespace: PATTERNS,
    limit,
    filter,
  });
  const hits = found.filter(({ score }) => score >= minSimilarity);
  return hits.map((hit) => ({ ...patternOf(hit), similarity: hit.score }));
}

export function patternMetadata(pattern: {
  readonly taskType: string;
  readonly approach: string;
  readonly successRate: number;
  readonly tags: readonly string[];
  readonly metadata: JsonObject;
  readonly seconds: number;
}): JsonObject {
  return {
    ts: pattern.seconds,
    task_type: pattern.taskType,
    approach: pattern.approach,
    success_rate: pattern.successRate,
    uses: 0,
    avg_reward: 0,
    tags: [...pattern.tags],
    metadata: pattern.metadata,
  };
}
