import type { FrameFacts } from './frame-format.js';

/** Whether both were written for the same frame, and not one of them for an earlier one in its place. */
export function sameFacts(one: FrameFacts, other: FrameFacts): boolean {
  const [a, b] = [one.hardState, other.hardState];
  return (
    one.number === other.number &&
    one.offset === other.offset &&
    one.bytes === other.bytes &&
    one.kind === other.kind &&
    one.batchPosition === other.batchPosition &&
    one.count === other.count &&
    one.first === other.first &&
    one.term === other.term &&
    a.term === b.term &&
    a.vote === b.vote &&
    a.commit === b.commit
  );
}
