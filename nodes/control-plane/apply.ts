/**
 * Applies commands to the control state, in log order. Pure and deterministic.
 *
 * Memory commands pass `sessions.ts` first: a session decides whether the write is new, a retry, or
 * one that can no longer be judged. Only a new one goes on to the engines.
 */
import { assert } from '../assert.js';
import { addNode, unfence } from '../rollout/finalizing.js';
import { removeNode } from '../rollout/machine.js';
import { hasEnded } from '../rollout/state.js';
import { applyRollout, isFencedOut, settleMembers } from './apply-rollout.js';
import type { Command, CommandRefusal, CommandResult } from './command.js';
import { MEMBERS_MAX } from './limits.js';
import {
  applyMembership,
  canBeReplaced,
  forgetPlacement,
  isMembershipCommand,
} from './membership.js';
import { done, refused } from './results.js';
import { closeSession, keepSession, openSession, tellTime } from './sessions.js';
import { ROLLOUT_COMMAND_VERSION, engineOf, memberByPeerId } from './state.js';
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
    case 'setMember':
      return setMember(state, index, command);
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
    default:
      return isMembershipCommand(command)
        ? applyMembership(state, index, command)
        : applyRollout(state, index, command);
  }
}

function setMember(
  state: ControlState,
  index: number,
  command: Extract<Command, { type: 'setMember' }>,
): CommandResult {
  const member = state.members.get(command.nodeId);
  if (member === undefined || member.status === 'removing') {
    return refused(index, 'unknown-member');
  }
  if (state.rollout !== null && isFencedOut(state, command)) {
    // It has come back as what it was before: what it acknowledged is true no more.
    unfence(state.rollout, command.nodeId);
    return refused(index, 'fenced');
  }
  member.status = command.status;
  member.host = command.host;
  member.port = command.port;
  member.commandVersion = command.commandVersion ?? 1;
  // Members of before that version would not keep it, and equal logs must give equal states.
  if (state.commandVersion >= ROLLOUT_COMMAND_VERSION) {
    member.release = command.release ?? '';
    member.supervised = command.supervised ?? false;
    member.zone = command.zone ?? '';
  }
  return done(index);
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
  if (isMoving(state)) return refused(index, 'rollout-running');
  if (state.members.size >= MEMBERS_MAX) return refused(index, 'swarm-full');
  // Members of before that version would keep neither.
  const isOfFive = state.commandVersion >= ROLLOUT_COMMAND_VERSION;
  const replaces = isOfFive ? (command.replaces ?? 0) : 0;
  if (replaces !== 0 && !canBeReplaced(state, state.nextNodeId, replaces)) {
    return refused(index, 'not-replaceable');
  }
  const zone = isOfFive ? (command.zone ?? state.members.get(replaces)?.zone ?? '') : '';
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
    zone,
  };
  state.nextNodeId += 1;
  state.members.set(member.nodeId, member);
  if (replaces !== 0) state.placement.replaces.set(member.nodeId, replaces);
  if (state.rollout !== null) addNode(state.rollout, member.nodeId, state.clockMs);
  return done(index, member.nodeId);
}

/** Why a member cannot be removed now, or undefined. */
export function removalRefusal(state: ControlState, nodeId: number): CommandRefusal | undefined {
  const member = state.members.get(nodeId);
  if (member === undefined) return 'unknown-member';
  const staying = [...state.members.values()].filter(({ status }) => status !== 'removing');
  if (staying.length === 1 && staying[0] === member) return 'last-member';
  return state.rollout?.plan.form === 1 && isMoving(state) ? 'rollout-running' : undefined;
}

function removeMember(state: ControlState, index: number, nodeId: number): CommandResult {
  const member = state.members.get(nodeId);
  const refusal = removalRefusal(state, nodeId);
  if (refusal !== undefined) return refused(index, refusal);
  assert(member !== undefined, 'who can be removed is a member');
  const { rollout } = state;
  if (rollout !== null && !hasEnded(rollout)) {
    removeNode(rollout, nodeId, state.clockMs);
    settleMembers(state, rollout);
  }
  // Its vote is still needed for the membership change, so it stays known until that is applied.
  member.status = 'removing';
  return done(index, nodeId);
}

/** Whether a rollout is under way; while its window is open the swarm is at rest. */
function isMoving({ rollout }: ControlState): boolean {
  return rollout !== null && !hasEnded(rollout) && rollout.status !== 'finalized';
}

/** The membership change that drops a node was applied: it is no member any more. */
export function dropMember(state: ControlState, nodeId: number): void {
  if (state.members.get(nodeId)?.status !== 'removing') return;
  state.members.delete(nodeId);
  forgetPlacement(state, nodeId);
}

/** Sessions of version 1 have known no time: theirs begins now. */
function raiseCommandVersion(
  state: ControlState,
  index: number,
  { version, nowMs }: Extract<Command, { type: 'raiseCommandVersion' }>,
): CommandResult {
  const before = state.commandVersion;
  const { rollout } = state;
  // Whoever goes back has to read all that was written since.
  const holds = rollout !== null && rollout.plan.form === 2 && !hasEnded(rollout);
  if (holds && version > before) return refused(index, 'rollout-running');
  state.commandVersion = Math.max(before, version) as CommandVersion;
  if (before >= 2) return done(index);
  state.clockMs = Math.max(state.clockMs, nowMs);
  for (const session of state.sessions.values()) session.usedAtMs = state.clockMs;
  return done(index);
}
