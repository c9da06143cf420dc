/** v1's `AdvancedMemorySystem`: learning and analysis on top of `HybridReasoningBank`. */
import { statSync } from 'node:fs';
import { MODEL_DIMENSIONS } from '../../memory/model.js';
import {
  type CausalInsight,
  type FoundPattern,
  HybridReasoningBank,
} from './hybrid-reasoning-bank.js';
import { NightlyLearner } from './nightly-learner.js';
import type { StoredSkill } from './skill-library.js';

const LEARNER = {
  minSimilarity: 0.7,
  minSampleSize: 5,
  confidenceThreshold: 0.6,
  upliftThreshold: 0.1,
  pruneOldEdges: true,
  edgeMaxAgeDays: 90,
  autoExperiments: true,
  experimentBudget: 100,
};
const SLOW_MS = 5000;
const POOR_REWARD = 0.3;
const COMPOSED_SKILLS = 3;

export interface ConsolidationOptions {
  readonly minUses?: number | undefined;
  readonly minSuccessRate?: number | undefined;
  readonly lookbackDays?: number | undefined;
  /** Finds what would be learned and stores nothing; v1 took it and stored all the same. */
  readonly dryRun?: boolean | undefined;
}

export interface LearningResult {
  readonly skillsCreated: number;
  readonly causalEdgesCreated: number;
  readonly patternsAnalyzed: number;
  readonly executionTimeMs: number;
  readonly recommendations: string[];
}

export class AdvancedMemorySystem {
  readonly #reasoning: HybridReasoningBank;
  readonly #learner: NightlyLearner;

  constructor(options: { readonly preferWasm?: boolean | undefined } = {}) {
    this.#reasoning = new HybridReasoningBank(options);
    this.#learner = new NightlyLearner(this.#reasoning.project, undefined, LEARNER);
  }

  /** Causal edges, experiments and skills of what was stored. */
  async autoConsolidate(options: ConsolidationOptions = {}): Promise<LearningResult> {
    const { minUses, minSuccessRate, lookbackDays, dryRun = false } = options;
    const startedMs = Date.now();
    if (dryRun) {
      const edges = await this.#learner.discover({ dryRun });
      return {
        skillsCreated: 0,
        causalEdgesCreated: edges.length,
        patternsAnalyzed: 0,
        executionTimeMs: Date.now() - startedMs,
        recommendations: ['Nothing was stored: this was a dry run'],
      };
    }
    const report = await this.#learner.run();
    const { skillsCreated } = await this.#reasoning.autoConsolidate(
      minUses || 3,
      minSuccessRate || 0.7,
      lookbackDays || 30,
    );
    return {
      skillsCreated,
      causalEdgesCreated: report.edgesDiscovered,
      patternsAnalyzed: report.experimentsCompleted,
      executionTimeMs: Date.now() - startedMs,
      recommendations: report.recommendations,
    };
  }

  /** Failures like a task, with what may have gone wrong in each. */
  async replayFailures(
    task: string,
    k = 5,
  ): Promise<
    { critique: string; whatWentWrong: string[]; howToFix: string[]; similarFailures: number }[]
  > {
    const failures = await this.#reasoning.retrievePatterns(task, { k, onlyFailures: true });
    return failures.map((failure) => ({
      critique: failure.critique || `Failed at: ${failure.task}`,
      whatWentWrong: whatWentWrong(failure),
      howToFix: howToFix(failure),
      similarFailures: failures.length,
    }));
  }

  /** How attempts at a task went, in a sentence. */
  async whatIfAnalysis(action: string): Promise<CausalInsight & { expectedImpact: string }> {
    const insight = await this.#reasoning.whatIfAnalysis(action);
    return { ...insight, expectedImpact: impactOf(insight.avgUplift) };
  }

  /** Skills for a task, the most reliable first, and a plan of the first three. */
  async composeSkills(
    task: string,
    k = 5,
  ): Promise<{
    availableSkills: StoredSkill[];
    compositionPlan: string;
    expectedSuccessRate: number;
  }> {
    const skills = await this.#reasoning.searchSkills(task, k);
    const availableSkills = skills.sort((a, b) => rankOf(b) - rankOf(a));
    const plan = availableSkills.slice(0, COMPOSED_SKILLS).map(({ name }) => name);
    const uses = availableSkills.reduce((sum, skill) => sum + (skill.uses || 1), 0);
    const expectedSuccessRate = availableSkills.reduce((sum, skill) => {
      return sum + (skill.successRate * (skill.uses || 1)) / uses;
    }, 0);
    const compositionPlan = plan.join(' → ') || 'No relevant skills found';
    return { availableSkills, compositionPlan, expectedSuccessRate };
  }

  async runLearningCycle(): Promise<LearningResult> {
    return this.autoConsolidate({ minUses: 3, minSuccessRate: 0.7, lookbackDays: 30 });
  }

  getStats(): {
    reasoningBank: ReturnType<HybridReasoningBank['getStats']>;
    learner: string;
    memoryPool: {
      database: { path: string; size: number };
      embedder: { model: string; dimension: number };
    };
  } {
    const { store } = this.#reasoning.project.places;
    return {
      reasoningBank: this.#reasoning.getStats(),
      learner: 'NightlyLearner configured with auto-experiments',
      memoryPool: {
        database: { path: store, size: statSync(store, { throwIfNoEntry: false })?.size ?? 0 },
        embedder: { model: 'Xenova/all-MiniLM-L6-v2', dimension: MODEL_DIMENSIONS },
      },
    };
  }
}

function whatWentWrong({ reward, latencyMs, task }: FoundPattern): string[] {
  const issues: string[] = [];
  if (reward < POOR_REWARD) issues.push('Low success rate observed');
  if ((latencyMs ?? 0) > SLOW_MS) issues.push('High latency detected');
  if (task !== '') issues.push(`Task type: ${task}`);
  return issues.length > 0 ? issues : ['General failure - review approach'];
}

function howToFix({ reward, latencyMs }: FoundPattern): string[] {
  const fixes = ['Review similar successful patterns'];
  if ((latencyMs ?? 0) > SLOW_MS) fixes.push('Optimize for lower latency');
  if (reward < POOR_REWARD) fixes.push('Consider alternative approach');
  return [...fixes, 'Add more validation and error handling'];
}

function impactOf(uplift: number): string {
  const percent = (uplift * 100).toFixed(1);
  if (uplift > 0.2) return `Highly beneficial: Expected +${percent}% improvement`;
  if (uplift > 0.1) return `Beneficial: Expected +${percent}% improvement`;
  if (uplift > 0) return `Slightly positive: Expected +${percent}% improvement`;
  if (uplift < -0.1) return `Harmful: Expected ${percent}% degradation`;
  return 'Neutral or insufficient evidence';
}

function rankOf({ successRate, uses }: StoredSkill): number {
  return successRate * 0.7 + (Math.log(uses || 1) / 10) * 0.3;
}
