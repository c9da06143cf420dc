/** What a leader proposes so that a rollout goes on: times that have come, and the end of it. Pure. */
import { areMembersOnTarget } from '../control-plane/apply-rollout.js';
import type { Command } from '../control-plane/command.js';
import type { ControlState } from '../control-plane/state.js';
import { unfencedNodes } from '../rollout/finalizing.js';
import type { Rollout } from '../rollout/state.js';
import { allNodesDone } from '../rollout/turns.js';
import { openingToSay } from '../rollout/windows.js';

/**
 * `timeOfDayMs` is that of this leader, for schedules and windows; all else goes by the replicated clock,
 * which the leader tells as `nowMs`.
 */
export function rolloutUpkeep(
  control: ControlState,
  nowMs: number,
  timeOfDayMs: number,
): Command | undefined {
  const { rollout, clockMs } = control;
  if (rollout === null) return undefined;
  const { id: rolloutId, epoch, plan } = rollout;
  switch (rollout.status) {
    case 'scheduled':
      if (timeOfDayMs < rollout.notBeforeMs) return undefined;
      return { type: 'beginRollout', rolloutId, epoch };
    case 'running':
      // Of a release before this one: the raised version ends it.
      if (plan.form === 1 && allNodesDone(rollout)) return { type: 'raiseVersion', rolloutId };
      return endedSoak(rollout, clockMs) ?? openWindow(rollout, nowMs, timeOfDayMs);
    case 'switched':
      if (!plan.autoFinalize || !areMembersOnTarget(control, rollout)) return undefined;
      return { type: 'finalizeRollout', rolloutId, epoch };
    case 'finalizing':
      if (unfencedNodes(rollout).length > 0) return undefined;
      return { type: 'raiseVersion', rolloutId };
    case 'finalized':
      if (clockMs < rollout.windowEndsMs) return undefined;
      return { type: 'closeWindow', rolloutId, epoch, nowMs: clockMs, early: false };
    default:
      return undefined;
  }
}

/** A window opens, is over, or the clocks have drifted apart. */
function openWindow(rollout: Rollout, nowMs: number, timeOfDayMs: number): Command | undefined {
  const openUntilMs = openingToSay(rollout, nowMs, timeOfDayMs);
  if (openUntilMs === undefined) return undefined;
  const { id: rolloutId, epoch } = rollout;
  return { type: 'openRollout', rolloutId, epoch, openUntilMs };
}

function endedSoak(rollout: Rollout, clockMs: number): Command | undefined {
  const { id: rolloutId, nodes, limits } = rollout;
  const soaked = nodes.find(
    ({ step, sinceMs }) => step === 'soak' && clockMs - sinceMs >= limits.soakMs,
  );
  if (soaked === undefined) return undefined;
  const { nodeId, step, epoch, detail } = soaked;
  return { type: 'finishStep', rolloutId, nodeId, step, epoch, detail: detail ?? {} };
}
