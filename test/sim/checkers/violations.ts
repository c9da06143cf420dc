import { expect } from 'vitest';
import { Violation } from '../../../sim/checkers/violation.js';

/** The violation that `work` ends with; it must end with one. */
export function violationOf(work: () => void): Violation {
  let found: unknown;
  try {
    work();
  } catch (error) {
    found = error;
  }
  expect(found).toBeInstanceOf(Violation);
  return found as Violation;
}

/** Bytes of a text, to stand for the data of an entry. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An entry as the checkers look at it. */
export function entry(index: number, term: number, text = `${term}/${index}`) {
  return { index, term, data: bytes(text) };
}

/** A log of these terms, whose first entry has the index `firstIndex`. */
export function logOf(terms: readonly number[], firstIndex = 1) {
  const lastIndex = firstIndex + terms.length - 1;
  return { firstIndex, lastIndex, termAt: (index: number) => terms[index - firstIndex] };
}
