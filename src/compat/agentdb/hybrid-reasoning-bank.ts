/** v1's `HybridReasoningBank`: episodes, skills and causal edges of a project behind one object. */
import { projectOf } from './database.js';
import { CausalMemoryGraph } from './causal-memory-graph.js';
import { CausalRecall } from './causal-recall.js';
import { ANSWER_REMEMBERED_MS, ANSWERS_REMEMBERED_MAX } from './limits.js';
import { type Episode, type FoundEpisode, ReflexionMemory } from './reflexion-memory.js';
import { SkillLibrary, type StoredSkill } from './skill-library.js';
import type { Project } from '../project.js';

/** A pattern as it is found: what a recall says of it, and the episode that it is. */
export interface FoundPattern extends Omit<FoundEpisode, 'embedding'> {
  readonly uplift: number;
  readonly utilityScore: number;
  readonly type: string;
}

export interface PatternQuery {
  readonly k?: number | undefined;
  /** Least reward of the episode; v1 compared the uplift with it. */
  readonly minReward?: number | undefined;
  readonly onlySuccesses?: boolean | undefined;
  readonly onlyFailures?: boolean | undefined;
}

export interface CausalInsight {
  readonly action: string;
  readonly avgReward: number;
  readonly avgUplift: number;
  readonly confidence: number;
  readonly evidenceCount: number;
  readonly recommendation: 'DO_IT' | 'AVOID' | 'NEUTRAL';
}

const RECALL = { alpha: 0.6, beta: 0.3, gamma: 0.1, minConfidence: 0.7 };
const STATS_DAYS = 30;
/** Attempts from which on the evidence counts in full. */
const EVIDENCE_FULL = 10;

export class HybridReasoningBank {
  readonly project: Project;
  readonly #reflexion: ReflexionMemory;
  readonly #skills: SkillLibrary;
  readonly #recall: CausalRecall;
  readonly #graph: CausalMemoryGraph;
  readonly #answers = new Map<string, { patterns: FoundPattern[]; untilMs: number }>();

  /** Options are those of v1, which chose between two builds of the comparison; there is one here. */
  constructor(_options: { readonly preferWasm?: boolean | undefined } = {}) {
    this.project = projectOf(undefined);
    this.#reflexion = new ReflexionMemory(this.project);
    this.#skills = new SkillLibrary(this.project);
    this.#graph = new CausalMemoryGraph(this.project);
    this.#recall = new CausalRecall(this.project, undefined, RECALL);
  }

  /** Stores an episode; returns its number. One that succeeded becomes the cause of the next, as in v1. */
  async storePattern(pattern: Episode): Promise<number> {
    const episodeId = await this.#reflexion.storeEpisode(pattern);
    this.#answers.clear();
    if (!pattern.input || !pattern.output || !pattern.success) return episodeId;
    this.#graph.addCausalEdge({
      fromMemoryId: episodeId,
      fromMemoryType: 'episode',
      toMemoryId: episodeId + 1,
      toMemoryType: 'episode',
      similarity: pattern.reward,
      uplift: pattern.reward,
      confidence: 0.8,
      sampleSize: 1,
      metadata: { sessionId: pattern.sessionId, task: pattern.task },
    });
    return episodeId;
  }

  /** The episodes of the most utility for a query. */
  async retrievePatterns(query: string, options: PatternQuery = {}): Promise<FoundPattern[]> {
    const { k = 5, minReward, onlySuccesses, onlyFailures } = options;
    const key = JSON.stringify([query, k, minReward, onlySuccesses, onlyFailures]);
    const known = this.#answers.get(key);
    if (known !== undefined && known.untilMs > Date.now()) return known.patterns;
    const asked = { task: query, k: 2 * k, minReward, onlySuccesses, onlyFailures };
    const episodes = await this.#reflexion.retrieveRelevant(asked);
    const { candidates } = await this.#recall.recall(
      `query-${Date.now()}`,
      query,
      2 * k,
      [],
      'public',
    );
    const ranked = new Map(candidates.map((candidate) => [candidate.id, candidate]));
    const patterns = episodes.map(({ embedding: _embedding, ...episode }): FoundPattern => {
      const candidate = ranked.get(String(episode.id));
      const latency = Math.min((episode.latencyMs ?? 0) / 1000, 1);
      const alone = RECALL.alpha * episode.similarity - RECALL.gamma * latency;
      const { uplift = 0, utilityScore = alone } = candidate ?? {};
      return { ...episode, uplift, utilityScore, type: 'episode' };
    });
    patterns.sort((a, b) => b.utilityScore - a.utilityScore);
    const found = patterns.slice(0, k);
    this.#answers.set(key, { patterns: found, untilMs: Date.now() + ANSWER_REMEMBERED_MS });
    const oldest = this.#answers.keys().next().value;
    if (this.#answers.size > ANSWERS_REMEMBERED_MAX && oldest !== undefined)
      this.#answers.delete(oldest);
    return found;
  }

  /** What is known of a task: successes like it, and how attempts at it went in the last 30 days. */
  async learnStrategy(task: string): Promise<{
    patterns: FoundPattern[];
    causality: CausalInsight;
    confidence: number;
    recommendation: string;
  }> {
    const patterns = await this.retrievePatterns(task, { k: 10, onlySuccesses: true });
    const insight = await this.whatIfAnalysis(task);
    const causality = insight.evidenceCount > 0 ? insight : withoutAttempts(task, patterns);
    const patternPart = Math.min(patterns.length / EVIDENCE_FULL, 1);
    const confidence = 0.6 * patternPart + 0.4 * causality.confidence;
    const { avgUplift } = causality;
    const recommendation =
      confidence > 0.8 && avgUplift > 0.1
        ? `Strong evidence for success (${patterns.length} patterns, +${percent(avgUplift)} uplift)`
        : confidence > 0.5
          ? `Moderate evidence (${patterns.length} patterns available)`
          : 'Limited evidence - proceed with caution';
    return { patterns, causality, confidence, recommendation };
  }

  /** Makes skills of tasks that succeeded often enough. Those that are there are counted as used. */
  async autoConsolidate(
    minUses = 3,
    minSuccessRate = 0.7,
    lookbackDays = 30,
  ): Promise<{ skillsCreated: number }> {
    const { created } = await this.#skills.consolidateEpisodesIntoSkills({
      minAttempts: minUses,
      minReward: minSuccessRate,
      timeWindowDays: lookbackDays,
    });
    return { skillsCreated: created };
  }

  /** How attempts at a task went in the last 30 days. */
  async whatIfAnalysis(action: string): Promise<CausalInsight> {
    const stats = this.#reflexion.getTaskStats(action, STATS_DAYS);
    const { totalAttempts: evidenceCount, avgReward, improvementTrend: avgUplift } = stats;
    const recommendation = avgUplift > 0.1 ? 'DO_IT' : avgUplift < -0.1 ? 'AVOID' : 'NEUTRAL';
    const confidence = Math.min(evidenceCount / EVIDENCE_FULL, 1);
    return { action, avgReward, avgUplift, confidence, evidenceCount, recommendation };
  }

  async searchSkills(taskType: string, k = 5): Promise<(StoredSkill & { similarity: number })[]> {
    return this.#skills.searchSkills({ task: taskType, k, minSuccessRate: 0.5 });
  }

  getStats(): {
    causalRecall: ReturnType<CausalRecall['getStats']>;
    reflexion: { episodes: number };
    skills: number;
  } {
    return {
      causalRecall: this.#recall.getStats(),
      reflexion: { episodes: this.project.episodes.count() },
      skills: this.project.skills.count(),
    };
  }
}

function withoutAttempts(action: string, patterns: readonly FoundPattern[]): CausalInsight {
  const isKnown = patterns.length > 0;
  return {
    action,
    avgReward: patterns[0]?.reward ?? 0,
    avgUplift: 0,
    confidence: isKnown ? 0.6 : 0.3,
    evidenceCount: patterns.length,
    recommendation: isKnown ? 'DO_IT' : 'NEUTRAL',
  };
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)}%`;
}
