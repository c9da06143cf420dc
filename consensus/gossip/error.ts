export { assert } from '../assert.js';

/** What can be wrong in what an operator or a peer gives to the core. */
export type GossipErrorCode = 'bad-config' | 'bad-encoding' | 'too-large';

/** The error of this folder. What only a bug can cause is a `CoreAssertion` instead. */
export class GossipError extends Error {
  override readonly name = 'GossipError';
  constructor(
    readonly code: GossipErrorCode,
    message: string,
  ) {
    super(message);
  }
}
