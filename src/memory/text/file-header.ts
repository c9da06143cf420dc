/**
 * The head of the file of a text index: how long its sections are, and their checksums. All numbers
 * are little-endian words of 32 bits:
 *
 *     0  magic, 8 bytes    8  version
 *    12  documents  16 terms
 *    20  bytes of label, documents, terms, postings
 *    36  CRC-32 of each of the four
 *    52  zeros  60  CRC-32 of the 60 bytes before
 *
 * The sections follow in that order without gaps, and nothing follows them.
 */
import { crc32 } from 'node:zlib';
import { DOCUMENTS_MAX, LABEL_BYTES_MAX } from './limits.js';

export const HEADER_BYTES = 64;
const FILE_VERSION = 1;
const MAGIC = 'AFTEXT\r\n';
const LENGTHS_AT = 20;
const CHECKSUMS_AT = 36;
const CHECKED_BYTES = 60;

const SECTIONS = ['label', 'documents', 'terms', 'postings'] as const;
export type Sections = Readonly<Record<(typeof SECTIONS)[number], Buffer>>;

export interface FileCounts {
  readonly documents: number;
  readonly terms: number;
}

/** Why bytes are no index: of something else, of a later release, or not as they were written. */
export type FileProblem = 'foreign' | 'newer' | 'damaged';

export function encodeFile(counts: FileCounts, sections: Sections): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 'latin1');
  header.writeUInt32LE(FILE_VERSION, 8);
  header.writeUInt32LE(counts.documents, 12);
  header.writeUInt32LE(counts.terms, 16);
  for (const [at, name] of SECTIONS.entries()) {
    header.writeUInt32LE(sections[name].length, LENGTHS_AT + at * 4);
    header.writeUInt32LE(crc32(sections[name]), CHECKSUMS_AT + at * 4);
  }
  header.writeUInt32LE(crc32(header.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  return Buffer.concat([header, ...SECTIONS.map((name) => sections[name])]);
}

/** The bytes that the file should have, by its header; nothing else has been read of it yet. */
export function fileBytes(header: Buffer): number | FileProblem {
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    return 'foreign';
  }
  if (header.readUInt32LE(8) > FILE_VERSION) return 'newer';
  const isSound =
    crc32(header.subarray(0, CHECKED_BYTES)) === header.readUInt32LE(CHECKED_BYTES) &&
    header.readUInt32LE(8) === FILE_VERSION &&
    header.readUInt32LE(12) <= DOCUMENTS_MAX &&
    header.readUInt32LE(LENGTHS_AT) <= LABEL_BYTES_MAX;
  if (!isSound) return 'damaged';
  return SECTIONS.reduce(
    (sum, _name, at) => sum + header.readUInt32LE(LENGTHS_AT + at * 4),
    HEADER_BYTES,
  );
}

/** The parts of a file whose length and header have been checked; undefined where a sum differs. */
export function decodeFile(file: Buffer): { counts: FileCounts; sections: Sections } | undefined {
  let start = HEADER_BYTES;
  const sections = SECTIONS.map((name, at) => {
    const bytes = file.subarray(start, start + file.readUInt32LE(LENGTHS_AT + at * 4));
    start += bytes.length;
    const isSound = crc32(bytes) === file.readUInt32LE(CHECKSUMS_AT + at * 4);
    return [name, isSound ? bytes : undefined] as const;
  });
  if (sections.some(([, bytes]) => bytes === undefined)) return undefined;
  const counts = { documents: file.readUInt32LE(12), terms: file.readUInt32LE(16) };
  return { counts, sections: Object.fromEntries(sections) as Sections };
}
