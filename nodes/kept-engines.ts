/**
 * Which engines a node keeps at a state, so that a rollout can go either way. Pure.
 *
 *   swarm version   rollout of the engine         v1        v2
 *   1               none, or ended in v1          answers   -
 *   1               on its way                    fed       fed, once it is staged
 *   2               finalized, its window open    fed       answers
 *   2               none, or completed            -         answers
 *
 * "Fed" is given every command in the same turn as the engine that answers, so that it can take over
 * at any index.
 */
import type { ControlState } from './control-plane/state.js';
import { hasEnded } from './rollout/state.js';

/** Whether v1 is fed, or answers. */
export function keepsV1({ swarmVersion, rollout }: ControlState): boolean {
  if (swarmVersion === 1) return true;
  return rollout?.plan.kind === 'engine' && rollout.status === 'finalized';
}

/** Whether v2 is fed, or answers; a store that is not there yet is built by a step of the rollout. */
export function keepsV2({ swarmVersion, rollout }: ControlState): boolean {
  if (swarmVersion === 2) return true;
  return rollout?.plan.kind === 'engine' && !hasEnded(rollout);
}
