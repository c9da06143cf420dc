/** The error of making, reading and restoring backups. */
import { failureSentence, fileFailure } from '../../v1/errors.js';

export type BackupErrorCode =
  /** There is something at the path of the backup already. */
  | 'exists'
  /** The backup would lie in the directory that it is a copy of, or around it. */
  | 'inside'
  | 'disk-full'
  /** This user may not read or write a file. */
  | 'no-permission'
  /** A program keeps writing to a file, or another migration works on the same backup. */
  | 'busy'
  /** A file vanished between the analysis and the copy. */
  | 'changed'
  /** The copy does not read as it was written, or the backup lost or changed bytes since. */
  | 'damaged'
  /** Made by a newer release. */
  | 'newer-version'
  /** There is no backup at the path, or for the directory. */
  | 'not-a-backup'
  /** The backup is of another directory. */
  | 'other-directory'
  /** What was written since the migration could not be exported. */
  | 'export-failed'
  /** The caller or the file system breaks a rule that the message names. */
  | 'invalid';

/** A backup, a restore or a rollback that failed. The message says what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  readonly code: BackupErrorCode;
  readonly path: string;

  constructor(code: BackupErrorCode, message: string, path: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

/** The code of an error of the operating system. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** Translates what the operating system says; other errors come back as they are. */
export function translateBackupError(error: unknown, path: string): unknown {
  const at = pathOf(error) ?? path;
  const code = systemCode(error);
  // A file system or a limit that holds no file so large.
  const failure = code === 'EFBIG' ? 'disk-full' : fileFailure(code);
  if (failure === undefined) return error;
  const more = failure === 'no-permission' ? ' and those of its folder' : '';
  return new BackupError(failure, `${failureSentence(failure, at)}${more}`, at, error);
}

function pathOf(error: unknown): string | undefined {
  const path = error instanceof Error ? (error as NodeJS.ErrnoException).path : undefined;
  return typeof path === 'string' && path !== '' ? path : undefined;
}
