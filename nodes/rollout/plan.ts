/** Plans: which nodes migrate, in which order. What is printed is what runs, shown by the digest. */
import type { RolloutPlan } from './state.js';
import { ROLLOUT_STEPS } from './state.js';

export interface PlannableMember {
  readonly nodeId: number;
  readonly engine: 'v1' | 'v2';
}

/** Followers first, in order of id; the leader last, so that leadership moves once. */
export function makePlan(members: readonly PlannableMember[], leader: number): RolloutPlan {
  const order = members.map((member) => member.nodeId).sort((a, b) => a - b);
  const withoutLeader = order.filter((nodeId) => nodeId !== leader);
  return {
    from: 'v1',
    to: 'v2',
    order: order.includes(leader) ? [...withoutLeader, leader] : withoutLeader,
  };
}

/** The bytes that the digest of a plan is taken of: one fixed order of fields, versioned. */
export function canonicalPlan(plan: RolloutPlan): string {
  return JSON.stringify(['rollout-plan', 1, plan.from, plan.to, plan.order, ROLLOUT_STEPS]);
}
