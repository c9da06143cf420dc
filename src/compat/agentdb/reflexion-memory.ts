/** agentdb's `ReflexionMemory`: attempts with what was learned of them (Shinn et al. 2023, Reflexion). */
import type { MetadataFilter } from '../../memory/engine.js';
import { embedTexts } from '../embedding.js';
import type { TableRow } from '../layout/table.js';
import { seconds } from '../layout/times.js';
import type { Project } from '../project.js';
import { asJson, jsonOf, mean, numberOf, orNull, textOf } from './columns.js';
import { projectOf } from './database.js';
import { HITS_MAX } from './limits.js';

const DAY_S = 86_400;

export interface Episode {
  readonly id?: number | undefined;
  readonly ts?: number | undefined;
  readonly sessionId: string;
  readonly task: string;
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly critique?: string | undefined;
  readonly reward: number;
  readonly success: boolean;
  readonly latencyMs?: number | undefined;
  readonly tokensUsed?: number | undefined;
  readonly tags?: string[] | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

/** An episode as it is found; absent columns are null, as SQLite gave them. */
export interface FoundEpisode {
  readonly id: number;
  readonly ts: number;
  readonly sessionId: string;
  readonly task: string;
  readonly input: string | null;
  readonly output: string | null;
  readonly critique: string | null;
  readonly reward: number;
  readonly success: boolean;
  readonly latencyMs: number | null;
  readonly tokensUsed: number | null;
  readonly tags: string[] | undefined;
  readonly metadata: Record<string, unknown> | undefined;
  readonly embedding: Float32Array;
  readonly similarity: number;
}

export interface ReflexionQuery {
  readonly task: string;
  readonly currentState?: string | undefined;
  readonly k?: number | undefined;
  readonly minReward?: number | undefined;
  readonly onlyFailures?: boolean | undefined;
  readonly onlySuccesses?: boolean | undefined;
  readonly timeWindowDays?: number | undefined;
}

export interface TaskStats {
  readonly totalAttempts: number;
  readonly successRate: number;
  readonly avgReward: number;
  readonly avgLatency: number;
  readonly improvementTrend: number;
}

export class ReflexionMemory {
  readonly #project: Project;

  /** See `database.ts` for what `db` may be. Vectors are MiniLM's, whatever the embedder is. */
  constructor(db?: unknown, _embedder?: unknown) {
    this.#project = projectOf(db);
  }

  /** Stores an episode with its vector; returns its number. */
  async storeEpisode(episode: Episode): Promise<number> {
    const now = seconds();
    return this.#project.episodes.insertEmbedded({
      ts: now,
      session_id: episode.sessionId,
      task: episode.task,
      input: orNull(episode.input),
      output: orNull(episode.output),
      critique: orNull(episode.critique),
      reward: episode.reward,
      success: episode.success ? 1 : 0,
      latency_ms: orNull(episode.latencyMs),
      tokens_used: orNull(episode.tokensUsed),
      tags: asJson(episode.tags || null),
      metadata: asJson(episode.metadata || null),
      created_at: now,
    });
  }

  /** The episodes nearest to a task, best first; at most 1,000. */
  async retrieveRelevant(query: ReflexionQuery): Promise<FoundEpisode[]> {
    const { task, currentState = '', k = 5 } = query;
    const text = currentState ? `${task}\n${currentState}` : task;
    const [vector] = await embedTexts([text]);
    const limit = Math.min(HITS_MAX, Math.max(0, Math.trunc(k)));
    if (vector === undefined || limit === 0) return [];
    const found = await this.#project.episodes.nearest(vector, { limit, filter: filterOf(query) });
    return found.map(({ row, vector: embedding, similarity }) => {
      return { ...episodeOf(row), embedding, similarity };
    });
  }

  getTaskStats(task: string, timeWindowDays?: number): TaskStats {
    const nowS = seconds();
    const sinceS = timeWindowDays ? nowS - timeWindowDays * DAY_S : -Infinity;
    const rows: TableRow[] = [];
    for (const row of this.#project.episodes.rows()) {
      if (row['task'] === task && Number(row['ts']) > sinceS) rows.push(row);
    }
    const rewards = rows.map((row) => numberOf(row, 'reward')).filter((one) => one !== null);
    const latencies = rows.map((row) => numberOf(row, 'latency_ms')).filter((one) => one !== null);
    const rewardsWhere = (isMeant: (ts: number) => boolean): number => {
      const meant = rows.filter((row) => isMeant(Number(row['ts'])));
      return mean(meant.map((row) => numberOf(row, 'reward')).filter((one) => one !== null)) || 0;
    };
    const recent = rewardsWhere((ts) => ts > nowS - 7 * DAY_S);
    const older = rewardsWhere((ts) => ts <= nowS - 7 * DAY_S);
    return {
      totalAttempts: rows.length,
      successRate: mean(rows.map((row) => (isSuccess(row) ? 1 : 0))) || 0,
      avgReward: mean(rewards) || 0,
      avgLatency: mean(latencies) || 0,
      improvementTrend: recent && older ? (recent - older) / older : 0,
    };
  }

  /** What went wrong in the three failures nearest to the task. */
  async getCritiqueSummary(query: ReflexionQuery): Promise<string> {
    const failures = await this.retrieveRelevant({ ...query, onlyFailures: true, k: 3 });
    if (failures.length === 0) return 'No prior failures found for this task.';
    const lessons = failures
      .filter(({ critique }) => critique)
      .map(({ critique, reward }, at) => `${at + 1}. ${critique} (reward: ${reward.toFixed(2)})`);
    return `Prior failures and lessons learned:\n${lessons.join('\n')}`;
  }

  /** What the three successes nearest to the task did. */
  async getSuccessStrategies(query: ReflexionQuery): Promise<string> {
    const asked = { ...query, onlySuccesses: true, minReward: 0.7, k: 3 };
    const successes = await this.retrieveRelevant(asked);
    if (successes.length === 0) return 'No successful strategies found for this task.';
    const approaches = successes.map(({ output, reward }, at) => {
      const approach = output?.slice(0, 200) || 'No output recorded';
      return `${at + 1}. Approach (reward ${reward.toFixed(2)}): ${approach}...`;
    });
    return `Successful strategies:\n${approaches.join('\n')}`;
  }

  /** Deletes old episodes of little reward beyond the best few of each task. Returns how many. */
  pruneEpisodes(
    config: { minReward?: number; maxAgeDays?: number; keepMinPerTask?: number } = {},
  ): number {
    const { minReward = 0.3, maxAgeDays = 30, keepMinPerTask = 5 } = config;
    const beforeS = seconds() - maxAgeDays * DAY_S;
    const byTask = new Map<string, { id: number; reward: number }[]>();
    for (const row of this.#project.episodes.rows()) {
      const reward = numberOf(row, 'reward') ?? 0;
      if (reward >= minReward || Number(row['ts']) >= beforeS) continue;
      const task = String(row['task']);
      const poor = byTask.get(task) ?? [];
      poor.push({ id: row['id'] as number, reward });
      byTask.set(task, poor);
    }
    let deleted = 0;
    for (const poor of byTask.values()) {
      poor.sort((a, b) => b.reward - a.reward);
      for (const { id } of poor.slice(keepMinPerTask)) {
        if (this.#project.episodes.delete(id)) deleted += 1;
      }
    }
    return deleted;
  }
}

/** Columns of a row under the names of v1's class. */
function episodeOf(row: TableRow): Omit<FoundEpisode, 'embedding' | 'similarity'> {
  return {
    id: row['id'] as number,
    ts: numberOf(row, 'ts') ?? 0,
    sessionId: textOf(row, 'session_id') ?? '',
    task: textOf(row, 'task') ?? '',
    input: textOf(row, 'input'),
    output: textOf(row, 'output'),
    critique: textOf(row, 'critique'),
    reward: numberOf(row, 'reward') ?? 0,
    success: isSuccess(row),
    latencyMs: numberOf(row, 'latency_ms'),
    tokensUsed: numberOf(row, 'tokens_used'),
    tags: jsonOf(row, 'tags'),
    metadata: jsonOf(row, 'metadata'),
  };
}

export function isSuccess(row: TableRow): boolean {
  return row['success'] === 1 || row['success'] === true;
}

function filterOf(query: ReflexionQuery): MetadataFilter {
  const { minReward, onlyFailures = false, onlySuccesses = false, timeWindowDays } = query;
  const filter: Record<string, MetadataFilter[string]> = {};
  if (minReward !== undefined) filter['reward'] = { from: minReward };
  // Both at once were no row in v1.
  if (onlyFailures && onlySuccesses) filter['success'] = 'both';
  else if (onlyFailures) filter['success'] = { in: [0, false] };
  else if (onlySuccesses) filter['success'] = { in: [1, true] };
  // Of seconds: more than is from the next one on.
  if (timeWindowDays) filter['ts'] = { from: Math.floor(seconds() - timeWindowDays * DAY_S) + 1 };
  return filter;
}
