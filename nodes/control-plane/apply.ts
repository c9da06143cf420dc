/**
 * Applies commands to the control state, in log order. Pure and deterministic.
 *
 * Memory commands pass `sessions.ts` first: a session decides whether the write is new, a retry, or
 * one that can no longer be judged. Only a new one goes on to the engines.
 */
import { assert } from '../assert.js';
import { allNodesDone, finishStep, startRollout } from '../rollout/machine.js';
import type { Command, CommandResult } from './command.js';
import { MEMBERS_MAX } from './limits.js';
import { done, refused } from './results.js';
import { closeSession, keepSession, openSession, tellTime } from './sessions.js';
import { engineOf, memberByPeerId } from './state.js';
import type { CommandVersion, ControlState, Member } from './state.js';

export type ControlCommand = Exclude<Command, { type: 'memory' | 'expireMemory' }>;

/** Whether a command can change anything but sessions: members, rollout, versions. */
export function changesMore({ type }: ControlCommand): boolean {
  return !['openSession', 'keepSession', 'closeSession', 'advanceClock'].includes(type);
}

/** Applies everything but memory commands. */
export function applyControl(
  state: ControlState,
  index: number,
  command: ControlCommand,
): CommandResult {
  switch (command.type) {
    case 'addMember':
      return addMember(state, index, command);
    case 'setMember': {
      const member = state.members.get(command.nodeId);
      if (member === undefined || member.status === 'removing') {
        return refused(index, 'unknown-member');
      }
      member.status = command.status;
      member.host = command.host;
      member.port = command.port;
      member.commandVersion = command.commandVersion ?? 1;
      return done(index);
    }
    case 'removeMember':
      return removeMember(state, index, command.nodeId);
    case 'openSession':
      return openSession(state, index, command);
    case 'keepSession':
      return keepSession(state, index, command);
    case 'closeSession':
      return closeSession(state, index, command);
    case 'advanceClock':
      tellTime(state, command.nowMs);
      return done(index);
    case 'raiseCommandVersion':
      return raiseCommandVersion(state, index, command);
    case 'startRollout':
      return applyStartRollout(state, index, command);
    case 'finishStep':
      return applyFinishStep(state, index, command);
    case 'abortRollout':
      return abortRollout(state, index, command.rolloutId, command.reason);
    case 'raiseVersion':
      return raiseVersion(state, index, command.rolloutId);
    default:
      return refused(index, 'no-rollout');
  }
}

function addMember(
  state: ControlState,
  index: number,
  command: Extract<Command, { type: 'addMember' }>,
): CommandResult {
  const known = memberByPeerId(state, command.peerId);
  if (known !== undefined) {
    known.host = command.host;
    known.port = command.port;
    return done(index, known.nodeId);
  }
  // A node that joins now would hold neither what the plan counts on nor a turn of its own.
  if (state.rollout?.status === 'running') return refused(index, 'rollout-running');
  if (state.members.size >= MEMBERS_MAX) return refused(index, 'swarm-full');
  const member: Member = {
    nodeId: state.nextNodeId,
    peerId: command.peerId,
    host: command.host,
    port: command.port,
    status: 'joining',
    engine: engineOf(state.swarmVersion),
    cordoned: false,
    commandVersion: 1,
    release: '',
    supervised: false,
    zone: '',
  };
  state.nextNodeId += 1;
  state.members.set(member.nodeId, member);
  return done(index, member.nodeId);
}

function removeMember(state: ControlState, index: number, nodeId: number): CommandResult {
  const member = state.members.get(nodeId);
  if (member === undefined) return refused(index, 'unknown-member');
  const staying = [...state.members.values()].filter(({ status }) => status !== 'removing');
  if (staying.length === 1 && staying[0] === member) return refused(index, 'last-member');
  if (state.rollout?.status === 'running') return refused(index, 'rollout-running');
  // Its vote is still needed for the membership change, so it stays known until that is applied.
  member.status = 'removing';
  return done(index, nodeId);
}

/** The membership change that drops a node was applied: it is no member any more. */
export function dropMember(state: ControlState, nodeId: number): void {
  if (state.members.get(nodeId)?.status === 'removing') state.members.delete(nodeId);
}

function applyStartRollout(
  state: ControlState,
  index: number,
  command: Extract<Command, { type: 'startRollout' }>,
): CommandResult {
  if (state.rollout?.status === 'running') return refused(index, 'rollout-running');
  if (engineOf(state.swarmVersion) === command.plan.to) return refused(index, 'already-v2');
  const order = command.plan.batches.flat();
  const planned = new Set(order);
  const members = [...state.members.values()];
  const fits =
    planned.size === order.length &&
    planned.size === members.length &&
    members.every((member) => planned.has(member.nodeId) && member.engine === command.plan.from);
  if (!fits) return refused(index, 'plan-outdated');
  state.rollout = startRollout(index, command.plan, command.digest, command.startedAtMs);
  return done(index, index);
}

function applyFinishStep(
  state: ControlState,
  index: number,
  command: Extract<Command, { type: 'finishStep' }>,
): CommandResult {
  if (state.rollout === null) return refused(index, 'no-rollout');
  const refusal = finishStep(state.rollout, command);
  if (refusal !== undefined) return refused(index, refusal);
  const member = state.members.get(command.nodeId);
  assert(member !== undefined, 'a node in a rollout is a member');
  if (command.step === 'cordon') member.cordoned = true;
  // The cut-over of this node: from this index on its other engine answers.
  if (command.step === 'switch') member.engine = 'v2';
  if (command.step === 'rejoin') member.cordoned = false;
  return done(index);
}

/** Every node applied every command to its old engine too: going back is one entry. */
function abortRollout(
  state: ControlState,
  index: number,
  rolloutId: number,
  reason: string,
): CommandResult {
  const rollout = state.rollout;
  if (rollout === null || rollout.status !== 'running' || rollout.id !== rolloutId) {
    return refused(index, 'no-rollout');
  }
  rollout.status = 'aborted';
  rollout.reason = reason;
  for (const member of state.members.values()) {
    member.engine = 'v1';
    member.cordoned = false;
  }
  return done(index);
}

function raiseVersion(state: ControlState, index: number, rolloutId: number): CommandResult {
  const rollout = state.rollout;
  if (rollout === null || rollout.status !== 'running' || rollout.id !== rolloutId) {
    return refused(index, 'no-rollout');
  }
  if (!allNodesDone(rollout)) return refused(index, 'not-your-turn');
  for (const member of state.members.values()) {
    assert(member.engine === 'v2', 'the version is raised after every node has switched');
  }
  rollout.status = 'completed';
  state.swarmVersion = 2;
  return done(index);
}

/** Sessions of version 1 have known no time: theirs begins now. */
function raiseCommandVersion(
  state: ControlState,
  index: number,
  { version, nowMs }: Extract<Command, { type: 'raiseCommandVersion' }>,
): CommandResult {
  const before = state.commandVersion;
  state.commandVersion = Math.max(before, version) as CommandVersion;
  if (before >= 2) return done(index);
  state.clockMs = Math.max(state.clockMs, nowMs);
  for (const session of state.sessions.values()) session.usedAtMs = state.clockMs;
  return done(index);
}
