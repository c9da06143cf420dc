/** Whether an attempt succeeded (ReasoningBank, algorithm 2): by a language model, or v1's rule of thumb. */
import { ask, hasModel } from '../model/chat.js';
import { type Verdict, verdictOf } from '../model/answers.js';
import { loadConfig } from './config.js';
import { judgeWording } from './prompts.js';
import { logMetric } from './queries.js';

/** The steps of an attempt, as the program recorded them. */
export interface TaskTrajectory {
  readonly steps?: readonly unknown[] | undefined;
  readonly metadata?: unknown;
}

/**
 * The verdict of a language model where the environment has a key, else of a rule: success if a step speaks of
 * completion and none of an error. The reasons say which it was.
 */
export async function judgeTrajectory(
  trajectory: TaskTrajectory,
  query: string,
  _options: unknown = {},
): Promise<Verdict> {
  const { judge } = loadConfig();
  if (!hasModel()) {
    console.warn('[WARN] No API key set, using heuristic judgment');
    return ruleOfThumb(trajectory);
  }
  const startedMs = Date.now();
  try {
    const answer = await ask({
      ...judgeWording(query, stepsText(trajectory)),
      model: judge.model,
      temperature: judge.temperature,
      maxTokens: judge.max_tokens,
    });
    const verdict = verdictOf(answer);
    logMetric('rb.judge.latency_ms', Date.now() - startedMs);
    logMetric('rb.judge.success_rate', verdict.label === 'Success' ? 1 : 0);
    return verdict;
  } catch (error) {
    console.warn('[WARN] Falling back to heuristic judgment:', error);
    return ruleOfThumb(trajectory, 'Heuristic judgment (the language model failed)');
  }
}

/** The steps as a model gets them. */
export function stepsText({ steps = [] }: TaskTrajectory): string {
  if (steps.length === 0) return 'No steps recorded';
  return steps.map((step, at) => `Step ${at + 1}: ${JSON.stringify(step, null, 2)}`).join('\n\n');
}

function ruleOfThumb(
  { steps = [] }: TaskTrajectory,
  reason = 'Heuristic judgment (no API key)',
): Verdict {
  const texts = steps.map((step) => (JSON.stringify(step) ?? '').toLowerCase());
  const hasErrors = texts.some((text) => text.includes('error'));
  const hasCompletion = texts.some((text) => text.includes('complete'));
  return {
    label: !hasErrors && hasCompletion ? 'Success' : 'Failure',
    confidence: 0.5,
    reasons: [
      reason,
      `Steps: ${steps.length}`,
      `Errors: ${hasErrors}`,
      `Completion markers: ${hasCompletion}`,
    ],
  };
}
