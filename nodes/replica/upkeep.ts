/**
 * What a leader has to propose so that the world becomes what the control state says. Level
 * triggered: it is asked again on every tick, so that no step is lost with a leader. Pure.
 */
import type { ConfChange, RaftStatus } from '../../consensus/raft/index.js';
import type { Command } from '../control-plane/command.js';
import { isClockDue } from '../control-plane/sessions.js';
import { COMMAND_VERSION, type CommandVersion } from '../control-plane/state.js';
import type { ControlState } from '../control-plane/state.js';
import { hasEnded } from '../rollout/state.js';
import { rolloutUpkeep } from './rollout-upkeep.js';

export type Upkeep =
  | { readonly type: 'membership'; readonly change: ConfChange }
  | { readonly type: 'command'; readonly command: Command };

/** Entries by which a learner may lag when it is made a voter. */
const PROMOTION_LAG_ENTRIES_MAX = 64;

/**
 * `nowMs` is the time that this leader tells (`control-plane/leader-clock.ts`), `timeOfDayMs` what its
 * machine says of the time of day.
 */
export function nextUpkeep(
  control: ControlState,
  raft: RaftStatus,
  nowMs: number,
  timeOfDayMs: number,
): Upkeep | undefined {
  if (raft.role !== 'leader' || raft.transferTarget !== 0) return undefined;
  const change = nextMembershipChange(control, raft);
  if (change !== undefined) return { type: 'membership', change };
  const command = rolloutUpkeep(control, timeOfDayMs);
  if (command !== undefined) return { type: 'command', command };
  const members = [...control.members.values()];
  const readByAll = Math.min(...members.map((member) => member.commandVersion), COMMAND_VERSION);
  // What is written while a rollout can be rolled back, the side that it came from has to read.
  const isAtRest = control.rollout === null || hasEnded(control.rollout);
  if (isAtRest && control.commandVersion < readByAll) {
    const version = readByAll as CommandVersion;
    return { type: 'command', command: { type: 'raiseCommandVersion', version, nowMs } };
  }
  if (isClockDue(control, nowMs)) {
    return { type: 'command', command: { type: 'advanceClock', nowMs } };
  }
  return undefined;
}

function nextMembershipChange(control: ControlState, raft: RaftStatus): ConfChange | undefined {
  const { voters, learners, votersOutgoing } = raft.confState;
  // A joint configuration is left by the core itself; until then nothing else is proposed.
  if (votersOutgoing.length > 0) return undefined;
  for (const { nodeId, status } of control.members.values()) {
    if (status === 'removing') continue;
    if (!voters.includes(nodeId) && !learners.includes(nodeId)) {
      return single('addLearner', nodeId);
    }
  }
  for (const nodeId of learners) {
    const progress = raft.progress.get(nodeId);
    const caughtUp =
      progress !== undefined &&
      progress.state === 'replicate' &&
      progress.match + PROMOTION_LAG_ENTRIES_MAX >= raft.commit;
    // `joining` members have not said yet that they serve.
    if (caughtUp && control.members.get(nodeId)?.status === 'up') return single('addVoter', nodeId);
  }
  for (const nodeId of [...voters, ...learners]) {
    const member = control.members.get(nodeId);
    if (member === undefined || member.status === 'removing') return single('remove', nodeId);
  }
  return undefined;
}

function single(type: 'addLearner' | 'addVoter' | 'remove', node: number): ConfChange {
  return { transition: 'auto', changes: [{ type, node }] };
}
