/**
 * What operators ask of the members: how many vote, who is drained, who leaves, who takes whose place.
 * These are wishes; `replica/voters.ts` turns them into membership changes, one at a time.
 *
 *   addMember --> joining --serves--> up --drain--> up, drained --undrain--> up
 *                                     |
 *                                     +--leave, or its successor has caught up--> its vote has moved
 *                                                                  --removeMember--> removing --> gone
 */
import type { Command, CommandResult } from './command.js';
import { isOpen } from './features.js';
import { VOTERS_WANTED, VOTER_GONE_AFTER_MS_MAX, VOTER_GONE_AFTER_MS_MIN } from './limits.js';
import { done, refused } from './results.js';
import type { ControlState } from './state.js';

export interface Placement {
  /** How many members vote; 0: all. */
  wanted: number;
  /** A voter that the leader has not heard of for so long loses its vote to somebody else. */
  goneAfterMs: number;
  /** Hold no leadership, and no vote while others can. */
  readonly drained: Set<number>;
  /** As drained; they are removed once their vote is somebody else's. */
  readonly leaving: Set<number>;
  /** Whose place a member takes when it has caught up, by its id. */
  readonly replaces: Map<number, number>;
}

/** `operator` is not in every swarm; see `service/access.ts` for what each opens. */
export type TokenKind = 'client' | 'join' | 'operator';

/** What version 5 added for the membership. */
export type MembershipCommand =
  | { readonly type: 'setVoters'; readonly wanted: number; readonly goneAfterMs: number }
  | { readonly type: 'drainMember'; readonly nodeId: number; readonly drained: boolean }
  | { readonly type: 'leaveMember'; readonly nodeId: number }
  /** `nodeId` takes the place of `replaces`, which is removed then. */
  | { readonly type: 'replaceMember'; readonly nodeId: number; readonly replaces: number }
  | {
      readonly type: 'setToken';
      readonly which: TokenKind;
      /** SHA-256 of the new token, hexadecimal; the one before is valid no more. */
      readonly hash: string;
    };

/** Everybody votes, as it was before there were wishes. */
export function noPlacement(): Placement {
  return {
    wanted: 0,
    goneAfterMs: 30_000,
    drained: new Set(),
    leaving: new Set(),
    replaces: new Map(),
  };
}

/** Of a new swarm. */
export function newPlacement(): Placement {
  return { ...noPlacement(), wanted: 5 };
}

/** Whether a member should hold neither leadership nor vote while others can. */
export function isUnwanted({ members, placement }: ControlState, nodeId: number): boolean {
  const { drained, leaving } = placement;
  const isRemoved = members.get(nodeId)?.status === 'removing';
  return isRemoved || drained.has(nodeId) || leaving.has(nodeId);
}

export function isMembershipCommand(command: Command): command is MembershipCommand {
  return (MEMBERSHIP_COMMANDS as readonly string[]).includes(command.type);
}

export const MEMBERSHIP_COMMANDS = [
  'setVoters',
  'drainMember',
  'leaveMember',
  'replaceMember',
  'setToken',
] as const satisfies readonly MembershipCommand['type'][];

const TOKEN_FIELDS = {
  client: 'clientTokenHash',
  join: 'joinTokenHash',
  operator: 'operatorTokenHash',
} as const satisfies Record<TokenKind, keyof ControlState>;

export function applyMembership(
  state: ControlState,
  index: number,
  command: MembershipCommand,
): CommandResult {
  if (!isOpen(state, 'placement')) return refused(index, 'release-too-old');
  const { placement } = state;
  switch (command.type) {
    case 'setVoters':
      if (!areRules(command)) return refused(index, 'invalid-voters');
      placement.wanted = command.wanted;
      placement.goneAfterMs = command.goneAfterMs;
      return done(index);
    case 'setToken':
      if (!/^[0-9a-f]{64}$/.test(command.hash)) return refused(index, 'invalid-token');
      state[TOKEN_FIELDS[command.which]] = command.hash;
      return done(index);
    case 'drainMember':
      if (!isStaying(state, command.nodeId)) return refused(index, 'unknown-member');
      if (command.drained) placement.drained.add(command.nodeId);
      else {
        placement.drained.delete(command.nodeId);
        placement.leaving.delete(command.nodeId);
      }
      return done(index, command.nodeId);
    case 'leaveMember': {
      const { nodeId } = command;
      if (!isStaying(state, nodeId)) return refused(index, 'unknown-member');
      const others = [...state.members.keys()].filter(
        (id) => id !== nodeId && isStaying(state, id) && !placement.leaving.has(id),
      );
      if (others.length === 0) return refused(index, 'last-member');
      placement.leaving.add(nodeId);
      return done(index, nodeId);
    }
    case 'replaceMember': {
      const { nodeId, replaces } = command;
      if (!isStaying(state, nodeId)) return refused(index, 'unknown-member');
      if (!canBeReplaced(state, nodeId, replaces)) return refused(index, 'not-replaceable');
      placement.replaces.set(nodeId, replaces);
      return done(index, nodeId);
    }
  }
}

/** A member that stays, is another one, and has no successor yet but this one. */
export function canBeReplaced(state: ControlState, nodeId: number, replaces: number): boolean {
  if (nodeId === replaces || !isStaying(state, replaces)) return false;
  for (const [successor, replaced] of state.placement.replaces) {
    if (replaced === replaces && successor !== nodeId) return false;
    // In a circle each would wait for the other to be gone.
    if (successor === replaces) return false;
  }
  return true;
}

/** A member is gone: so is what was wished of it. */
export function forgetPlacement({ placement }: ControlState, nodeId: number): void {
  placement.drained.delete(nodeId);
  placement.leaving.delete(nodeId);
  placement.replaces.delete(nodeId);
  for (const [successor, replaced] of placement.replaces) {
    if (replaced === nodeId) placement.replaces.delete(successor);
  }
}

function isStaying(state: ControlState, nodeId: number): boolean {
  const status = state.members.get(nodeId)?.status;
  return status !== undefined && status !== 'removing';
}

function areRules({ wanted, goneAfterMs }: Pick<Placement, 'wanted' | 'goneAfterMs'>): boolean {
  return (
    VOTERS_WANTED.includes(wanted) &&
    goneAfterMs >= VOTER_GONE_AFTER_MS_MIN &&
    goneAfterMs <= VOTER_GONE_AFTER_MS_MAX
  );
}
