/** Thrown when something that must hold in a core does not: a bug. Whoever drives the core must stop. */
class CoreAssertion extends Error {
  override readonly name = 'CoreAssertion';
}

/** Throws a `CoreAssertion` with the sentence that states what must hold. */
export function assert(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new CoreAssertion(sentence);
}
