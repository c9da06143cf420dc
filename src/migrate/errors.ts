/** The error of a migration. */

export type MigrationErrorCode =
  /** Nothing in the directory can be read as data of v1. */
  | 'unusable'
  /** The directory was never migrated, or was rolled back. */
  | 'not-migrated'
  /** Another process migrates this directory. */
  | 'busy'
  | 'disk-full'
  | 'no-permission'
  /** What was written is not what v1 holds. */
  | 'differs'
  /** The options contradict each other or what a migration before has done. */
  | 'invalid';

/** The message says what happened, to what, and what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';

  constructor(
    readonly code: MigrationErrorCode,
    message: string,
    readonly path?: string,
  ) {
    super(message);
  }
}
