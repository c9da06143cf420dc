/** What can go wrong between the store and its disk. */
export type StorageErrorCode =
  /** No space or quota is left. */
  | 'disk-full'
  /** A file was written by a newer release. */
  | 'newer-version'
  /** A file belongs to another swarm. */
  | 'other-cluster'
  /** A file does not hold what was written to it. */
  | 'damaged'
  /** Another process, or another part of this one, uses the directory. */
  | 'locked'
  /** The directory or a file may not be written. */
  | 'read-only'
  /** More is waiting to be written than the store takes. */
  | 'overloaded'
  /** The store was closed. */
  | 'closed'
  /** The operating system reported something else. */
  | 'io';

/** Where and what, for the program that handles the error. */
export interface StorageErrorDetail {
  readonly path?: string;
  /** Byte offset in `path`. */
  readonly offset?: number;
  /** The process that holds a lock, if known. */
  readonly pid?: number;
  /** What the operating system said (ENOSPC, EIO, ...). */
  readonly systemCode?: string;
}

/** The error of this folder: `code` says what happened, the message what to do about it. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  constructor(
    readonly code: StorageErrorCode,
    message: string,
    readonly detail: StorageErrorDetail = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The error for bytes at `offset` of `path` that are not what was written there. */
export function damaged(path: string, offset: number, what: string): StorageError {
  const message =
    `${path} is damaged at byte ${offset}: ${what}. Nothing was changed. ` +
    'Restore the directory from a backup, or remove it and let the node join again';
  return new StorageError('damaged', message, { path, offset });
}

const ADVICE: Record<string, { code: StorageErrorCode; what: string }> = {
  ENOSPC: { code: 'disk-full', what: 'the disk is full; free some space and start again' },
  EDQUOT: { code: 'disk-full', what: 'the quota is used up; raise it and start again' },
  EROFS: { code: 'read-only', what: 'the file system is mounted read-only' },
  EACCES: { code: 'read-only', what: 'permission is denied; check owner and mode' },
  EPERM: { code: 'read-only', what: 'the operation is not permitted; check owner and mode' },
};

/** Turns what the operating system threw into a `StorageError`; leaves those as they are. */
export function toStorageError(error: unknown, doing: string, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const systemCode = (error as NodeJS.ErrnoException).code ?? 'unknown';
  const advice = ADVICE[systemCode];
  const what = advice?.what ?? (error instanceof Error ? error.message : String(error));
  const detail = { path, systemCode };
  const message = `${doing} ${path} failed: ${what}`;
  return new StorageError(advice?.code ?? 'io', message, detail, { cause: error });
}
