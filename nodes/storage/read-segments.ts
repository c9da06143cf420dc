/** Reads all segments of a directory into a replay, and says what is to be mended before writing. */
import { join } from 'node:path';
import type { StorageDisk } from './disk.js';
import { StorageError, damaged, toStorageError } from './error.js';
import { type Examination, type FoundFrame, examineSegment } from './examine.js';
import { SLOT_BYTES, slotOffset, writeSlot } from './frame-format.js';
import { MISSING_SEGMENTS_MAX } from './limits.js';
import type { LogReplay } from './replay.js';
import {
  type ClosedSegment,
  type ResumePoint,
  encodeFrames,
  segmentFileName,
  segmentNumberOf,
  unfinishedNumberOf,
} from './segment.js';
import { type FoundHeader, encodeSegmentHeader, findSegmentHeader } from './segment-header.js';
import { type ReadSegmentV1, isUnfinishedV1, readSegmentV1 } from './segment-v1.js';

/** A change to one file, made once it is certain that the whole log can be restored. */
export interface Mend {
  readonly path: string;
  /** Whether the file goes; else the writes are made, and the file cut to `length` if given. */
  readonly isRemoved?: boolean;
  readonly writes?: readonly { readonly bytes: Uint8Array; readonly at: number }[];
  readonly length?: number;
}

/** What was found beside the entries. */
export interface ReadSegments {
  /** All segments that were read, in order. */
  readonly segments: readonly ClosedSegment[];
  /** The last one, if it is of the present format. */
  readonly tail: ResumePoint | null;
  /** Number of the next segment. */
  readonly nextNumber: number;
  readonly mends: readonly Mend[];
}

interface Context {
  readonly clusterId: string;
  readonly replay: LogReplay;
  readonly warnings: string[];
}

type Content =
  | { readonly format: 1; readonly read: ReadSegmentV1 }
  | {
      readonly format: 2;
      readonly found: FoundHeader;
      readonly read: Examination;
      readonly isTail: boolean;
    }
  /** The file, or its header, is not there. */
  | { readonly format: 'missing'; readonly error: StorageError; readonly hasFile: boolean }
  | { readonly format: 'unfinished' };

interface Segment {
  readonly path: string;
  readonly number: number;
  readonly content: Content;
}

/** Reads the segments in `names` into `context.replay`. Throws a `StorageError`; changes nothing. */
export async function readSegments(
  disk: StorageDisk,
  directory: string,
  names: readonly string[],
  context: Context,
): Promise<ReadSegments> {
  const numbers = names.map(segmentNumberOf).filter((n) => n !== undefined);
  const [first, last] = [Math.min(...numbers), Math.max(0, ...numbers)];
  const missing = (number: number): StorageError =>
    damaged(join(directory, segmentFileName(number)), 0, 'the file is missing');
  // A segment is prepared while the one before it is in use.
  const prepared = Math.max(0, ...names.map((name) => unfinishedNumberOf(name) ?? 0));
  if (prepared - 1 > last) throw missing(last + 1);
  const absent = last - first + 1 - numbers.length;
  if (absent > MISSING_SEGMENTS_MAX) {
    let number = first;
    while (numbers.includes(number)) number += 1;
    throw missing(number);
  }
  const segments: Segment[] = [];
  // Backwards, since what follows a segment says how its end is to be judged.
  for (let number = last; number >= first; number -= 1) {
    const path = join(directory, segmentFileName(number));
    const read = async (): Promise<Content> => {
      const bytes = Buffer.from(await disk.read(path));
      return readContent(bytes, path, number, segments[0] ?? null, context.clusterId);
    };
    const content: Content = numbers.includes(number)
      ? await read().catch((error: unknown) =>
          Promise.reject(toStorageError(error, 'reading', path)),
        )
      : { format: 'missing', error: missing(number), hasFile: false };
    segments.unshift({ path, number, content });
  }
  const [before, end] = [segments.at(-2)?.content, segments.at(-1)?.content];
  if (end?.format === 2 && end.read.isSealed) throw missing(last + 1);
  if (end?.format === 'unfinished' && before?.format !== 1) {
    throw damaged(join(directory, segmentFileName(last)), 0, 'the header is cut off');
  }
  const [start] = segments;
  if (start?.content.format === 2) context.replay.beginAt(first, { path: start.path, offset: 0 });
  return replaySegments(segments, context);
}

function readContent(
  bytes: Buffer,
  path: string,
  number: number,
  next: Segment | null,
  clusterId: string,
): Content {
  const found = findSegmentHeader(path, bytes, number, clusterId);
  if (found !== null) {
    const isTail = next === null || isEmptyTail(next.content);
    return { format: 2, found, read: examineSegment(bytes, found.header, path, isTail), isTail };
  }
  if (next === null && isUnfinishedV1(bytes, clusterId)) {
    return { format: 'unfinished' };
  }
  try {
    return {
      format: 1,
      read: readSegmentV1(bytes, path, number, { clusterId, isLast: next === null }),
    };
  } catch (error) {
    const isOfVersion1 = bytes.length >= 12 && bytes.readUInt32LE(8) === 1;
    const isDamaged = error instanceof StorageError && error.code === 'damaged';
    if (!isDamaged || isOfVersion1 || next === null || next.content.format === 1) throw error;
    return { format: 'missing', error, hasFile: true };
  }
}

function isEmptyTail(content: Content): boolean {
  return content.format === 2 && content.isTail && content.read.findings.length === 0;
}

function replaySegments(segments: readonly Segment[], context: Context): ReadSegments {
  const { replay } = context;
  const closed: ClosedSegment[] = [];
  const mends: Mend[] = [];
  let unfinished = 0;
  for (const { path, number, content } of segments) {
    let lastIndex = 0;
    if (content.format === 1) {
      lastIndex = replayV1(path, content.read, context, mends);
    } else if (content.format === 2) {
      lastIndex = replayFindings(path, content.read, replay);
      if (!content.isTail && !content.read.isSealed) {
        replay.addGap(damaged(path, content.read.nextOffset, 'its end is missing'));
      }
      mends.push(mendOf(path, content.found, content.read, context.warnings));
    } else if (content.format === 'missing') {
      replay.addGap(content.error);
      if (!content.hasFile) continue;
    } else {
      unfinished += 1;
      context.warnings.push(`${path}: removed, a crash interrupted its creation`);
      mends.push({ path, isRemoved: true });
      continue;
    }
    closed.push({ path, number, lastIndex });
  }
  const seal = sealOf(segments, replay);
  if (seal !== null) mends.push(seal);
  const [last, end] = [segments.at(-1), closed.at(-1)];
  const nextNumber = (last?.number ?? 0) + 1 - unfinished;
  if (last?.content.format !== 2) return { segments: closed, tail: null, nextNumber, mends };
  const { header } = last.content.found;
  const { nextNumber: frame, nextOffset } = last.content.read;
  const lastIndex = end?.lastIndex ?? 0;
  const tail = { path: last.path, header, nextNumber: frame, nextOffset, lastIndex };
  return { segments: closed.slice(0, -1), tail, nextNumber, mends };
}

function replayV1(path: string, read: ReadSegmentV1, context: Context, mends: Mend[]): number {
  let lastIndex = 0;
  for (const { record, offset } of read.records) {
    context.replay.addRecord(record, { path, offset });
    if (record.type === 'entry') lastIndex = Math.max(lastIndex, record.entry.index);
  }
  const { tornBytes, goodBytes } = read;
  if (tornBytes > 0) {
    context.warnings.push(`${path}: cut ${tornBytes} unfinished bytes at byte ${goodBytes}`);
    mends.push({ path, length: goodBytes });
  }
  return lastIndex;
}

function replayFindings(path: string, read: Examination, replay: LogReplay): number {
  let lastIndex = 0;
  for (const finding of read.findings) {
    const { offset } = finding.type === 'gap' ? finding : finding.facts;
    if (finding.type === 'gap') {
      const what = `frame ${finding.number} and its slot are both damaged`;
      replay.addGap(damaged(path, offset, what));
      continue;
    }
    replay.addFrame(finding, { path, offset });
    const { kind, first, count } = finding.facts;
    const holdsEntries = kind === 'append' || kind === 'repair';
    if (holdsEntries) lastIndex = Math.max(lastIndex, first + count - 1);
  }
  return lastIndex;
}

function mendOf(path: string, found: FoundHeader, read: Examination, warnings: string[]): Mend {
  const { header, badCopies } = found;
  const writes: { bytes: Uint8Array; at: number }[] = [];
  for (const at of badCopies) writes.push({ bytes: encodeSegmentHeader(header), at });
  if (badCopies.length > 0) warnings.push(`${path}: a damaged copy of its header is written anew`);
  for (const finding of read.findings) {
    if (finding.type === 'gap') continue;
    warnings.push(...warningsOf(path, finding));
    if (finding.isSlotSound) continue;
    const bytes = Buffer.alloc(SLOT_BYTES);
    writeSlot(bytes, finding.facts, header.salt, 0);
    writes.push({ bytes, at: slotOffset(finding.facts.number) });
  }
  const { slots, bytes } = read.leftover;
  for (const slot of slots) writes.push({ bytes: Buffer.alloc(SLOT_BYTES), at: slotOffset(slot) });
  if (bytes > 0) writes.push({ bytes: Buffer.alloc(bytes), at: read.nextOffset });
  if (slots.length > 0 || bytes > 0) {
    const what = `${bytes} unfinished bytes at byte ${read.nextOffset} and ${slots.length} slots`;
    warnings.push(`${path}: cut ${what}`);
  }
  return { path, writes };
}

function warningsOf(path: string, { facts, entries, isSlotSound }: FoundFrame): string[] {
  const warnings: string[] = [];
  const { number, offset, first, term, kind } = facts;
  if (!isSlotSound) warnings.push(`${path}: slot ${number} is written anew`);
  const lost = entries.flatMap((entry, at) => (entry === null ? [first + at] : []));
  if (lost.length > 0) {
    const what = kind === 'repair' ? 'repairs of entries' : 'entries';
    warnings.push(
      `${path}: frame ${number} at byte ${offset} has lost ${what} ${lost.join(', ')} of term ${term}`,
    );
  }
  return warnings;
}

/**
 * A crash can come between the beginning of a segment and the seal of the one before, which says
 * that there is a next one. It is made up for before the next one is written to.
 */
function sealOf(segments: readonly Segment[], replay: LogReplay): Mend | null {
  const [before, last] = [segments.at(-2), segments.at(-1)];
  if (last === undefined || !isEmptyTail(last.content)) return null;
  if (before?.content.format !== 2 || before.content.read.isSealed) return null;
  const { found, read } = before.content;
  if (read.nextNumber >= found.header.slots) return null;
  const seal = {
    kind: 'seal',
    entries: [],
    first: 0,
    term: 0,
    hardState: replay.hardState,
    before: replay.termRuns().end,
  } as const;
  const { salt } = found.header;
  const { frames, slots } = encodeFrames([seal], salt, read.nextNumber, read.nextOffset);
  const writes = [
    { bytes: frames, at: read.nextOffset },
    { bytes: slots, at: slotOffset(read.nextNumber) },
  ];
  return { path: before.path, writes };
}

/** Makes the changes that reading found to be due. */
export async function mend(disk: StorageDisk, mends: readonly Mend[]): Promise<void> {
  for (const { path, isRemoved, writes = [], length } of mends) {
    if (isRemoved) await disk.remove(path);
    if (isRemoved || (writes.length === 0 && length === undefined)) continue;
    const file = await disk.open(path, 'existing');
    try {
      for (const { bytes, at } of writes) await file.write(bytes, at);
      if (length !== undefined) await file.truncate(length);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
