/** What can be wrong in what a peer or a caller gives to the groups of a node. */
export type GroupsErrorCode =
  /** Bytes that are no envelope of a known version. */
  | 'bad-encoding'
  /** The id of a group is not an integer from 1 to 2^53-1. */
  | 'bad-group-id'
  | 'group-exists'
  /** `GROUPS_MAX` groups are there. */
  | 'too-many-groups'
  /** An envelope, or a member, of another node. */
  | 'wrong-node';

/** The error of this folder. What only a bug can cause is a `RaftAssertion` instead. */
export class GroupsError extends Error {
  override readonly name = 'GroupsError';
  constructor(
    readonly code: GroupsErrorCode,
    message: string,
  ) {
    super(message);
  }
}
