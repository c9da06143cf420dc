/**
 * Computes the membership that follows from a change (Raft section 6, thesis chapter 4), together
 * with the progress of each member. Nothing is changed in place: a refused change leaves no trace.
 */
import { RaftError } from '../error.js';
import { MEMBERS_MAX } from '../limits.js';
import type { ConfState, NodeId } from '../types.js';
import { Progress, type WindowLimits } from '../tracker/progress.js';
import { type Membership, NO_MEMBERS, isJoint, sortedIds } from '../tracker/membership.js';
import { type ConfChange, type ConfChangeSingle, changeKind } from './change.js';

/** A membership and what is known about each member, ordered by id. */
export interface Group {
  readonly members: Membership;
  readonly progress: ReadonlyMap<NodeId, Progress>;
}

/** What new members start with. */
export interface NewMember {
  /** The last index of the log, where probing of a new member starts. */
  readonly lastIndex: number;
  readonly limits: WindowLimits;
}

/** The group without members. */
export const EMPTY_GROUP: Group = { members: NO_MEMBERS, progress: new Map() };

interface Draft {
  readonly voters: Set<NodeId>;
  readonly votersOutgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  readonly progress: Map<NodeId, Progress>;
  /** Who becomes or stops being a learner: `Progress` objects are touched only at the end. */
  readonly isLearner: Map<NodeId, boolean>;
}

function invalid(message: string): RaftError {
  return new RaftError('invalid-change', message);
}

function draftOf(group: Group, outgoing: ReadonlySet<NodeId>): Draft {
  return {
    voters: new Set(group.members.voters),
    votersOutgoing: new Set(outgoing),
    learners: new Set(group.members.learners),
    learnersNext: new Set(group.members.learnersNext),
    progress: new Map(group.progress),
    isLearner: new Map(),
  };
}

function addMember(draft: Draft, node: NodeId, isLearner: boolean, start: NewMember): void {
  (isLearner ? draft.learners : draft.voters).add(node);
  const member = new Progress(Math.max(start.lastIndex, 1), isLearner, start.limits);
  // A new member counts as active, or the next quorum check could depose the leader that added it.
  member.recentActive = true;
  draft.progress.set(node, member);
}

function makeVoter(draft: Draft, node: NodeId, start: NewMember): void {
  if (!draft.progress.has(node)) {
    addMember(draft, node, false, start);
    return;
  }
  draft.isLearner.set(node, false);
  draft.learners.delete(node);
  draft.learnersNext.delete(node);
  draft.voters.add(node);
}

function removeMember(draft: Draft, node: NodeId): void {
  if (!draft.progress.has(node)) return;
  draft.voters.delete(node);
  draft.learners.delete(node);
  draft.learnersNext.delete(node);
  // Who still votes in the outgoing half has to be fed until that half is left.
  if (!draft.votersOutgoing.has(node)) draft.progress.delete(node);
}

function makeLearner(draft: Draft, node: NodeId, start: NewMember): void {
  const member = draft.progress.get(node);
  if (member === undefined) {
    addMember(draft, node, true, start);
    return;
  }
  if (draft.learners.has(node)) return;
  removeMember(draft, node);
  draft.progress.set(node, member);
  if (draft.votersOutgoing.has(node)) {
    draft.learnersNext.add(node);
  } else {
    draft.isLearner.set(node, true);
    draft.learners.add(node);
  }
}

function applyChanges(draft: Draft, changes: readonly ConfChangeSingle[], start: NewMember): void {
  for (const { type, node } of changes) {
    if (node === 0) continue;
    if (type === 'addVoter') makeVoter(draft, node, start);
    else if (type === 'addLearner') makeLearner(draft, node, start);
    else if (type === 'remove') removeMember(draft, node);
  }
  if (draft.voters.size === 0) throw invalid('removed all voters');
  if (draft.progress.size > MEMBERS_MAX) throw invalid(`more than ${MEMBERS_MAX} members`);
}

function finish(draft: Draft, autoLeave: boolean): Group {
  const progress = new Map<NodeId, Progress>();
  for (const node of sortedIds(draft.progress.keys())) {
    progress.set(node, draft.progress.get(node) as Progress);
  }
  const { voters, votersOutgoing, learners, learnersNext } = draft;
  const members = { voters, votersOutgoing, learners, learnersNext, autoLeave };
  checkGroup(members, progress);
  for (const [node, isLearner] of draft.isLearner) {
    const member = progress.get(node);
    if (member !== undefined) member.isLearner = isLearner;
  }
  return { members, progress };
}

function checkGroup(members: Membership, progress: ReadonlyMap<NodeId, Progress>): void {
  const { voters, votersOutgoing, learners, learnersNext } = members;
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) {
    for (const node of ids) {
      if (!progress.has(node)) throw invalid(`no progress for ${node}`);
    }
  }
  for (const node of learnersNext) {
    if (!votersOutgoing.has(node)) throw invalid(`${node} is to be a learner but is no voter`);
  }
  for (const node of learners) {
    if (voters.has(node) || votersOutgoing.has(node)) {
      throw invalid(`${node} is both learner and voter`);
    }
  }
  if (votersOutgoing.size > 0) return;
  if (learnersNext.size > 0) throw invalid('learners wait for a joint configuration to end');
  if (members.autoLeave) throw invalid('only a joint configuration is left automatically');
}

/** Applies changes of which at most one concerns a voter. Throws a `RaftError` if it cannot be. */
export function simpleChange(
  group: Group,
  changes: readonly ConfChangeSingle[],
  start: NewMember,
): Group {
  if (isJoint(group.members)) throw invalid("can't apply simple config change in joint config");
  const draft = draftOf(group, group.members.votersOutgoing);
  applyChanges(draft, changes, start);
  let changed = 0;
  for (const node of draft.voters) if (!group.members.voters.has(node)) changed += 1;
  for (const node of group.members.voters) if (!draft.voters.has(node)) changed += 1;
  if (changed > 1) throw invalid('more than one voter changed without entering joint config');
  return finish(draft, false);
}

/** Enters the joint configuration of the present one and the one after `changes`. */
export function enterJoint(
  group: Group,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
  start: NewMember,
): Group {
  if (isJoint(group.members)) throw invalid('config is already joint');
  if (group.members.voters.size === 0) throw invalid("can't make a zero-voter config joint");
  const draft = draftOf(group, group.members.voters);
  applyChanges(draft, changes, start);
  return finish(draft, autoLeave);
}

/** Leaves a joint configuration for its incoming half. */
export function leaveJoint(group: Group): Group {
  if (!isJoint(group.members)) throw invalid("can't leave a non-joint config");
  const draft = draftOf(group, NO_MEMBERS.votersOutgoing);
  for (const node of draft.learnersNext) {
    draft.learners.add(node);
    draft.isLearner.set(node, true);
  }
  draft.learnersNext.clear();
  for (const node of group.members.votersOutgoing) {
    if (!draft.voters.has(node) && !draft.learners.has(node)) draft.progress.delete(node);
  }
  return finish(draft, false);
}

/** Applies a logged change of any kind. Throws a `RaftError` with code `invalid-change`. */
export function applyChange(group: Group, change: ConfChange, start: NewMember): Group {
  const kind = changeKind(change);
  if (kind === 'leaveJoint') return leaveJoint(group);
  if (kind === 'simple') return simpleChange(group, change.changes, start);
  return enterJoint(group, change.transition !== 'jointExplicit', change.changes, start);
}

/** Whether `change` could be applied; for proposals. */
export function checkChange(group: Group, change: ConfChange, start: NewMember): boolean {
  // Checking must not touch the progress of the live group, so it works on copies.
  const copies = new Map<NodeId, Progress>();
  for (const [node, member] of group.progress) {
    copies.set(node, new Progress(1, member.isLearner, start.limits));
  }
  try {
    applyChange({ members: group.members, progress: copies }, change, start);
    return true;
  } catch (error) {
    if (error instanceof RaftError) return false;
    throw error;
  }
}

/** The group that a snapshot describes. Throws a `RaftError` if it contradicts itself. */
export function restoreGroup(state: ConfState, start: NewMember): Group {
  const draft = draftOf(EMPTY_GROUP, new Set(state.votersOutgoing));
  for (const node of [...state.votersOutgoing, ...state.voters]) {
    if (!draft.progress.has(node)) addMember(draft, node, false, start);
  }
  for (const node of state.learners) {
    if (draft.progress.has(node)) throw invalid(`${node} is both learner and voter`);
    addMember(draft, node, true, start);
  }
  draft.voters.clear();
  for (const node of state.voters) draft.voters.add(node);
  for (const node of state.learnersNext) draft.learnersNext.add(node);
  return finish(draft, state.autoLeave);
}
