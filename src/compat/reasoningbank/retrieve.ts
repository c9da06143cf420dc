/** Retrieval by similarity, age and confidence, with diversity (ReasoningBank, algorithm 1). */
import { DEFAULT_NAMESPACE } from '../../memory/memory-key.js';
import { nextTurn } from '../../memory/pace.js';
import { isReasoningMemory, patternOf } from '../layout/patterns.js';
import type { Project } from '../project.js';
import { cosine } from '../records.js';
import { loadConfig } from './config.js';
import { computeEmbedding } from './embeddings.js';
import { ROWS_PER_TURN } from './limits.js';
import { ageDays, countingUse, existing, isCandidate, metricRow } from './queries.js';

export interface RetrievedMemory {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly content: string;
  readonly score: number;
  readonly components: {
    readonly similarity: number;
    readonly recency: number;
    readonly reliability: number;
  };
}

export interface RetrieveOptions {
  readonly k?: number | undefined;
  readonly domain?: string | undefined;
  /** Taken, as in v1, and not used. */
  readonly agent?: string | undefined;
}

interface Scored {
  readonly id: string;
  readonly confidence: number;
  readonly usage_count: number;
  readonly score: number;
  readonly components: RetrievedMemory['components'];
  /** How like the most similar chosen one it is, 0 or more. */
  likeness: number;
}

/**
 * The `k` memories of `alpha * similarity + beta * recency + gamma * confidence`, chosen with `delta` as the
 * lambda of maximal marginal relevance, as v1 does; each counts as used.
 */
export async function retrieveMemories(
  query: string,
  options: RetrieveOptions = {},
): Promise<RetrievedMemory[]> {
  const config = loadConfig();
  const k = options.k || config.retrieve.k;
  const startedMs = Date.now();
  const project = existing();
  const vector = await computeEmbedding(query);
  await project.records.embedMissing(DEFAULT_NAMESPACE, isReasoningMemory);
  const scored = await scoreAll(project, vector, options.domain);
  const chosen = await choose(project, scored, k, config.retrieve.delta);
  const { records, metrics } = project;
  const uses = chosen.flatMap(({ id }) => countingUse(records, id));
  const metric = metrics.inserting(metricRow('rb.retrieve.latency_ms', Date.now() - startedMs));
  records.write([...uses, ...metric.operations]);
  return chosen.flatMap(({ id, score, components }) => {
    const record = records.get(DEFAULT_NAMESPACE, id);
    if (record === null) return [];
    const { title, description, content } = patternOf(record).pattern_data;
    return [{ id, title, description, content, score, components } as RetrievedMemory];
  });
}

async function scoreAll(
  { records }: Project,
  vector: Float32Array,
  domain: string | undefined,
): Promise<Scored[]> {
  const { alpha, beta, gamma, recency_half_life_days, min_score } = loadConfig().retrieve;
  const nowMs = Date.now();
  const scored: Scored[] = [];
  let seen = 0;
  for (const { record, vector: other } of records.scanVectors(DEFAULT_NAMESPACE)) {
    seen += 1;
    if (seen % ROWS_PER_TURN === 0) await nextTurn();
    if (!isCandidate(record, { domain, minConfidence: min_score })) continue;
    const { id, confidence, usage_count } = patternOf(record);
    const similarity = cosine(vector, other);
    const recency = Math.exp(-ageDays(record.timestamp, nowMs) / recency_half_life_days);
    const reliability = Math.min(confidence, 1);
    const score = alpha * similarity + beta * recency + gamma * reliability;
    const components = { similarity, recency, reliability };
    scored.push({ id, confidence, usage_count, score, components, likeness: 0 });
  }
  return scored.sort((a, b) => b.confidence - a.confidence || b.usage_count - a.usage_count);
}

/** `mmrSelection`, with the vectors read again for each choice instead of held. */
async function choose(
  { records }: Project,
  scored: Scored[],
  k: number,
  lambda: number,
): Promise<Scored[]> {
  if (k >= scored.length) return scored;
  const left = new Map([...scored].sort((a, b) => b.score - a.score).map((one) => [one.id, one]));
  const chosen: Scored[] = [];
  while (chosen.length < k) {
    let best: Scored | undefined;
    let most = -Infinity;
    for (const one of left.values()) {
      const value = lambda * one.score - (1 - lambda) * one.likeness;
      if (value > most) [best, most] = [one, value];
    }
    if (best === undefined) break;
    chosen.push(best);
    left.delete(best.id);
    if (chosen.length === k) break;
    const next = records.vector(DEFAULT_NAMESPACE, best.id);
    if (next === null) continue;
    let seen = 0;
    for (const { record, vector } of records.scanVectors(DEFAULT_NAMESPACE)) {
      seen += 1;
      if (seen % ROWS_PER_TURN === 0) await nextTurn();
      const one = left.get(record.id);
      if (one === undefined) continue;
      one.likeness = Math.max(one.likeness, cosine(vector, next.values));
    }
  }
  return chosen;
}

/** The memories as a part of a prompt; empty where there are none. */
export function formatMemoriesForPrompt(memories: readonly RetrievedMemory[]): string {
  if (memories.length === 0) return '';
  const parts = memories.map((memory, at) => {
    const { title, description, content, score, components } = memory;
    const sure = (score * 100).toFixed(1);
    const like = (components.similarity * 100).toFixed(1);
    return (
      `### Memory ${at + 1}: ${title}\n\n${description}\n\n**Strategy:**\n${content}\n\n` +
      `*Confidence: ${sure}% | Similarity: ${like}%*\n\n---\n\n`
    );
  });
  return `\n## Relevant Memories from Past Experience\n\n${parts.join('')}`;
}
