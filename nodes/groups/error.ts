import type { NodeId, RaftRefusal } from '../../consensus/raft/index.js';

/** Why something asked of a group was not done. */
export type GroupErrorCode =
  /** This node does not lead: `leader` says who does, 0 if it is not known. Nothing was done. */
  | 'not-leader'
  /** Leadership is being handed over. Nothing was done. */
  | 'transferring'
  /** A membership change is not applied yet. Nothing was done. */
  | 'change-pending'
  /** The change, or the target of a transfer, does not fit the membership. Nothing was done. */
  | 'invalid-change'
  /** A bound on what waits is reached. Nothing was done. */
  | 'overloaded'
  /** The command is empty or larger than `COMMAND_BYTES_MAX`. */
  | 'bad-command'
  /** Another leader put something else in its place: it was not applied and will not be. */
  | 'not-applied'
  /** Its time is over, or a snapshot covers it: it was applied, or will be, or never. */
  | 'unknown-outcome'
  /** No answer in time to what changes nothing: a read, a transfer. */
  | 'timeout'
  /** The group or its node was closed here; for a proposal that waited, its outcome is not known. */
  | 'closed'
  /** Disk or state machine of the group failed here, and it takes part no more. See `cause`. */
  | 'failed'
  | 'group-exists'
  /** An option cannot be used. */
  | 'bad-option';

/** The error of this folder. */
export class GroupError extends Error {
  override readonly name = 'GroupError';
  constructor(
    readonly code: GroupErrorCode,
    message: string,
    /** Who leads as far as this node knows, 0 if it does not. */
    readonly leader: NodeId = 0,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

const CODES: Record<RaftRefusal | 'unknown-group', GroupErrorCode> = {
  'unknown-group': 'closed',
  'not-leader': 'not-leader',
  // Not yet, or not any more: ask whoever leads next.
  repairing: 'not-leader',
  leased: 'not-leader',
  transferring: 'transferring',
  'too-many-uncommitted': 'overloaded',
  'change-pending': 'change-pending',
  'invalid-change': 'invalid-change',
  'too-many-reads': 'overloaded',
  'duplicate-read': 'overloaded',
  'not-voter': 'invalid-change',
  'bad-message': 'invalid-change',
  'unapplied-change': 'change-pending',
  'empty-proposal': 'bad-command',
  'too-large': 'bad-command',
};

/** The error for what the core of group `group` refused. */
export function refusalError(
  group: number,
  refusal: RaftRefusal | 'unknown-group',
  leader: NodeId,
): GroupError {
  return new GroupError(CODES[refusal], `group ${group} refused: ${refusal}`, leader);
}
