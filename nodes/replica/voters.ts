/**
 * Membership changes of Raft that make the members vote who should (`placement.ts`), and drop those that
 * are being removed: one change at a time, each asked for again until it is applied. Pure.
 */
import type { ConfChange, ConfChangeSingle, RaftStatus } from '../../consensus/raft/index.js';
import { removalRefusal } from '../control-plane/apply.js';
import type { Command } from '../control-plane/command.js';
import { isUnwanted } from '../control-plane/membership.js';
import type { ControlState } from '../control-plane/state.js';
import { leavesMajority } from '../rollout/turns.js';
import { canGoWithoutSuccessor, canVote, nextPlacement, successorOf } from './placement.js';
import type { PlacementMember } from './placement.js';

/** Milliseconds since the leader heard of a member. */
export type SilentMs = (nodeId: number) => number;

export function nextMembershipChange(
  control: ControlState,
  raft: RaftStatus,
  silentMs: SilentMs,
): ConfChange | undefined {
  const { voters, learners, votersOutgoing } = raft.confState;
  // A joint configuration is left by the core itself; until then nothing else is proposed.
  if (votersOutgoing.length > 0) return undefined;
  for (const { nodeId, status } of control.members.values()) {
    if (status === 'removing') continue;
    if (!voters.includes(nodeId) && !learners.includes(nodeId)) {
      return changeOf([{ type: 'addLearner', node: nodeId }]);
    }
  }
  const isGoing = (nodeId: number): boolean =>
    (control.members.get(nodeId)?.status ?? 'removing') === 'removing';
  const learner = learners.find(isGoing);
  if (learner !== undefined) return changeOf([{ type: 'remove', node: learner }]);
  const members = placementMembers(control, raft, silentMs);
  for (const nodeId of voters.filter(isGoing)) {
    const removal = removalOf(control, members, nodeId);
    if (removal !== undefined) return removal;
  }
  const step = nextPlacement(members, control.placement, (after) =>
    leavesMajority(control.rollout, after),
  );
  if (step === undefined) return undefined;
  const { promote, demote } = step;
  const changes: ConfChangeSingle[] = [];
  if (promote !== 0) changes.push({ type: 'addVoter', node: promote });
  if (demote !== 0) changes.push({ type: 'addLearner', node: demote });
  return changeOf(changes);
}

/** A voter goes together with the coming of its successor; without one when a quorum stays. */
function removalOf(
  { placement }: ControlState,
  members: readonly PlacementMember[],
  nodeId: number,
): ConfChange | undefined {
  const voters = members.filter(({ isVoter }) => isVoter).length;
  const successor =
    placement.wanted > 0 && voters <= placement.wanted ? successorOf(members, nodeId) : undefined;
  if (successor !== undefined) {
    return changeOf([
      { type: 'addVoter', node: successor },
      { type: 'remove', node: nodeId },
    ]);
  }
  if (!canGoWithoutSuccessor(members, nodeId)) return undefined;
  return changeOf([{ type: 'remove', node: nodeId }]);
}

/** The command that removes a member which leaves, or whose successor is ready; or undefined. */
export function nextDeparture(
  control: ControlState,
  raft: RaftStatus,
  silentMs: SilentMs,
): Command | undefined {
  const { leaving, replaces } = control.placement;
  if (leaving.size === 0 && replaces.size === 0) return undefined;
  const members = new Map(
    placementMembers(control, raft, silentMs).map((member) => [member.nodeId, member]),
  );
  const goes = (nodeId: number): Command | undefined =>
    removalRefusal(control, nodeId) === undefined ? { type: 'removeMember', nodeId } : undefined;
  for (const [successor, replaced] of replaces) {
    const member = members.get(successor);
    const isReady = member !== undefined && (member.isVoter || canVote(member));
    const departure = isReady ? goes(replaced) : undefined;
    if (departure !== undefined) return departure;
  }
  for (const nodeId of leaving) {
    const member = members.get(nodeId);
    if (member === undefined || member.isLeader) continue;
    const departure = hasNoVote(member, [...members.values()]) ? goes(nodeId) : undefined;
    if (departure !== undefined) return departure;
  }
  return undefined;
}

/** Its vote is somebody else's, or there is nobody who could take it and a quorum stays. */
function hasNoVote(member: PlacementMember, members: readonly PlacementMember[]): boolean {
  if (!member.isVoter) return true;
  const canCome = members.some((one) => !one.isVoter && !one.isUnwanted);
  return !canCome && canGoWithoutSuccessor(members, member.nodeId);
}

/** Who leads instead of a leader that should not; undefined while it may, or nobody can. */
export function leaderInstead(control: ControlState, raft: RaftStatus): number | undefined {
  const { drained, leaving } = control.placement;
  if (!drained.has(raft.id) && !leaving.has(raft.id)) return undefined;
  return bestLeader(control, raft, raft.id);
}

/** The voter that is furthest, is heard from, and should lead; undefined when there is none but `nodeId`. */
export function bestLeader(
  control: ControlState,
  { progress, confState }: RaftStatus,
  nodeId: number,
): number | undefined {
  let best: { node: number; match: number } | undefined;
  for (const node of confState.voters) {
    const known = progress.get(node);
    if (node === nodeId || known === undefined || !known.recentActive) continue;
    const member = control.members.get(node);
    if (member === undefined || member.cordoned || member.status !== 'up') continue;
    if (isUnwanted(control, node)) continue;
    if (best === undefined || known.match > best.match) best = { node, match: known.match };
  }
  return best?.node;
}

function placementMembers(
  control: ControlState,
  raft: RaftStatus,
  silentMs: SilentMs,
): PlacementMember[] {
  const { confState, progress, commit, id } = raft;
  const voters = new Set(confState.voters);
  return [...control.members.values()].map(({ nodeId, status, zone, cordoned }) => {
    const known = progress.get(nodeId);
    const isReplicated = known !== undefined && known.state === 'replicate';
    return {
      nodeId,
      zone,
      isVoter: voters.has(nodeId),
      isLeader: nodeId === id,
      // `joining` members have not said yet that they serve; the process of a cordoned one may stop.
      serves: status === 'up' && !cordoned,
      isUnwanted: isUnwanted(control, nodeId),
      lagEntries: isReplicated ? Math.max(0, commit - known.match) : Infinity,
      silentMs: silentMs(nodeId),
      replaces: control.placement.replaces.get(nodeId) ?? 0,
    };
  });
}

function changeOf(changes: readonly ConfChangeSingle[]): ConfChange {
  return { transition: 'auto', changes };
}
