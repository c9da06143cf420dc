/** The error of reading v1 directories. */

export type V1ErrorCode =
  /** There is no v1 memory in the directory. */
  | 'no-installation'
  /** The file is no SQLite database, or holds other tables than v1's. */
  | 'not-a-database'
  /** Cut off or overwritten; this release does not salvage. */
  | 'damaged'
  /** This user may not read the source or write the destination. */
  | 'no-permission'
  /** A program keeps writing to the file. */
  | 'busy'
  | 'disk-full'
  /** Texts in UTF-16, which no release of v1 wrote. */
  | 'unsupported'
  /** Beyond a bound of this release. */
  | 'too-large'
  /** The destination holds a store already. */
  | 'destination-taken';

/** A failure to read a v1 installation. The source is never changed, whatever the error. */
export class V1Error extends Error {
  override readonly name = 'V1Error';
  readonly code: V1ErrorCode;
  readonly path: string;

  constructor(code: V1ErrorCode, message: string, path: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

/** What a code of the operating system means to who reads or writes files; undefined for other codes. */
export function fileFailure(code: string | undefined): 'no-permission' | 'disk-full' | undefined {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'no-permission';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'disk-full';
    default:
      return undefined;
  }
}

/** Translates errors of the file system; others come back as they are. */
export function translateFileError(error: unknown, path: string): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const failure = fileFailure(code);
  if (failure === undefined) return error;
  return new V1Error(failure, failureSentence(failure, path), path, error);
}

/** What happened to the file, and what to do. */
export function failureSentence(failure: 'no-permission' | 'disk-full', path: string): string {
  return failure === 'no-permission'
    ? `${path} may not be read or written by this user; check its permissions`
    : `${path} cannot be written, the disk is full; free space and try again`;
}
