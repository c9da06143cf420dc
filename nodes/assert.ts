/**
 * States what must hold. Stays on in production: a broken invariant stops the node before it spreads.
 * Only a bug can make it fail; what an operator can cause is an error with a code.
 */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${sentence}`);
}
