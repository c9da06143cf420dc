/** What can be wrong in what an operator, a peer or a disk gives to the core. */
export type BftErrorCode = 'bad-validators' | 'bad-state' | 'bad-message';

/** The error of this folder. What only a bug can cause is a `BftAssertion` instead. */
export class BftError extends Error {
  override readonly name = 'BftError';
  constructor(
    readonly code: BftErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Thrown when something that must hold does not: a bug. The validator must stop. */
class BftAssertion extends Error {
  override readonly name = 'BftAssertion';
}

/** Throws a `BftAssertion` with the sentence that states what must hold. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new BftAssertion(sentence);
}
