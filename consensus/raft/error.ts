/** What can be wrong in what an operator, a peer or a disk gives to the core. */
export type RaftErrorCode = 'bad-config' | 'bad-encoding' | 'invalid-change' | 'inconsistent-state';

/** The error of this folder. What only a bug can cause is a `RaftAssertion` instead. */
export class RaftError extends Error {
  override readonly name = 'RaftError';
  constructor(
    readonly code: RaftErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Thrown when something that must hold does not: a bug. The node must stop. */
export class RaftAssertion extends Error {
  override readonly name = 'RaftAssertion';
}

/** Throws a `RaftAssertion` with the sentence that states what must hold. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new RaftAssertion(sentence);
}
