/** Plans: which nodes switch, in which order. What is printed is what runs, shown by the digest. */
import { ROLLBACK_WINDOW_MS_DEFAULT } from './limits.js';
import { stepsOf } from './state.js';
import type { Guards, ReleaseName, RolloutPlan } from './state.js';

export interface PlannableMember {
  readonly nodeId: number;
  /** Batches are spread over zones; left out or empty, a node is in a zone of its own. */
  readonly zone?: string;
}

/** What is left out is at its default: batches of one, no soak, at once, a window of 72 hours. */
export interface PlanOptions {
  /** Left out: the engine rollout from v1 to v2. */
  readonly release?: { readonly from: ReleaseName; readonly to: ReleaseName };
  readonly canaries?: number;
  readonly batchSize?: number;
  readonly maxUnavailable?: number;
  readonly soakMs?: number;
  readonly notBeforeMs?: number;
  readonly autoFinalize?: boolean;
  readonly rollbackWindowMs?: number;
  readonly guards?: Guards | null;
  readonly inexpressible?: readonly string[];
}

/** Followers first, in order of id; the leader last, so that leadership moves once. */
export function makePlan(
  members: readonly PlannableMember[],
  leader: number,
  options: PlanOptions = {},
): RolloutPlan {
  const { release = null, batchSize = 1 } = options;
  return {
    form: 2,
    kind: release === null ? 'engine' : 'release',
    from: release?.from.name ?? 'v1',
    to: release?.to.name ?? 'v2',
    release,
    batches: orderOf(members, leader).map((nodeId) => [nodeId]),
    canaries: options.canaries ?? 0,
    maxUnavailable: options.maxUnavailable ?? batchSize,
    soakMs: options.soakMs ?? 0,
    notBeforeMs: options.notBeforeMs ?? 0,
    autoFinalize: options.autoFinalize ?? true,
    rollbackWindowMs: options.rollbackWindowMs ?? ROLLBACK_WINDOW_MS_DEFAULT,
    guards: options.guards ?? null,
    irreversible: [],
    inexpressible: options.inexpressible ?? [],
  };
}

/** The plan as releases before this one have it and read it. */
export function formerPlan(order: readonly number[]): RolloutPlan {
  return {
    form: 1,
    kind: 'engine',
    from: 'v1',
    to: 'v2',
    release: null,
    batches: order.map((nodeId) => [nodeId]),
    canaries: 0,
    maxUnavailable: 1,
    soakMs: 0,
    notBeforeMs: 0,
    autoFinalize: true,
    rollbackWindowMs: 0,
    guards: null,
    irreversible: [],
    inexpressible: [],
  };
}

export function orderOf(members: readonly PlannableMember[], leader: number): number[] {
  const order = members.map((member) => member.nodeId).sort((a, b) => a - b);
  const withoutLeader = order.filter((nodeId) => nodeId !== leader);
  return order.includes(leader) ? [...withoutLeader, leader] : withoutLeader;
}

/** The bytes that the digest of a plan is taken of: one fixed order of fields, versioned. */
export function canonicalPlan(plan: RolloutPlan): string {
  const steps = stepsOf(plan.kind, 'forward');
  if (plan.form === 1) {
    const former = steps.filter((step) => step !== 'soak');
    return JSON.stringify(['rollout-plan', 1, plan.from, plan.to, plan.batches.flat(), former]);
  }
  return JSON.stringify(['rollout-plan', 2, plan.from, plan.to, plan.batches, steps]);
}
