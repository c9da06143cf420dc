/**
 * Causal edges in the history of episodes: how much better a task goes when another one came right before
 * it in the same session than when not.
 */
import type { NewCausalEdge } from './causal.js';
import type { Episode } from './episodes.js';
import { twoSidedP } from './student-t.js';
import { mean } from './values.js';

export interface DiscoveryLimits {
  readonly minAttempts: number;
  readonly minSuccessRate: number;
  readonly minConfidence: number;
}

/** Longest text of a task that an edge names. */
const TASK_CHARACTERS_MAX = 1024;
/** Fewest attempts without the cause that say what is usual. */
const USUAL_ATTEMPTS_MIN = 2;
/** A uniform reward's variance: counts as one more observation, so that a few equal ones prove little. */
const PRIOR_VARIANCE = 1 / 12;

/** Those with the most uplift first. */
export function discoverCauses(
  episodes: readonly Episode[],
  limits: DiscoveryLimits,
): NewCausalEdge[] {
  const { attempts, before } = followed(episodes);
  const edges: NewCausalEdge[] = [];
  for (const [effect, all] of attempts) {
    const causes = new Set(all.map((episode) => before.get(episode)));
    for (const cause of causes) {
      if (cause === undefined || cause === effect) continue;
      const after = all.filter((episode) => before.get(episode) === cause);
      const usual = all.filter((episode) => before.get(episode) !== cause);
      const edge = compared(after, usual, limits);
      if (edge !== undefined) edges.push({ cause, effect, ...edge });
    }
  }
  return edges.sort((a, b) => b.uplift - a.uplift);
}

/** Attempts by task, and the task that came before each in its session. */
function followed(episodes: readonly Episode[]): {
  attempts: Map<string, Episode[]>;
  before: Map<Episode, string>;
} {
  const attempts = new Map<string, Episode[]>();
  const before = new Map<Episode, string>();
  const last = new Map<string, string>();
  const inOrder = episodes.toSorted(
    (a, b) => a.createdAtMs - b.createdAtMs || Number(a.id) - Number(b.id) || 0,
  );
  for (const episode of inOrder) {
    const task = episode.task.slice(0, TASK_CHARACTERS_MAX);
    const earlier = last.get(episode.sessionId);
    if (earlier !== undefined) before.set(episode, earlier);
    last.set(episode.sessionId, task);
    attempts.set(task, [...(attempts.get(task) ?? []), episode]);
  }
  return { attempts, before };
}

function compared(
  after: readonly Episode[],
  usual: readonly Episode[],
  { minAttempts, minSuccessRate, minConfidence }: DiscoveryLimits,
): Omit<NewCausalEdge, 'cause' | 'effect'> | undefined {
  if (after.length < minAttempts || usual.length < USUAL_ATTEMPTS_MIN) return undefined;
  if (mean(after.map(({ isSuccess }) => Number(isSuccess))) < minSuccessRate) return undefined;
  const [treated, control] = [after, usual].map((group) => group.map(({ reward }) => reward));
  const uplift = mean(treated!) - mean(control!);
  const confidence = confidenceOf(treated!, control!, uplift);
  if (confidence < minConfidence) return undefined;
  const metadata = { method: 'welch-t', control_size: usual.length, discovered: true };
  return { uplift, confidence, sampleSize: after.length, metadata };
}

/** 1 - p of Welch's test. */
function confidenceOf(
  treated: readonly number[],
  control: readonly number[],
  difference: number,
): number {
  const [a, b] = [squaredError(treated), squaredError(control)];
  const degrees =
    (a + b) ** 2 /
    (a ** 2 / Math.max(1, treated.length - 1) + b ** 2 / Math.max(1, control.length - 1));
  return 1 - twoSidedP(difference / Math.sqrt(a + b), degrees);
}

/** Squared standard error of the mean. */
function squaredError(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, PRIOR_VARIANCE);
  return squares / values.length / values.length;
}
