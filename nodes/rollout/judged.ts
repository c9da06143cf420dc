/** Whom the guards of a rollout judge, and with whom they compare them. Pure. */
import { stepsOf } from './state.js';
import type { Rollout, RolloutNode } from './state.js';

export interface Roles {
  /** Members that answer from what the rollout brings. */
  readonly judged: readonly RolloutNode[];
  /** Members whose process is being exchanged: they must come back, and nothing else is asked yet. */
  readonly switching: readonly RolloutNode[];
  /** Members that have not switched; those that are busy with a step stand last. */
  readonly references: readonly RolloutNode[];
}

const NOBODY: Roles = { judged: [], switching: [], references: [] };

/** Statuses in which something can be wrong with what was switched to, and can be taken back. */
const WATCHED: ReadonlySet<Rollout['status']> = new Set([
  'running',
  'paused',
  'switched',
  'finalizing',
  'finalized',
]);

/** From the switch of a member until the rollout has ended, it is judged. */
export function rolesOf({ plan, status, nodes }: Rollout): Roles {
  if (!WATCHED.has(status)) return NOBODY;
  const there = nodes.filter(({ step }) => step !== 'removed');
  const isJudged = ({ step, direction }: RolloutNode): boolean => {
    return direction === 'forward' && (step === 'done' || isBehindSwitch(plan.kind, step));
  };
  const judged = there.filter(isJudged);
  const isSwitching = ({ step }: RolloutNode): boolean => {
    return plan.kind === 'release' && step === 'switch';
  };
  const switching = there.filter(isSwitching);
  const others = there.filter((node) => !isJudged(node) && !isSwitching(node));
  const [idle, busy] = [
    others.filter(({ step }) => step === 'pending'),
    others.filter(({ step }) => step !== 'pending'),
  ];
  return { judged, switching, references: [...idle, ...busy] };
}

function isBehindSwitch(kind: Rollout['plan']['kind'], step: RolloutNode['step']): boolean {
  const steps = stepsOf(kind, 'forward');
  return steps.indexOf(step) > steps.indexOf('switch');
}

/**
 * Whether the guards may act: after finalization they only tell. Clients may rely on the new form by then,
 * and going back is what an operator decides.
 */
export function mayHalt({ status, plan }: Rollout): boolean {
  if (status === 'paused') return plan.guards?.action === 'rollback';
  return status === 'running' || status === 'switched' || status === 'finalizing';
}
