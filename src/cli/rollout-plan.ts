/** A plan as a numbered tree. */
import { planTree } from '../../nodes/rollout/plan-text.js';
import { rolloutPlanSchema } from '../client/rollout-answers.js';
import type { RolloutPlan } from '../client/index.js';

/** What `rollout plan` prints. */
export function planLines({ plan, digest, stored }: RolloutPlan): string[] {
  const told = rolloutPlanSchema.parse(plan);
  const lines = [planTree(told, timeText), '', `digest ${digest}`];
  if (stored.length > 0) lines.push('', 'Stored now:', ...stored.map((each) => `  ${each}`));
  return lines;
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
