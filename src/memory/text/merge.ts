/** Several segments as one without what was deleted, in steps between which they still serve. */
import { BLOCK_POSTINGS, MERGE_STEP_POSTINGS } from './limits.js';
import { decodeBlock, postingsInBlock, type Segment, type SegmentTerms } from './segment.js';
import { SegmentWriter } from './segment-writer.js';

const DELETED = 0xffff_ffff;

/** A segment on its way: the term that comes next, and where each document goes. */
interface Source {
  readonly segment: Segment;
  readonly newSlots: Uint32Array;
  term: number;
}

/**
 * Merges segments that follow each other, and returns nothing when no document is left. Documents
 * deleted between two steps may still be in the result; the caller deletes them there.
 */
export function* mergeSegments(
  segments: readonly Segment[],
): Generator<undefined, Segment | undefined> {
  const total = segments.reduce((sum, { liveCount }) => sum + liveCount, 0);
  if (total === 0) return undefined;
  const ids: string[] = [];
  const numbers = new Float64Array(total);
  const lengths = new Uint16Array(total);
  const termCounts = new Uint16Array(total);
  const sources = segments.map((segment): Source => {
    const { documents, termStarts } = segment;
    const newSlots = new Uint32Array(segment.slotCount).fill(DELETED);
    for (let slot = 0; slot < segment.slotCount; slot += 1) {
      if (segment.live[slot] === 0) continue;
      const newSlot = ids.length;
      newSlots[slot] = newSlot;
      ids.push(documents.ids[slot]!);
      numbers[newSlot] = documents.numbers[slot]!;
      lengths[newSlot] = documents.lengths[slot]!;
      termCounts[newSlot] = termStarts[slot + 1]! - termStarts[slot]!;
    }
    return { segment, newSlots, term: 0 };
  });
  const writer = new SegmentWriter({ ids, numbers, lengths }, termCounts);
  yield* mergeTerms(sources, writer);
  return writer.finish();
}

function* mergeTerms(sources: readonly Source[], writer: SegmentWriter): Generator<undefined> {
  const slots = new Uint32Array(BLOCK_POSTINGS);
  const counts = new Uint16Array(BLOCK_POSTINGS);
  let work = 0;
  for (;;) {
    const first = firstTerm(sources);
    if (first === undefined) return;
    const { terms } = first.segment;
    const [start, end] = [terms.starts[first.term]!, terms.starts[first.term + 1]!];
    for (const source of sources) {
      const { segment, newSlots, term } = source;
      const isSame =
        source === first ||
        (term < segment.terms.count && compareTerms(segment.terms, term, terms, first.term) === 0);
      if (!isSame) continue;
      const lastBlock = segment.terms.blocks[term + 1]!;
      for (let block = segment.terms.blocks[term]!; block < lastBlock; block += 1) {
        const decoded = decodeBlock(segment, term, block, slots, counts);
        for (let at = 0; at < decoded; at += 1) {
          const newSlot = newSlots[slots[at]!]!;
          if (newSlot !== DELETED) writer.add(newSlot, counts[at]!);
        }
        work += postingsInBlock(segment.terms, term, block);
        if (work >= MERGE_STEP_POSTINGS) {
          work = 0;
          yield;
        }
      }
      if (source !== first) source.term += 1;
    }
    writer.endTerm(terms.units, start, end);
    first.term += 1;
    work += 1;
  }
}

/** The source, the earliest of several, whose next term comes first. */
function firstTerm(sources: readonly Source[]): Source | undefined {
  let first: Source | undefined;
  for (const source of sources) {
    const { terms } = source.segment;
    if (source.term === terms.count) continue;
    if (
      first === undefined ||
      compareTerms(terms, source.term, first.segment.terms, first.term) < 0
    ) {
      first = source;
    }
  }
  return first;
}

function compareTerms(a: SegmentTerms, termA: number, b: SegmentTerms, termB: number): number {
  const [startA, startB] = [a.starts[termA]!, b.starts[termB]!];
  const lengthA = a.starts[termA + 1]! - startA;
  const lengthB = b.starts[termB + 1]! - startB;
  const common = Math.min(lengthA, lengthB);
  for (let at = 0; at < common; at += 1) {
    const order = a.units[startA + at]! - b.units[startB + at]!;
    if (order !== 0) return order;
  }
  return lengthA - lengthB;
}
