export { assert } from '../assert.js';

/** What can be wrong in what a caller, a peer or a disk gives to a replica. */
export type CrdtErrorCode =
  | 'bad-encoding'
  /** A key, a path or a value that the types do not take. */
  | 'bad-mutation'
  /** A time further ahead of this clock than clocks may drift apart. */
  | 'clock-drift'
  /** An update under the name of this replica that it does not know: its disk was set back. */
  | 'lost-own-updates'
  /** A bound of `limits.ts` is reached. */
  | 'limit';

/** The error of this folder. What only a bug can cause is a `CoreAssertion` instead. */
export class CrdtError extends Error {
  override readonly name = 'CrdtError';
  constructor(
    readonly code: CrdtErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** The error for bytes that are none of this folder's. */
export function badEncoding(what: string): CrdtError {
  return new CrdtError('bad-encoding', `bytes of replicated data: ${what}`);
}
