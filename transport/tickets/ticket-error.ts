export type TicketErrorCode =
  /** A file does not hold what was written into it. */
  | 'damaged'
  /** A file was written by a later version of this software. */
  | 'newer-version'
  /** A file or directory cannot be read. */
  | 'unreadable'
  /** A file or directory cannot be written: full, read-only, or owned by somebody else. */
  | 'unwritable';

/** What is wrong with the files that keep ticket keys or sessions. */
export class TicketError extends Error {
  override readonly name = 'TicketError';
  readonly code: TicketErrorCode;
  /** The file or directory. */
  readonly path: string;

  constructor(
    code: TicketErrorCode,
    path: string,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.path = path;
  }
}

/** Whether the system says this about a file, for example `ENOENT`. */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** A `TicketError` for what the system said; one that is a `TicketError` already stays. */
export function toTicketError(
  code: 'unreadable' | 'unwritable',
  path: string,
  cause: unknown,
): TicketError {
  if (cause instanceof TicketError) return cause;
  const verb = code === 'unreadable' ? 'read' : 'written';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TicketError(code, path, `${path} cannot be ${verb}: ${reason}`, { cause });
}
