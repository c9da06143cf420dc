/** v1's `initialize` and `runTask`. */
import type { Verdict } from '../model/answers.js';
import { consolidate, shouldConsolidate } from './consolidate.js';
import { distillMemories } from './distill.js';
import { judgeTrajectory, type TaskTrajectory } from './judge.js';
import { loadConfig } from './config.js';
import { runMigrations } from './queries.js';
import { retrieveMemories, type RetrievedMemory } from './retrieve.js';

/** Version of v1's ReasoningBank that these functions answer as. */
export const VERSION = '1.7.1';
/** ReasoningBank: Scaling Agent Self-Evolving with Reasoning Memory. */
export const PAPER_URL = 'https://arxiv.org/html/2509.25140v1';

/** Reads the settings, and makes the store of the project where there is none. Throws what the store throws. */
export async function initialize(): Promise<void> {
  loadConfig();
  await runMigrations();
}

export interface RunTaskOptions {
  readonly taskId: string;
  readonly agentId: string;
  readonly query: string;
  readonly domain?: string | undefined;
  readonly executeFn: (memories: RetrievedMemory[]) => Promise<TaskTrajectory>;
}

export interface RunTaskResult {
  readonly verdict: Verdict;
  readonly usedMemories: RetrievedMemory[];
  /** Ids. */
  readonly newMemories: string[];
  readonly consolidated: boolean;
}

/** Retrieves, runs the task with what it found, judges, distils, and consolidates when it is time. */
export async function runTask(options: RunTaskOptions): Promise<RunTaskResult> {
  const { query, domain, agentId, taskId } = options;
  const usedMemories = await retrieveMemories(query, { domain, agent: agentId });
  const trajectory = await options.executeFn(usedMemories);
  const verdict = await judgeTrajectory(trajectory, query);
  const newMemories = await distillMemories(trajectory, verdict, query, {
    taskId,
    agentId,
    domain,
  });
  const consolidated = shouldConsolidate();
  if (consolidated) await consolidate();
  return { verdict, usedMemories, newMemories, consolidated };
}
