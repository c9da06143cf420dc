/** Membership changes: Raft section 6, thesis chapter 4. A change takes effect when applied. */
import { applyChange, checkChange, type Group } from './confchange/changer.js';
import {
  type ConfChange,
  LEAVE_JOINT,
  changeKind,
  decodeConfChange,
  encodeConfChange,
} from './confchange/change.js';
import { RaftError } from './error.js';
import type { RaftRefusal } from './input.js';
import { ENTRY_DATA_BYTES_MAX } from './limits.js';
import { advanceCommit, broadcastAppend, sendAppend } from './replication.js';
import { confirmReads, releasePostponedReads } from './reading.js';
import type { RaftState } from './state.js';
import type { ChangeIgnored } from './trace.js';
import { isJoint, isVoter } from './tracker/membership.js';
import { type Entry, NO_NODE } from './types.js';

/** A payload on its way to becoming an entry. */
export type Payload = Pick<Entry, 'type' | 'data'>;

/** Appends payloads on a leader and sends them out. */
export function propose(node: RaftState, payloads: readonly Payload[]): RaftRefusal | undefined {
  if (payloads.length === 0) return 'empty-proposal';
  if (payloads.some(({ data }) => data.length > ENTRY_DATA_BYTES_MAX)) return 'too-large';
  if (node.role !== 'leader') return forward(node, payloads);
  // A leader that was removed takes nothing new.
  if (!node.group.progress.has(node.id)) return 'not-leader';
  if (node.isRepairing) return 'repairing';
  if (node.transferTarget !== NO_NODE) {
    const { transferTarget: target, term } = node;
    node.trace?.({ type: 'proposalDropped', why: 'transferring', target, term });
    return 'transferring';
  }
  let changeIndex = 0;
  for (const [at, { type, data }] of payloads.entries()) {
    if (type !== 'confChange') continue;
    const change = tryDecode(data);
    if (change === undefined) return 'bad-message';
    if (changeIndex > 0) return 'change-pending';
    const why = whyNot(node, change);
    if (why !== undefined) {
      node.trace?.({ type: 'changeIgnored', change, members: node.group.members, why });
      const waits = why.reason === 'pending' || why.reason === 'no-own-term-commit';
      return waits ? 'change-pending' : 'invalid-change';
    }
    changeIndex = node.log.lastIndex + at + 1;
  }
  if (!node.appendAsLeader(payloads)) return 'too-many-uncommitted';
  if (changeIndex > 0) node.pendingConfIndex = changeIndex;
  broadcastAppend(node);
  return undefined;
}

function forward(node: RaftState, payloads: readonly Payload[]): RaftRefusal | undefined {
  const mayForward = node.config.forwardProposals && node.role === 'follower';
  if (!mayForward || node.leader === NO_NODE) {
    const why = node.leader === NO_NODE ? 'no-leader' : 'not-forwarded';
    node.trace?.({ type: 'proposalDropped', why, term: node.term });
    return 'not-leader';
  }
  const entries = payloads.map(({ type, data }) => ({ term: 0, index: 0, type, data }));
  node.send({ type: 'proposeRequest', to: node.leader, term: 0, entries });
  return undefined;
}

function tryDecode(data: Uint8Array): ConfChange | undefined {
  try {
    return decodeConfChange(data);
  } catch (error) {
    if (error instanceof RaftError) return undefined;
    throw error;
  }
}

/** What speaks against proposing `change` now, if anything. */
function whyNot(node: RaftState, change: ConfChange): ChangeIgnored | undefined {
  const { log, pendingConfIndex } = node;
  const { changeChecks } = node.config;
  if (changeChecks === 'none') return undefined;
  const isStrict = changeChecks === 'strict';
  const leaves = changeKind(change) === 'leaveJoint';
  // One change at a time, and none before those of earlier leaders are known and applied.
  if (pendingConfIndex > log.applied) {
    return { reason: 'pending', index: pendingConfIndex, applied: log.applied };
  }
  // Ongaro's erratum of 2015: not before an entry of the own term is committed.
  if (isStrict && !node.hasCommittedInTerm) return { reason: 'no-own-term-commit' };
  const joint = isJoint(node.group.members);
  if (joint && !leaves) return { reason: 'joint' };
  if (!joint && leaves) return { reason: 'not-joint' };
  if (isStrict && !checkChange(node.group, change, node.newMember())) {
    return { reason: 'impossible' };
  }
  return undefined;
}

/** Applies a committed change to this node's membership. */
export function applyCommittedChange(node: RaftState, change: ConfChange): void {
  switchGroup(node, applyChange(node.group, change, node.newMember()));
}

/** Goes over to another membership and does what follows from it. */
export function switchGroup(node: RaftState, group: Group): void {
  node.group = group;
  node.leaseFromMs = -Infinity;
  if (node.priorities.size > 0) node.drawElectionTimeout();
  node.trace?.({ type: 'membership', members: group.members });
  if (node.role !== 'leader') return;
  if (!isVoter(group.members, node.id)) {
    // The leader was removed or demoted; the change is committed, so others can take over.
    if (node.config.stepDownOnRemoval) node.becomeFollower(node.term, NO_NODE);
    return;
  }
  proceedAsLeader(node);
  if (node.transferTarget !== NO_NODE && !isVoter(group.members, node.transferTarget)) {
    node.transferTarget = NO_NODE;
  }
}

function proceedAsLeader(node: RaftState): void {
  if (node.group.members.voters.size === 0) return;
  // A smaller quorum may commit or confirm more at once; otherwise new members are probed now.
  if (advanceCommit(node)) {
    releasePostponedReads(node);
    broadcastAppend(node);
  } else {
    for (const to of node.group.progress.keys()) {
      if (to !== node.id) sendAppend(node, to, false);
    }
  }
  confirmReads(node);
}

/**
 * Proposes to leave a joint configuration that says so, once the change that entered it, and
 * whatever a new leader found in its log, is applied.
 */
export function leaveJointIfDue(node: RaftState): void {
  const { members } = node.group;
  if (!members.autoLeave || node.role !== 'leader') return;
  if (node.log.applied < node.pendingConfIndex) return;
  // Refused during a transfer or before the first commit of the term; tried again on every apply.
  const payload: Payload = { type: 'confChange', data: encodeConfChange(LEAVE_JOINT) };
  if (propose(node, [payload]) === undefined) node.trace?.({ type: 'leavingJoint', members });
}
