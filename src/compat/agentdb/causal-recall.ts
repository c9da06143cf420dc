/** agentdb's `CausalRecall`: episodes by similarity, causal uplift and latency, with a certificate. */
import { embedTexts } from '../embedding.js';
import type { Project } from '../project.js';
import { CausalMemoryGraph } from './causal-memory-graph.js';
import { mean, numberOf, textOf } from './columns.js';
import { projectOf } from './database.js';
import { ExplainableRecall, type RecallCertificate } from './explainable-recall.js';
import { HITS_MAX } from './limits.js';

/** utility = alpha * similarity + beta * uplift - gamma * latency in seconds, at most one. */
export interface RerankConfig {
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
  readonly minConfidence?: number | undefined;
}

interface RecallCandidate {
  readonly id: string;
  readonly type: string;
  readonly content: string;
  readonly similarity: number;
  readonly uplift: number;
  readonly causalConfidence: number;
  readonly latencyMs: number;
  readonly utilityScore: number;
  readonly rank: number;
}

export interface RecallResult {
  readonly candidates: RecallCandidate[];
  readonly certificate: RecallCertificate;
  readonly queryId: string;
  readonly totalLatencyMs: number;
  readonly metrics: {
    readonly vectorSearchMs: number;
    readonly causalLookupMs: number;
    readonly rerankMs: number;
    readonly certificateMs: number;
  };
}

const CONFIG: RerankConfig = { alpha: 0.7, beta: 0.2, gamma: 0.1, minConfidence: 0.6 };
const CONFIDENCE_MIN = 0.6;
const K = 12;
/** Of four letters or more, which say nothing about what is asked. */
const STOP_WORDS = new Set(['were', 'from', 'with', 'what', 'where', 'when']);

interface Found {
  readonly id: string;
  readonly content: string;
  readonly similarity: number;
  readonly latencyMs: number;
}

type Effects = ReadonlyMap<string, readonly { uplift: number; confidence: number }[]>;

export class CausalRecall {
  config: RerankConfig;
  readonly causalGraph: CausalMemoryGraph;
  readonly explainableRecall: ExplainableRecall;
  readonly #project: Project;

  /** See `database.ts` for what `db` may be. Vectors are MiniLM's, whatever the embedder is. */
  constructor(db?: unknown, _embedder?: unknown, config: RerankConfig = CONFIG) {
    this.config = config;
    this.#project = projectOf(db);
    this.causalGraph = new CausalMemoryGraph(this.#project);
    this.explainableRecall = new ExplainableRecall(this.#project);
  }

  /** The `k` episodes of the most utility, and a certificate that is stored. */
  async recall(
    queryId: string,
    queryText: string,
    k = K,
    requirements?: readonly string[],
    accessLevel = 'internal',
  ): Promise<RecallResult> {
    const startedMs = Date.now();
    const found = await this.#search(queryText, k * 2);
    const foundMs = Date.now();
    const effects = this.#effectsOf(found.map(({ id }) => id));
    const effectsMs = Date.now();
    const candidates = rerank(found, effects, this.config).slice(0, k);
    const rankedMs = Date.now();
    const certificate = this.explainableRecall.createCertificate({
      queryId,
      queryText,
      chunks: candidates.map(({ id, type, content, similarity }) => {
        return { id, type, content, relevance: similarity };
      }),
      requirements: requirements ?? requirementsIn(queryText),
      accessLevel,
    });
    const endedMs = Date.now();
    return {
      candidates,
      certificate,
      queryId,
      totalLatencyMs: endedMs - startedMs,
      metrics: {
        vectorSearchMs: foundMs - startedMs,
        causalLookupMs: effectsMs - foundMs,
        rerankMs: rankedMs - effectsMs,
        certificateMs: endedMs - rankedMs,
      },
    };
  }

  async batchRecall(
    queries: readonly { queryId: string; queryText: string; k?: number | undefined }[],
    requirements?: readonly string[],
    accessLevel = 'internal',
  ): Promise<RecallResult[]> {
    const results: RecallResult[] = [];
    for (const { queryId, queryText, k } of queries) {
      results.push(await this.recall(queryId, queryText, k || K, requirements, accessLevel));
    }
    return results;
  }

  /** The same ranking without a certificate. */
  async search(params: {
    readonly query: string;
    readonly k?: number | undefined;
    readonly includeEvidence?: boolean | undefined;
    readonly alpha?: number | undefined;
    readonly beta?: number | undefined;
    readonly gamma?: number | undefined;
  }): Promise<
    {
      id: number;
      type: string;
      content: string;
      similarity: number;
      causalUplift: number;
      utilityScore: number;
    }[]
  > {
    const { query, k = K, ...weights } = params;
    const {
      alpha = this.config.alpha,
      beta = this.config.beta,
      gamma = this.config.gamma,
    } = weights;
    const found = await this.#search(query, k * 2);
    const effects = this.#effectsOf(found.map(({ id }) => id));
    const ranked = rerank(found, effects, { alpha, beta, gamma }).slice(0, k);
    return ranked.map(({ id, type, content, similarity, uplift, utilityScore }) => {
      return { id: parseInt(id), type, content, similarity, causalUplift: uplift, utilityScore };
    });
  }

  getStats(): {
    totalCausalEdges: number;
    totalCertificates: number;
    avgRedundancyRatio: number;
    avgCompletenessScore: number;
  } {
    const rows = [...this.#project.certificates.rows()];
    const averageOf = (column: string): number =>
      mean(rows.map((row) => numberOf(row, column)).filter((one) => one !== null)) || 0;
    return {
      totalCausalEdges: this.#project.causalEdges.count(),
      totalCertificates: rows.length,
      avgRedundancyRatio: averageOf('redundancy_ratio'),
      avgCompletenessScore: averageOf('completeness_score'),
    };
  }

  updateConfig(config: Partial<RerankConfig>): void {
    this.config = { ...this.config, ...config };
  }

  /** Among all episodes; v1 looked at the newest few alone. */
  async #search(text: string, k: number): Promise<Found[]> {
    const [vector] = await embedTexts([text]);
    const limit = Math.min(HITS_MAX, Math.max(0, Math.trunc(k)));
    if (vector === undefined || limit === 0) return [];
    const found = await this.#project.episodes.nearest(vector, { limit });
    return found.map(({ row, similarity }) => {
      const content = `${textOf(row, 'task') ?? ''} ${textOf(row, 'output') ?? ''}`;
      const latencyMs = numberOf(row, 'latency_ms') || 0;
      return { id: String(row['id']), content, similarity, latencyMs };
    });
  }

  #effectsOf(ids: readonly string[]): Effects {
    const wanted = new Set(ids);
    const least = this.config.minConfidence || CONFIDENCE_MIN;
    const effects = new Map<string, { uplift: number; confidence: number }[]>();
    for (const row of this.#project.causalEdges.rows()) {
      const from = String(row['from_memory_id']);
      const confidence = numberOf(row, 'confidence') ?? 0;
      if (!wanted.has(from) || confidence < least) continue;
      const known = effects.get(from) ?? [];
      known.push({ uplift: numberOf(row, 'uplift') ?? 0, confidence });
      effects.set(from, known);
    }
    return effects;
  }
}

function rerank(
  found: readonly Found[],
  effects: Effects,
  config: RerankConfig,
): RecallCandidate[] {
  const { alpha, beta, gamma } = config;
  const scored = found.map(({ id, content, similarity, latencyMs }) => {
    const known = effects.get(id) ?? [];
    const uplift = mean(known.map((one) => one.uplift)) || 0;
    const causalConfidence = mean(known.map((one) => one.confidence)) || 0;
    const latency = Math.min(latencyMs / 1000, 1);
    const utilityScore = alpha * similarity + beta * uplift - gamma * latency;
    return {
      id,
      type: 'episode',
      content,
      similarity,
      uplift,
      causalConfidence,
      latencyMs,
      utilityScore,
    };
  });
  scored.sort((a, b) => b.utilityScore - a.utilityScore);
  return scored.map((candidate, at) => ({ ...candidate, rank: at + 1 }));
}

/** The words of a query of four letters or more, each once. */
function requirementsIn(query: string): string[] {
  const words = query
    .toLowerCase()
    .replaceAll(/[^a-z0-9\s]/g, '')
    .split(/\s+/);
  return [...new Set(words.filter((word) => word.length > 3 && !STOP_WORDS.has(word)))];
}
