/** What can be wrong in what an operator or a peer gives to the core. */
export type GossipErrorCode = 'bad-config' | 'bad-encoding' | 'too-large';

/** The error of this folder. What only a bug can cause is a `GossipAssertion` instead. */
export class GossipError extends Error {
  override readonly name = 'GossipError';
  constructor(
    readonly code: GossipErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Thrown when something that must hold does not: a bug. */
class GossipAssertion extends Error {
  override readonly name = 'GossipAssertion';
}

/** Throws a `GossipAssertion` with the sentence that states what must hold. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new GossipAssertion(sentence);
}
