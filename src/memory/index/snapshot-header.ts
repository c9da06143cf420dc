/**
 * The head of a snapshot file: what the index is, and where its sections lie. All numbers are
 * little-endian words of 32 bits. Version 3, which is written:
 *
 *     0  magic, 8 bytes          8  version
 *    12  dimensions  16 metric  20 neighbours  24 breadth
 *    28  slots  32 rows  36 entry  40 top level
 *    44  bytes of the label  48 bytes of the ids
 *    52  kind of the codes, as in codes.ts  56 bytes of the codebook, 0 but for product codes
 *    60  XXH32 of label, ids, codebook, rows, sums, blocks
 *    84  zeros  252  XXH32 of the 252 bytes before
 *
 * Sections follow in that order, then the originals; each from a multiple of 4,096 bytes on, so that it
 * can be mapped. `sums` are the XXH32 of the originals, one each. The checksum of a section of elements is
 * that of pieces of 1,024 of them, of ids that of pieces of 262,144 bytes, each with the one before as seed.
 *
 * Version 2, which is read: the same, with blocks that are padded (`padded-blocks.ts`).
 *
 * Version 1, which is read: blocks as in version 2, no words 52 and 56; at 52 XXH32 of label, ids, blocks, originals and rows, at
 * 124 that of the 124 bytes before; sections in that order from multiples of 64 bytes on.
 */
import { VECTOR_DIMENSIONS_MAX } from '../limits.js';
import { codebookBytes } from './codebook.js';
import { CODE_NAMES, type CodeName } from './codes.js';
import { METRICS, type Kernel, type KernelSettings } from './kernel.js';
import { BREADTH_MAX, LABEL_BYTES_MAX, NEIGHBOURS_MAX, SLOTS_MAX } from './limits.js';

/** What is read to know the rest; a file of version 1 has at least half of it. */
export const HEADER_BYTES = 256;
const SNAPSHOT_VERSION = 3;
/** From this version on blocks are as the kernels have them. */
export const UNPADDED_VERSION = 3;
const MAGIC = 'AFVECTOR';
const WORD_BYTES = 4;
const SUM_BYTES = 4;

const SECTIONS = ['label', 'ids', 'codebook', 'rows', 'sums', 'blocks', 'originals'] as const;
export type Section = (typeof SECTIONS)[number];
export type BySection<Value> = Readonly<Record<Section, Value>>;
type Checksums = Readonly<Partial<Record<Section, number>>>;

interface Version {
  readonly headerBytes: number;
  /** In the order of the file. */
  readonly sections: readonly Section[];
  readonly sectionStepBytes: number;
  /** Sections whose checksums stand in the header, and where. */
  readonly summed: readonly Section[];
  readonly sumsAt: number;
}

const PAGED: Version = {
  headerBytes: HEADER_BYTES,
  sections: SECTIONS,
  sectionStepBytes: 4096,
  summed: ['label', 'ids', 'codebook', 'rows', 'sums', 'blocks'],
  sumsAt: 60,
};
const VERSIONS: Readonly<Record<number, Version>> = {
  1: {
    headerBytes: 128,
    sections: ['label', 'ids', 'blocks', 'originals', 'rows'],
    sectionStepBytes: 64,
    summed: ['label', 'ids', 'blocks', 'originals', 'rows'],
    sumsAt: 52,
  },
  2: PAGED,
  3: PAGED,
};

export interface SnapshotHeader {
  readonly version: number;
  /** What the codes are is said by `codes` and the codebook. */
  readonly settings: Omit<KernelSettings, 'codes'>;
  readonly slotCount: number;
  readonly rowCount: number;
  readonly entry: number;
  readonly topLevel: number;
  readonly labelBytes: number;
  readonly idsBytes: number;
  readonly codes: CodeName;
  readonly codebookBytes: number;
  readonly checksums: Checksums;
}

/** Bytes of one element of each part in the file; see native/index.h. */
export interface ElementBytes {
  readonly blockBytes: number;
  readonly originalBytes: number;
  readonly rowBytes: number;
}

/** Why a file is no snapshot that can be read. */
type HeaderProblem = 'foreign' | 'newer' | 'damaged';

/** Of the version that is written, whatever the header says of its own. */
export function encodeHeader(header: Omit<SnapshotHeader, 'version'>, kernel: Kernel): Buffer {
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
    CODE_NAMES.indexOf(header.codes),
    header.codebookBytes,
    ...VERSIONS[SNAPSHOT_VERSION]!.summed.map((section) => checksums[section] ?? 0),
  ];
  for (const [at, word] of words.entries()) {
    bytes.writeUInt32LE(word, MAGIC.length + at * WORD_BYTES);
  }
  const checkedBytes = HEADER_BYTES - SUM_BYTES;
  const sum = kernel.checksum(bytes.subarray(0, checkedBytes), 0);
  bytes.writeUInt32LE(sum, checkedBytes);
  return bytes;
}

/** The header, or why it cannot be used. `checksum` is XXH32 with seed 0. */
export function decodeHeader(
  bytes: Buffer,
  checksum: (bytes: Uint8Array) => number,
): SnapshotHeader | HeaderProblem {
  if (bytes.length < VERSIONS[1]!.headerBytes) return 'foreign';
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return 'foreign';
  const word = (at: number): number => bytes.readUInt32LE(at);
  const version = word(8);
  if (version > SNAPSHOT_VERSION) return 'newer';
  const format = VERSIONS[version];
  if (format === undefined || bytes.length < format.headerBytes) return 'damaged';
  const checkedBytes = format.headerBytes - SUM_BYTES;
  if (checksum(bytes.subarray(0, checkedBytes)) !== word(checkedBytes)) return 'damaged';
  const metric = METRICS[word(16)];
  const codes = version === 1 ? 'int8' : CODE_NAMES[word(52)];
  const bookBytes = version === 1 ? 0 : word(56);
  const [dimensions, neighbours, breadth] = [word(12), word(20), word(24)];
  const [slotCount, rowCount, labelBytes] = [word(28), word(32), word(44)];
  const isSound =
    isWithin(dimensions, 1, VECTOR_DIMENSIONS_MAX) &&
    isWithin(neighbours, 2, NEIGHBOURS_MAX) &&
    isWithin(breadth, neighbours, BREADTH_MAX) &&
    slotCount <= SLOTS_MAX &&
    rowCount <= SLOTS_MAX &&
    labelBytes <= LABEL_BYTES_MAX;
  if (metric === undefined || codes === undefined || !isSound) return 'damaged';
  if (bookBytes !== (codes === 'product' ? codebookBytes(dimensions) : 0)) return 'damaged';
  const sums = format.summed.map((section, at) => [section, word(format.sumsAt + at * WORD_BYTES)]);
  return {
    version,
    settings: { dimensions, metric, neighbours, breadth },
    slotCount,
    rowCount,
    entry: word(36),
    topLevel: word(40),
    labelBytes,
    idsBytes: word(48),
    codes,
    codebookBytes: bookBytes,
    checksums: Object.fromEntries(sums) as Checksums,
  };
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

interface Place {
  readonly start: number;
  readonly bytes: number;
}

/** Where each section begins and how long it is, and the length of the file. */
export function layOut(
  header: Omit<SnapshotHeader, 'version' | 'checksums'>,
  each: ElementBytes,
  version = SNAPSHOT_VERSION,
): { readonly sections: BySection<Place>; readonly fileBytes: number } {
  const lengths: BySection<number> = {
    label: header.labelBytes,
    ids: header.idsBytes,
    codebook: header.codebookBytes,
    rows: header.rowCount * each.rowBytes,
    sums: header.slotCount * SUM_BYTES,
    blocks: header.slotCount * each.blockBytes,
    originals: header.slotCount * each.originalBytes,
  };
  const { sections: order, sectionStepBytes, headerBytes } = VERSIONS[version]!;
  const nowhere = Object.fromEntries(SECTIONS.map((section) => [section, { start: 0, bytes: 0 }]));
  let end = headerBytes;
  const places = order.map((section) => {
    const start = Math.ceil(end / sectionStepBytes) * sectionStepBytes;
    const bytes = lengths[section];
    if (bytes > 0) end = start + bytes;
    return [section, { start, bytes }];
  });
  return { sections: { ...nowhere, ...Object.fromEntries(places) }, fileBytes: end };
}
