/** Memories from an attempt (ReasoningBank, algorithm 3). */
import { embeddingText } from '../../memory/command.js';
import { embedTexts } from '../embedding.js';
import { recordOfPattern, REASONING_MEMORY } from '../layout/patterns.js';
import { ask, hasModel } from '../model/chat.js';
import { memoriesOf, type Verdict, type WordedMemory } from '../model/answers.js';
import { loadConfig } from './config.js';
import { type TaskTrajectory, stepsText } from './judge.js';
import { scrubMemory } from './pii.js';
import { distillWording } from './prompts.js';
import { existing, logMetric } from './queries.js';
import { ulid } from './ulid.js';

export interface DistillOptions {
  readonly taskId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly domain?: string | undefined;
}

/** v1's default where the settings do not say. */
const TEMPERATURE = 0.3;
const TOKENS = 2048;

/**
 * The ids of the memories that a language model extracts; they are stored when it resolves. Without a key
 * nothing is extracted and the list is empty, as in v1.
 */
export async function distillMemories(
  trajectory: TaskTrajectory,
  verdict: Verdict,
  query: string,
  options: DistillOptions = {},
): Promise<string[]> {
  const { distill, judge } = loadConfig();
  const isSuccess = verdict.label === 'Success';
  const most = isSuccess ? distill.max_items_success : distill.max_items_failure;
  if (!hasModel()) {
    console.warn('[WARN] No API key set, so no memories are distilled');
    return [];
  }
  const startedMs = Date.now();
  try {
    const answer = await ask({
      ...distillWording(isSuccess ? 'Success' : 'Failure', query, stepsText(trajectory), most),
      model: distill.model || judge.model,
      temperature: distill.temperature || TEMPERATURE,
      maxTokens: distill.max_tokens || TOKENS,
    });
    const ids = await storeMemories(memoriesOf(answer, most), verdict.label, options);
    logMetric('rb.distill.latency_ms', Date.now() - startedMs);
    logMetric('rb.distill.yield', ids.length);
    return ids;
  } catch (error) {
    console.warn('[WARN] Distillation failed, so no memories are stored:', error);
    return [];
  }
}

/** Stores memories with their vectors in one transaction; returns their ids. */
export async function storeMemories(
  memories: readonly WordedMemory[],
  outcome: Verdict['label'],
  { taskId = 'unknown', agentId = 'unknown', domain }: DistillOptions,
): Promise<string[]> {
  const { distill } = loadConfig();
  const prior =
    outcome === 'Success' ? distill.confidence_prior_success : distill.confidence_prior_failure;
  const { records } = existing();
  const puts = memories.map(({ confidence_boost: boost, ...worded }) => {
    const memory = scrubMemory(worded);
    const confidence = Math.min(1, prior + boost);
    const data = {
      title: memory.title,
      description: memory.description,
      content: memory.content,
      source: { task_id: taskId, agent_id: agentId, outcome, evidence: [] },
      tags: memory.tags,
      domain: domain || memory.domain || null,
      created_at: new Date().toISOString(),
      confidence,
      n_uses: 0,
    };
    const row = { id: ulid(), type: REASONING_MEMORY, confidence, usage_count: 0 };
    return recordOfPattern({ ...row, pattern_data: data }, Date.now());
  });
  const texts = puts.map(({ content, metadata = {} }) => embeddingText(content, metadata));
  const vectors = await embedTexts(texts);
  records.write(puts.map((put, at) => records.putting({ ...put, vector: vectors[at] ?? null })));
  return puts.map(({ id }) => id);
}
