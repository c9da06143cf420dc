/** Applies what concerns the rollout to the control state: its own machine, and what follows for members. */
import { assert } from '../assert.js';
import { ackFence, closeWindow, finalize, raise } from '../rollout/finalizing.js';
import {
  abort,
  begin,
  finishStep,
  giveUp,
  halt,
  open,
  pause,
  postpone,
  refusalOf,
  resume,
  rollBack,
  startRollout,
  throttle,
} from '../rollout/machine.js';
import { planFault } from '../rollout/plan.js';
import { type Rollout, type RolloutPlan, hasEnded } from '../rollout/state.js';
import type { RolloutRefusal } from '../rollout/transitions.js';
import { isCordoned } from '../rollout/turns.js';
import type { Command, CommandResult, RolloutCommand } from './command.js';
import { done, refused } from './results.js';
import { tellTime } from './sessions.js';
import { ROLLOUT_COMMAND_VERSION, engineOf } from './state.js';
import type { ControlState } from './state.js';

type StartRollout = Extract<Command, { type: 'startRollout' }>;
type FinishStep = Extract<Command, { type: 'finishStep' }>;
type RolloutChange = Extract<
  Command,
  { type: 'startRollout' | 'finishStep' | 'abortRollout' | 'raiseVersion' } | RolloutCommand
>;

/** Applies one entry; refused, it has changed nothing but the clock. */
export function applyRollout(
  state: ControlState,
  index: number,
  command: RolloutChange,
): CommandResult {
  if (command.type === 'startRollout') return applyStart(state, index, command);
  const { rollout } = state;
  if (rollout === null || rollout.id !== command.rolloutId) return refused(index, 'no-rollout');
  const refusal = changed(state, rollout, command);
  if (refusal !== null) return refused(index, refusal);
  settleMembers(state, rollout);
  return done(index);
}

function changed(
  state: ControlState,
  rollout: Rollout,
  command: Exclude<RolloutChange, StartRollout>,
): RolloutRefusal | null {
  // What begins by an entry begins at the time of it, not when the clock was told last.
  if ('nowMs' in command && command.nowMs !== undefined) tellTime(state, command.nowMs);
  const nowMs = state.clockMs;
  switch (command.type) {
    case 'finishStep':
      return applyFinishStep(state, rollout, command);
    case 'beginRollout':
      return begin(rollout, command.epoch, nowMs);
    case 'openRollout':
      return open(rollout, command, nowMs);
    case 'pauseRollout':
      return pause(rollout, command, nowMs);
    case 'resumeRollout':
      return resume(rollout, command.epoch, nowMs);
    case 'throttleRollout':
      return throttle(rollout, command, nowMs);
    case 'postponeRollout':
      return postpone(rollout, command, nowMs);
    case 'abortRollout':
      return abort(rollout, command.reason, nowMs);
    case 'giveUpRollout':
      return giveUp(rollout, command, nowMs);
    case 'rollbackRollout':
      return rollBack(rollout, command, nowMs);
    case 'haltRollout':
      return halt(rollout, command, nowMs);
    case 'finalizeRollout':
      return refusalOf(rollout, 'finalize') ?? applyFinalize(state, rollout, command.epoch);
    case 'ackFence':
      return applyAckFence(state, rollout, command);
    case 'raiseVersion':
      return raise(rollout, nowMs);
    case 'closeWindow':
      return closeWindow(rollout, command, nowMs);
  }
}

function applyStart(state: ControlState, index: number, command: StartRollout): CommandResult {
  const { plan, digest, startedAtMs, approval: certificate } = command;
  const before = state.rollout?.id ?? 0;
  const isLate = plan.form === 2 && (command.after ?? 0) !== before;
  const refusal = startRefusal(state, plan) ?? (isLate ? 'plan-outdated' : null);
  if (refusal !== null) return refused(index, refusal);
  const rollout = startRollout(index, plan, digest, startedAtMs, state.clockMs);
  // What it is worth each node finds out by itself: here it is carried to all of them.
  state.rollout =
    certificate === undefined ? rollout : { ...rollout, approval: { after: before, certificate } };
  return done(index, index);
}

/** Why this plan cannot be started now, or null. */
export function startRefusal(state: ControlState, plan: RolloutPlan): RolloutRefusal | null {
  const { rollout, commandVersion } = state;
  if (rollout !== null && !hasEnded(rollout)) {
    return rollout.status === 'finalized' ? 'window-open' : 'rollout-running';
  }
  if (plan.form === 2 && commandVersion < ROLLOUT_COMMAND_VERSION) return 'release-too-old';
  if (plan.kind === 'engine' && engineOf(state.swarmVersion) === plan.to) return 'already-v2';
  const planned = new Set(plan.batches.flat());
  const members = [...state.members.values()];
  const fits =
    planned.size === plan.batches.flat().length &&
    planned.size === members.length &&
    members.every(({ nodeId }) => planned.has(nodeId));
  if (!fits) return 'plan-outdated';
  if (plan.form === 2 && planFault(plan) !== null) return 'invalid-plan';
  if (plan.kind === 'engine') {
    return members.every(({ engine }) => engine === plan.from) ? null : 'plan-outdated';
  }
  if (new Set(members.map(({ release }) => release)).size > 1) return 'mixed-releases';
  if (members[0]?.release !== plan.from) return 'plan-outdated';
  const readsLog = (plan.release?.to.commandVersion ?? 0) >= commandVersion;
  if (!readsLog) return 'release-too-old';
  return members.every(({ supervised }) => supervised) ? null : 'not-supervised';
}

/** By finishing its switch a node says which engine answers, or which release runs, from here on. */
function applyFinishStep(
  state: ControlState,
  rollout: Rollout,
  command: FinishStep,
): RolloutRefusal | null {
  const node = rollout.nodes.find(({ nodeId }) => nodeId === command.nodeId);
  const direction = node?.direction;
  const refusal = finishStep(rollout, command, state.clockMs);
  if (refusal !== null) return refusal;
  if (command.step !== 'switch') return null;
  const member = state.members.get(command.nodeId);
  assert(member !== undefined, 'a node in a rollout that has a step is a member');
  const { release } = rollout.plan;
  if (release === null) {
    member.engine = 'v2';
  } else {
    const now = direction === 'forward' ? release.to : release.from;
    member.release = now.name;
    member.commandVersion = now.commandVersion;
  }
  return null;
}

/** Whether every member that stays says that it is what the rollout leads to. */
export function areMembersOnTarget(state: ControlState, { plan }: Rollout): boolean {
  return [...state.members.values()].every(
    ({ status, engine, release }) =>
      status === 'removing' || (plan.kind === 'engine' ? engine : release) === plan.to,
  );
}

function applyFinalize(
  state: ControlState,
  rollout: Rollout,
  epoch: number,
): RolloutRefusal | null {
  return areMembersOnTarget(state, rollout) ? finalize(rollout, epoch) : 'not-on-target';
}

/** What a node says of itself; the same words are in `setMember` and in `ackFence`. */
interface Said {
  readonly release?: string | undefined;
  readonly commandVersion?: number | undefined;
}

/** Whether the fence keeps out a node that says this of itself. Open before finalization. */
export function isFencedOut(state: ControlState, said: Said): boolean {
  const { rollout } = state;
  if (rollout === null || rollout.plan.form === 1) return false;
  if (rollout.status !== 'finalizing' && rollout.status !== 'finalized') return false;
  const { release } = rollout.plan;
  const reads = said.commandVersion ?? 1;
  if (release === null) return reads < state.commandVersion;
  return said.release !== release.to.name || reads < release.to.commandVersion;
}

function applyAckFence(
  state: ControlState,
  rollout: Rollout,
  command: Extract<Command, { type: 'ackFence' }>,
): RolloutRefusal | null {
  const refusal = refusalOf(rollout, 'ackFence');
  if (refusal !== null) return refusal;
  const isOld = rollout.plan.kind === 'engine' && command.engine !== rollout.plan.to;
  if (isOld || isFencedOut(state, command)) return 'fenced';
  return ackFence(rollout, command);
}

/** What members are follows from where the rollout is, and from nothing else. */
export function settleMembers(state: ControlState, rollout: Rollout): void {
  const isOver = hasEnded(rollout);
  for (const node of rollout.nodes) {
    const member = state.members.get(node.nodeId);
    if (member !== undefined) member.cordoned = !isOver && isCordoned(node);
  }
  if (rollout.plan.kind !== 'engine') return;
  const { status } = rollout;
  if (status === 'rolledBack' || status === 'aborted') {
    // Every node applied every command to its v1 engine too: going back is one entry.
    for (const member of state.members.values()) member.engine = 'v1';
    state.swarmVersion = 1;
  } else if (status === 'finalized' || status === 'completed') {
    const areOnV2 = [...state.members.values()].every(
      (member) => member.engine === 'v2' || member.status === 'removing',
    );
    assert(areOnV2, 'the version is raised after every node has switched');
    state.swarmVersion = 2;
  }
}
