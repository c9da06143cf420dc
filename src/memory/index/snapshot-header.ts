/**
 * The head of a snapshot file: what the index is, and where its sections lie. All numbers are
 * little-endian words of 32 bits:
 *
 *     0  magic, 8 bytes          8  version
 *    12  dimensions  16 metric  20 neighbours  24 breadth
 *    28  slots  32 rows  36 entry  40 top level
 *    44  bytes of the label  48 bytes of the ids
 *    52  XXH32 of label, ids, blocks, originals, rows
 *    72  zeros  124  XXH32 of the 124 bytes before
 *
 * Sections follow in that order, each from a multiple of 64 bytes on, with zeros between them.
 */
import { VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { METRICS, type Kernel, type KernelSettings } from './kernel.js';
import { BREADTH_MAX, LABEL_BYTES_MAX, NEIGHBOURS_MAX, SLOTS_MAX } from './limits.js';

export const HEADER_BYTES = 128;
const SNAPSHOT_VERSION = 1;
const MAGIC = 'AFVECTOR';
const CHECKED_BYTES = 124;
const SECTION_STEP_BYTES = 64;

export const SECTIONS = ['label', 'ids', 'blocks', 'originals', 'rows'] as const;
export type Section = (typeof SECTIONS)[number];
export type BySection<Value> = Readonly<Record<Section, Value>>;

export interface SnapshotHeader {
  readonly settings: KernelSettings;
  readonly slotCount: number;
  readonly rowCount: number;
  readonly entry: number;
  readonly topLevel: number;
  readonly labelBytes: number;
  readonly idsBytes: number;
  readonly checksums: BySection<number>;
}

/** Bytes of one element of each part; see native/index.h. */
export interface ElementBytes {
  readonly blockBytes: number;
  readonly originalBytes: number;
  readonly rowBytes: number;
}

/** Why a file is no snapshot that can be read. */
type HeaderProblem = 'foreign' | 'newer' | 'damaged';

export function encodeHeader(header: SnapshotHeader, kernel: Kernel): Buffer {
  const { settings, checksums } = header;
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, 'latin1');
  const words = [
    SNAPSHOT_VERSION,
    settings.dimensions,
    METRICS.indexOf(settings.metric),
    settings.neighbours,
    settings.breadth,
    header.slotCount,
    header.rowCount,
    header.entry,
    header.topLevel,
    header.labelBytes,
    header.idsBytes,
    ...SECTIONS.map((section) => checksums[section]),
  ];
  for (const [at, word] of words.entries()) bytes.writeUInt32LE(word, MAGIC.length + at * 4);
  const sum = kernel.checksum(bytes.subarray(0, CHECKED_BYTES), 0);
  bytes.writeUInt32LE(sum, CHECKED_BYTES);
  return bytes;
}

/** The header, or why it cannot be used. `checksum` is XXH32 with seed 0. */
export function decodeHeader(
  bytes: Buffer,
  checksum: (bytes: Uint8Array) => number,
): SnapshotHeader | HeaderProblem {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    return 'foreign';
  }
  const word = (at: number): number => bytes.readUInt32LE(at);
  if (word(8) > SNAPSHOT_VERSION) return 'newer';
  if (checksum(bytes.subarray(0, CHECKED_BYTES)) !== word(CHECKED_BYTES)) return 'damaged';
  const metric = METRICS[word(16)];
  const [dimensions, neighbours, breadth] = [word(12), word(20), word(24)];
  const [slotCount, rowCount, labelBytes] = [word(28), word(32), word(44)];
  const isSound =
    word(8) === SNAPSHOT_VERSION &&
    isWithin(dimensions, 1, VECTOR_DIMENSIONS_MAX) &&
    isWithin(neighbours, 2, NEIGHBOURS_MAX) &&
    isWithin(breadth, neighbours, BREADTH_MAX) &&
    slotCount <= SLOTS_MAX &&
    rowCount <= SLOTS_MAX &&
    labelBytes <= LABEL_BYTES_MAX;
  if (metric === undefined || !isSound) return 'damaged';
  const sums = SECTIONS.map((section, at) => [section, word(52 + at * 4)]);
  return {
    settings: { dimensions, metric, neighbours, breadth, codes: 'int8' },
    slotCount,
    rowCount,
    entry: word(36),
    topLevel: word(40),
    labelBytes,
    idsBytes: word(48),
    checksums: Object.fromEntries(sums) as BySection<number>,
  };
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

/** Where each section begins and how long it is, and the length of the file. */
export function layOut(
  header: SnapshotHeader,
  each: ElementBytes,
): { readonly sections: BySection<{ start: number; bytes: number }>; readonly fileBytes: number } {
  const lengths: BySection<number> = {
    label: header.labelBytes,
    ids: header.idsBytes,
    blocks: header.slotCount * each.blockBytes,
    originals: header.slotCount * each.originalBytes,
    rows: header.rowCount * each.rowBytes,
  };
  let end = HEADER_BYTES;
  const sections = SECTIONS.map((section) => {
    const start = Math.ceil(end / SECTION_STEP_BYTES) * SECTION_STEP_BYTES;
    const bytes = lengths[section];
    end = start + bytes;
    return [section, { start, bytes }];
  });
  return {
    sections: Object.fromEntries(sections) as BySection<{ start: number; bytes: number }>,
    fileBytes: end,
  };
}
