/** Several attempts at one task, in parallel or one after the other (ReasoningBank, algorithm 5). */
import { ask, hasModel } from '../model/chat.js';
import { memoriesOf, type Verdict } from '../model/answers.js';
import { loadConfig } from './config.js';
import { type DistillOptions, distillMemories, storeMemories } from './distill.js';
import { judgeTrajectory, type TaskTrajectory } from './judge.js';
import { contrastWording } from './prompts.js';
import { logMetric, storeMattsRun, storeTrajectory } from './queries.js';
import { retrieveMemories, type RetrievedMemory } from './retrieve.js';
import { ulid } from './ulid.js';

interface MattsTrajectory {
  readonly id: string;
  readonly verdict: Verdict;
  readonly trajectory: TaskTrajectory;
}

export interface MattsResult {
  readonly runId: string;
  readonly mode: 'parallel' | 'sequential';
  readonly k: number;
  readonly trajectories: MattsTrajectory[];
  /** Ids of the memories that came of it. */
  readonly aggregatedMemories: string[];
  /** NaN where every attempt threw, as in v1. */
  readonly successRate: number;
  /** Milliseconds. */
  readonly duration: number;
}

const CONTRASTED_MEMORIES_MAX = 3;

/** `k` attempts, and the lessons of comparing them. An attempt that throws is told and left out. */
export async function mattsParallel(
  taskFn: () => Promise<TaskTrajectory>,
  query: string,
  options: DistillOptions & { readonly k?: number | undefined } = {},
): Promise<MattsResult> {
  const k = options.k || loadConfig().matts.parallel_k;
  const [runId, startedMs] = [ulid(), Date.now()];
  const taskId = options.taskId || `matts-${runId}`;
  storeMattsRun({ run_id: runId, task_id: taskId, mode: 'parallel', k, status: 'running' });
  const trajectories: MattsTrajectory[] = [];
  for (let at = 0; at < k; at += 1) {
    try {
      const trajectory = await taskFn();
      const verdict = await judgeTrajectory(trajectory, query);
      trajectories.push({ id: ulid(), verdict, trajectory });
      keep(trajectory, verdict, { ...options, query, runId, taskId });
    } catch (error) {
      console.error(`[ERROR] MaTTS rollout ${at + 1} failed:`, error);
    }
  }
  const aggregatedMemories = await contrast(trajectories, query, options);
  const result = resultOf('parallel', { runId, k, trajectories, aggregatedMemories, startedMs });
  logMetric('rb.matts.parallel.memories', aggregatedMemories.length);
  return result;
}

/** Up to `r` attempts, each with the memories of those before, until one succeeds. */
export async function mattsSequential(
  taskFn: (memories: (RetrievedMemory | string)[]) => Promise<TaskTrajectory>,
  query: string,
  options: DistillOptions & { readonly r?: number | undefined } = {},
): Promise<MattsResult> {
  const { matts } = loadConfig();
  const r = options.r || matts.sequential_r || matts.sequential_k;
  const [runId, startedMs] = [ulid(), Date.now()];
  const taskId = options.taskId || `matts-seq-${runId}`;
  storeMattsRun({ run_id: runId, task_id: taskId, mode: 'sequential', k: r, status: 'running' });
  const trajectories: MattsTrajectory[] = [];
  const learned: string[] = [];
  for (let at = 0; at < r; at += 1) {
    try {
      const memories = await retrieveMemories(query, { domain: options.domain });
      const trajectory = await taskFn([...memories, ...learned]);
      const verdict = await judgeTrajectory(trajectory, query);
      trajectories.push({ id: ulid(), verdict, trajectory });
      if (verdict.label === 'Success' && matts.sequential_stop_on_success) break;
      learned.push(...(await distillMemories(trajectory, verdict, query, options)));
      keep(trajectory, verdict, { ...options, query, runId, taskId });
    } catch (error) {
      console.error(`[ERROR] MaTTS iteration ${at + 1} failed:`, error);
    }
  }
  const aggregatedMemories = learned;
  return resultOf('sequential', { runId, k: r, trajectories, aggregatedMemories, startedMs });
}

function keep(
  trajectory: TaskTrajectory,
  verdict: Verdict,
  of: DistillOptions & { query: string; runId: string; taskId: string },
): void {
  const now = new Date().toISOString();
  storeTrajectory({
    task_id: of.taskId,
    agent_id: of.agentId || 'matts-agent',
    query: of.query,
    trajectory_json: JSON.stringify(trajectory),
    started_at: now,
    ended_at: now,
    judge_label: verdict.label,
    judge_conf: verdict.confidence,
    judge_reasons: JSON.stringify(verdict.reasons),
    matts_run_id: of.runId,
  });
}

function resultOf(
  mode: MattsResult['mode'],
  {
    startedMs,
    ...run
  }: Omit<MattsResult, 'mode' | 'successRate' | 'duration'> & { startedMs: number },
): MattsResult {
  const { trajectories } = run;
  const successes = trajectories.filter(({ verdict }) => verdict.label === 'Success').length;
  const successRate = successes / trajectories.length;
  const duration = Date.now() - startedMs;
  logMetric(`rb.matts.${mode}.duration_ms`, duration);
  if (Number.isFinite(successRate)) logMetric(`rb.matts.${mode}.success_rate`, successRate);
  const { runId, k, aggregatedMemories } = run;
  return { runId, mode, k, trajectories, aggregatedMemories, successRate, duration };
}

/** v1 asked for these lessons, threw the answer away, and distilled an empty attempt instead. */
async function contrast(
  trajectories: readonly MattsTrajectory[],
  query: string,
  options: DistillOptions,
): Promise<string[]> {
  if (!hasModel()) {
    console.warn('[WARN] No API key set, skipping aggregation');
    return [];
  }
  if (trajectories.length === 0) return [];
  const { distill, judge } = loadConfig();
  const attempts = trajectories.map(({ id, verdict, trajectory }) => {
    const { label, confidence } = verdict;
    return { id, label, confidence, steps: trajectory.steps ?? [] };
  });
  try {
    const answer = await ask({
      ...contrastWording(query, JSON.stringify(attempts, null, 2), attempts.length),
      model: distill.model || judge.model,
      temperature: 0.2,
      maxTokens: 3072,
    });
    const memories = memoriesOf(answer, CONTRASTED_MEMORIES_MAX);
    return await storeMemories(memories, 'Success', options);
  } catch (error) {
    console.error('[ERROR] Memory aggregation failed:', error);
    return [];
  }
}
