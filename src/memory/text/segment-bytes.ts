/**
 * A segment as bytes, and back. The documents: for each a word with the length of its id in UTF-16
 * units and 16 bits with its tokens, then the units of all ids. The terms: for each a byte with its
 * units and a word with its postings, then the units of all terms. The postings are those of `segment.ts`.
 * Reading writes a new segment posting by posting, so that nothing is taken over unchecked.
 */
import type { FileCounts, Sections } from './file-header.js';
import { DOCUMENT_TOKENS_MAX, MERGE_STEP_POSTINGS, TOKEN_CHARACTERS_MAX } from './limits.js';
import type { Segment } from './segment.js';
import { SegmentWriter } from './segment-writer.js';

const DOCUMENT_BYTES = 6;
const TERM_BYTES = 5;

export type SegmentSections = Omit<Sections, 'label'>;

/** `segment` has lost no document. */
export function encodeSegment({ documents, terms, blocks }: Segment): SegmentSections {
  const { ids, lengths } = documents;
  const heads = Buffer.alloc(ids.length * DOCUMENT_BYTES);
  for (const [slot, id] of ids.entries()) {
    heads.writeUInt32LE(id.length, slot * DOCUMENT_BYTES);
    heads.writeUInt16LE(lengths[slot]!, slot * DOCUMENT_BYTES + 4);
  }
  const termBytes = Buffer.alloc(terms.count * TERM_BYTES + terms.units.length * 2);
  for (let term = 0; term < terms.count; term += 1) {
    termBytes.writeUInt8(terms.starts[term + 1]! - terms.starts[term]!, term * TERM_BYTES);
    termBytes.writeUInt32LE(terms.postings[term]!, term * TERM_BYTES + 1);
  }
  for (const [at, unit] of terms.units.entries()) {
    termBytes.writeUInt16LE(unit, terms.count * TERM_BYTES + at * 2);
  }
  return {
    documents: Buffer.concat([heads, Buffer.from(ids.join(''), 'utf16le')]),
    terms: termBytes,
    postings: Buffer.from(blocks.bytes),
  };
}

/** Tells what is wrong with bytes whose checksums are right. */
export class SegmentProblem extends Error {}

function must(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new SegmentProblem(sentence);
}

/** Throws `SegmentProblem`. In steps of some thousand postings. */
export function* decodeSegment(
  counts: FileCounts,
  sections: SegmentSections,
): Generator<undefined, Segment | undefined> {
  const { ids, lengths } = readDocuments(counts.documents, sections.documents);
  const terms = readTerms(counts.terms, sections.terms);
  const numbers = Float64Array.from(ids, (_, slot) => slot);
  const termCounts = yield* countTerms(ids.length, terms, sections.postings, lengths);
  if (ids.length === 0) return undefined;
  const writer = new SegmentWriter({ ids, numbers, lengths }, termCounts);
  let [reader, work] = [new PostingsReader(sections.postings, ids.length), 0];
  for (let term = 0; term < counts.terms; term += 1) {
    reader.begin();
    for (let left = terms.postings[term]!; left > 0; left -= 1) {
      reader.next();
      writer.add(reader.slot, reader.count);
      work += 1;
      if (work % MERGE_STEP_POSTINGS === 0) yield;
    }
    writer.endTerm(terms.units, terms.starts[term]!, terms.starts[term + 1]!);
  }
  return writer.finish();
}

function readDocuments(
  count: number,
  bytes: Buffer,
): { ids: readonly string[]; lengths: Uint16Array } {
  const start = count * DOCUMENT_BYTES;
  must(bytes.length >= start && (bytes.length - start) % 2 === 0, 'the list of ids is too short');
  const units = bytes.toString('utf16le', start);
  const ids: string[] = [];
  const lengths = new Uint16Array(count);
  let at = 0;
  for (let slot = 0; slot < count; slot += 1) {
    const length = bytes.readUInt32LE(slot * DOCUMENT_BYTES);
    must(at + length <= units.length, `id ${slot} is missing`);
    ids.push(units.slice(at, at + length));
    at += length;
    const tokens = bytes.readUInt16LE(slot * DOCUMENT_BYTES + 4);
    must(tokens <= DOCUMENT_TOKENS_MAX, `document ${slot} has ${tokens} tokens`);
    lengths[slot] = tokens;
  }
  must(at === units.length, 'something follows the ids');
  must(new Set(ids).size === count, 'an id is there twice');
  return { ids, lengths };
}

interface ReadTerms {
  readonly units: Uint16Array;
  readonly starts: Uint32Array;
  readonly postings: Uint32Array;
}

function readTerms(count: number, bytes: Buffer): ReadTerms {
  const start = count * TERM_BYTES;
  must(bytes.length >= start && (bytes.length - start) % 2 === 0, 'the list of terms is too short');
  const units = new Uint16Array((bytes.length - start) / 2);
  for (let at = 0; at < units.length; at += 1) units[at] = bytes.readUInt16LE(start + at * 2);
  const text = bytes.toString('utf16le', start);
  const starts = new Uint32Array(count + 1);
  const postings = new Uint32Array(count);
  let before = '';
  for (let term = 0; term < count; term += 1) {
    const length = bytes.readUInt8(term * TERM_BYTES);
    must(length > 0 && length <= TOKEN_CHARACTERS_MAX, `term ${term} has ${length} characters`);
    const end = starts[term]! + length;
    must(end <= units.length, `term ${term} is missing`);
    const name = text.slice(starts[term], end);
    must(name > before, `term ${term} is out of order`);
    before = name;
    starts[term + 1] = end;
    postings[term] = bytes.readUInt32LE(term * TERM_BYTES + 1);
    must(postings[term]! > 0, `term ${term} has no postings`);
  }
  must(starts[count] === units.length, 'something follows the terms');
  return { units, starts, postings };
}

/** How many terms each document holds; their counts must add up to its length. */
function* countTerms(
  documents: number,
  terms: ReadTerms,
  bytes: Buffer,
  lengths: Uint16Array,
): Generator<undefined, Uint16Array> {
  const termCounts = new Uint16Array(documents);
  const tokens = new Uint32Array(documents);
  const reader = new PostingsReader(bytes, documents);
  let work = 0;
  for (const postings of terms.postings) {
    reader.begin();
    for (let left = postings; left > 0; left -= 1) {
      reader.next();
      tokens[reader.slot]! += reader.count;
      // Within 16 bits, as each term counts one token at least.
      must(tokens[reader.slot]! <= lengths[reader.slot]!, 'a document is longer than it says');
      termCounts[reader.slot]! += 1;
      work += 1;
      if (work % MERGE_STEP_POSTINGS === 0) yield;
    }
  }
  must(reader.isAtEnd, 'something follows the postings');
  must(
    tokens.every((count, slot) => count === lengths[slot]),
    'a document is shorter than it says',
  );
  return termCounts;
}

/** Reads postings one by one and checks each. */
class PostingsReader {
  slot = -1;
  count = 0;
  readonly #bytes: Buffer;
  readonly #documents: number;
  #at = 0;

  constructor(bytes: Buffer, documents: number) {
    this.#bytes = bytes;
    this.#documents = documents;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Before the first posting of a term. */
  begin(): void {
    this.slot = -1;
  }

  next(): void {
    const value = this.#number();
    this.slot += value >>> 1;
    must(value > 1 && this.slot < this.#documents, 'a posting is of no document');
    this.count = (value & 1) === 1 ? 1 : this.#number();
    must((value & 1) === 1 || this.count > 1, 'a posting counts nothing');
  }

  #number(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      must(this.#at < this.#bytes.length, 'a posting is cut off');
      const byte = this.#bytes[this.#at]!;
      this.#at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new SegmentProblem('a number of a posting is too long');
  }
}
