import { Violation } from './violation.js';

/** An entry as far as the checkers look at it. */
export interface CheckedEntry {
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
}

interface Known {
  readonly data: Uint8Array;
  readonly previousTerm: number | undefined;
  readonly node: number;
}

/** Terms below it give each entry a key of its own among whole numbers. */
const TERMS_MAX = 2 ** 24;

/**
 * Log Matching (Raft figure 3, section 5.3): if two logs hold an entry of the same index and term,
 * they are the same up to it. Checked by induction: equal index and term mean equal data and an equal
 * term before.
 */
export class LogMatching {
  readonly #known = new Map<number, Known>();

  /** `node` writes entries that follow one of `termBefore` (undefined if that is not known). */
  wrote(node: number, entries: readonly CheckedEntry[], termBefore: number | undefined): void {
    let previousTerm = termBefore;
    for (const { index, term, data } of entries) {
      const key = index * TERMS_MAX + term;
      const known = this.#known.get(key);
      if (known === undefined) this.#known.set(key, { data, previousTerm, node });
      else this.#compare(known, { node, data, previousTerm }, index, term);
      previousTerm = term;
    }
  }

  #compare(known: Known, own: Known, index: number, term: number): void {
    const who = `nodes ${known.node} and ${own.node}`;
    if (!equalBytes(known.data, own.data)) {
      throw new Violation(
        'log-matching',
        `${who} hold different entries at index ${index} of term ${term}`,
      );
    }
    if (known.previousTerm === undefined || own.previousTerm === undefined) return;
    if (known.previousTerm !== own.previousTerm) {
      throw new Violation(
        'log-matching',
        `${who} hold entry ${index} of term ${term} behind entries of the terms ` +
          `${known.previousTerm} and ${own.previousTerm}`,
      );
    }
  }
}

/** Whether two arrays hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
