/** A command at its place in the log of a group. */
export interface Command {
  /** Rises from command to command; the same on all members. */
  readonly index: number;
  readonly data: Uint8Array;
}

/**
 * What a group replicates: written by the user, kept in memory or elsewhere. Each member calls it in
 * the same order: `restore` with what `snapshot` once returned, then commands. When a member starts
 * again it begins anew with a snapshot and the commands after it; a state machine that keeps its
 * state elsewhere passes over what it has by `index`. Only one call is under way at a time. The
 * results may differ from member to member, the states may not: no clock, chance or other input.
 *
 * Whatever it throws ends the group on this member (`failed`): the members would differ otherwise.
 * What a command cannot do is a result.
 */
export interface StateMachine<Result> {
  /** Applies commands in order and returns the result of each. */
  apply(commands: readonly Command[]): readonly Result[] | Promise<readonly Result[]>;
  /** The state as bytes, at most `SNAPSHOT_BYTES_MAX`. */
  snapshot(): Uint8Array | Promise<Uint8Array>;
  /** Replaces the state by one that `snapshot` returned, here or on another member. */
  restore(snapshot: Uint8Array): void | Promise<void>;
}
