/** A plan as a numbered tree. */
import { planTree } from '../../nodes/rollout/plan-text.js';
import { rolloutPlanSchema } from '../client/rollout-answers.js';
import type { RolloutPlan } from '../client/index.js';
import { soakOf } from './rollout-options.js';

type ToldPlan = ReturnType<typeof rolloutPlanSchema.parse>;

/** What `rollout plan` prints. */
export function planLines({ plan, digest, stored }: RolloutPlan): string[] {
  const told = rolloutPlanSchema.parse(plan);
  const lines = [planTree(told, timeText), '', `digest ${digest}`];
  lines.push(...soakLines(told));
  if (stored.length > 0) lines.push('', 'Stored now:', ...stored.map((each) => `  ${each}`));
  return lines;
}

/** Guards need some windows to see that a node is broken. */
function soakLines({ guards, soakMs }: ToldPlan): string[] {
  if (guards === null) return [];
  const neededMs = soakOf(guards);
  if (soakMs >= neededMs) return [];
  const neededSeconds = neededMs / 1_000;
  return [
    '',
    `NOTE: nodes soak ${soakMs / 1_000} s, and the guards need ${neededSeconds} s to halt a broken one;`,
    `the next batch begins before. Use --soak ${neededSeconds}s, or shorter windows of the guards.`,
  ];
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
