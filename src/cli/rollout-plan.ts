/** A plan as a numbered tree. */
import { planTree } from '../../nodes/rollout/plan.js';
import { rolloutPlanSchema } from '../client/rollout-answers.js';
import type { RolloutPlan } from '../client/index.js';

/** What `rollout plan` prints. */
export function planLines({ plan, digest, stored }: RolloutPlan): string[] {
  const told = rolloutPlanSchema.parse(plan);
  const lines = [...planTree(told), '', `digest ${digest}`];
  if (stored.length > 0) lines.push('', 'Stored now:', ...stored.map((each) => `  ${each}`));
  return lines;
}
