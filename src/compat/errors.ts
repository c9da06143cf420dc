/** The error of the compatibility layer; what the store itself says stays a `MemoryError`. */

export type CompatErrorCode =
  /** v1 offered it and v2 does not; the message names what to use instead. */
  | 'not-offered'
  /** Nothing can be written: the project was opened to be read. */
  | 'read-only'
  /** The v2 store has the write and the v1 file has not, or the other way round; the message says which. */
  | 'mirror'
  /** The caller's arguments break a rule that the message names. */
  | 'invalid'
  /** There is no such row. */
  | 'not-found'
  /** A model did not answer, or its answer cannot be used. */
  | 'model';

/** A failure of the compatibility layer. The message says what happened, to what, and what to do. */
export class CompatError extends Error {
  override readonly name = 'CompatError';
  readonly code: CompatErrorCode;

  constructor(code: CompatErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
