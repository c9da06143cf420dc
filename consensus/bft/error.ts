export { assert } from '../assert.js';

/** What can be wrong in what an operator, a peer or a disk gives to the core. */
export type BftErrorCode = 'bad-validators' | 'bad-state' | 'bad-encoding';

/** The error of this folder. What only a bug can cause is a `CoreAssertion` instead. */
export class BftError extends Error {
  override readonly name = 'BftError';
  constructor(
    readonly code: BftErrorCode,
    message: string,
  ) {
    super(message);
  }
}
