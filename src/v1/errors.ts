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

/** Translates errors of the file system; others come back as they are. */
export function translateFileError(error: unknown, path: string): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': {
      const sentence = `${path} may not be read or written by this user; check its permissions`;
      return new V1Error('no-permission', sentence, path, error);
    }
    case 'ENOSPC':
    case 'EDQUOT': {
      const sentence = `${path} cannot be written, the disk is full; free space and try again`;
      return new V1Error('disk-full', sentence, path, error);
    }
    default:
      return error;
  }
}
