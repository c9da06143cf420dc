/** The error of the memory engines, and the translation of what SQLite and the file system say. */

export type MemoryErrorCode =
  /** The file is there but is no SQLite database, or none of the expected kind. */
  | 'not-a-database'
  /** SQLite cannot read part of the file. */
  | 'damaged'
  /** Written by a release newer than this one. */
  | 'newer-version'
  | 'disk-full'
  /** The file, its folder or the file system cannot be written or read by this user. */
  | 'read-only'
  | 'not-found'
  /** Another process holds the file. */
  | 'locked'
  /** The operating system failed to read or write. */
  | 'io'
  /** The embedding worker died, refused or is overloaded; the call may be tried again. */
  | 'embedder'
  /** Too many calls wait; the call may be tried again. */
  | 'overloaded'
  /** The store was closed, or stopped by an error that its message names. */
  | 'closed'
  /** The caller or the data breaks a rule that the message names. */
  | 'invalid';

/** A failure of a memory store. The message says what happened, to which file, and what to do. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError';
  readonly code: MemoryErrorCode;
  /** File or directory concerned, when there is one. */
  readonly path: string | undefined;

  constructor(code: MemoryErrorCode, message: string, path?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

/** Fails with a sentence when a rule that only a bug can break is broken. Stays on in production. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${sentence}`);
}

/** Primary result codes of SQLite (sqlite.org/rescode.html) that an operator can cause. */
const CODE_OF_RESULT: ReadonlyMap<number, MemoryErrorCode> = new Map([
  [3, 'read-only'],
  [5, 'locked'],
  [6, 'locked'],
  [8, 'read-only'],
  [10, 'io'],
  [11, 'damaged'],
  [13, 'disk-full'],
  [14, 'read-only'],
  [23, 'read-only'],
  [26, 'not-a-database'],
]);

/** SQLITE_IOERR_SHMSIZE: the shared-memory file could not grow, which is a full disk as well. */
const RESULT_IOERR_SHMSIZE = 4874;

/** The binding gives no result code on errors of `all` and `iterate`, only SQLite's sentence. */
const CODE_OF_SENTENCE: readonly (readonly [RegExp, MemoryErrorCode])[] = [
  [/malformed|corrupt/i, 'damaged'],
  [/not a database/i, 'not-a-database'],
  [/disk is full|no space left/i, 'disk-full'],
  [/locked|busy/i, 'locked'],
  [/readonly|read-only/i, 'read-only'],
  [/unable to open/i, 'read-only'],
  [/disk i\/o/i, 'io'],
];

const ADVICE: Readonly<Record<MemoryErrorCode, string>> = {
  'not-a-database': 'is not a SQLite database; check the path, the file was left as it is',
  damaged: 'is damaged; restore it from a backup or from another node, the file was left as it is',
  'newer-version': 'was written by a newer release; upgrade this node',
  'disk-full': 'cannot grow, the disk is full; free space and try again, nothing was lost',
  'read-only':
    'cannot be opened or written; check that its folder is there, and the permissions of both',
  'not-found': 'does not exist; check the path',
  locked: 'is in use by another process; stop it or wait',
  io: 'cannot be read or written, the operating system reports an error; check the disk',
  embedder: 'cannot be embedded',
  overloaded: 'has too many calls waiting; try again later',
  closed: 'is closed; open it again',
  invalid: 'cannot be used',
};

/** True for what an operator or the operating system can cause, false for what only a bug can. */
export function isOperational(error: unknown): boolean {
  return error instanceof MemoryError || (error instanceof Error && 'syscall' in error);
}

/** True if what was read is not what was written. */
export function isDamage(error: unknown): boolean {
  return error instanceof MemoryError && error.code === 'damaged';
}

/**
 * True if a statement of ours names a table or column that a file has not. Of a file of ours that is damage, for which
 * SQLite has no code: a name in its schema was changed.
 */
export function isOfAnotherSchema(error: unknown): boolean {
  return error instanceof Error && /^no such (?:table|column)/.test(error.message);
}

/** What a caller has asked for cannot be used; the sentence says why. */
export function invalid(sentence: string): MemoryError {
  return new MemoryError('invalid', sentence);
}

/** Builds the error with the standing advice for its code. */
export function memoryError(code: MemoryErrorCode, path: string, cause?: unknown): MemoryError {
  const detail = cause instanceof Error ? ` (${cause.message})` : '';
  return new MemoryError(code, `${path} ${ADVICE[code]}${detail}`, path, cause);
}

/** Translates an error of SQLite or of the file system; bugs come back as they are. */
export function translateError(error: unknown, path: string): unknown {
  if (error instanceof MemoryError || !(error instanceof Error)) return error;
  const raised = error as Error & { errcode?: unknown; sqliteExtendedCode?: unknown };
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return memoryError('disk-full', path, error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return memoryError('read-only', path, error);
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') return memoryError('not-found', path, error);
  if (code === 'EIO') return memoryError('io', path, error);
  if (code !== 'ERR_SQLITE_ERROR') return error;
  if (raised.sqliteExtendedCode === RESULT_IOERR_SHMSIZE) {
    return memoryError('disk-full', path, error);
  }
  const known = typeof raised.errcode === 'number' ? raised.errcode & 0xff : 0;
  const translated =
    CODE_OF_RESULT.get(known) ??
    CODE_OF_SENTENCE.find(([sentence]) => sentence.test(error.message))?.[1];
  return translated === undefined ? error : memoryError(translated, path, error);
}
