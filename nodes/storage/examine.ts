/**
 * Reads what a segment of format version 2 still says, and tells damage from a write that a crash
 * interrupted, after Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST
 * 2018), section 3.3.
 *
 *     slot     frame    of the last batch                       before it
 *     sound    sound    there                                   there
 *     bad      sound    there, the slot is written anew         the same
 *     sound    bad      its entries are lost, by (index, term)  the same
 *     blank    torn     never synced: cut, and all behind it    a gap
 *     bad      bad      a gap; at the end an error              a gap
 *
 * A frame is torn if what is missing of it is zeros where nothing was written, as a crash leaves
 * them: bytes that are there and wrong are damage. What a gap held is found out from what comes
 * later (`replay.ts`), except for the hard state: without the last one the log is refused.
 * A head that differs from its slot is one of an earlier frame that was cut, and counts for nothing.
 */
import type { Entry } from '../../consensus/raft/index.js';
import { damaged } from './error.js';
import {
  type FrameFacts,
  HEAD_BYTES,
  type LogPosition,
  RECORD_HEAD_BYTES,
  SLOT_BYTES,
  headAt,
  isBlank,
  isZero,
  recordDataAt,
  recordHeadAt,
  slotAt,
  slotOffset,
  touchesUnwritten,
} from './frame-format.js';
import { sameFacts } from './same-facts.js';
import { type SegmentHeader, bytesBeforeFrames } from './segment-header.js';

/** A frame of which at least slot or head was sound. */
export interface FoundFrame {
  readonly type: 'frame';
  readonly facts: FrameFacts;
  /** End of the log before it, or null if the head does not say. */
  readonly before: LogPosition | null;
  /** By place; null is an entry that is lost. */
  readonly entries: readonly (Entry | null)[];
  readonly isSlotSound: boolean;
  /** Whether its records miss nothing but what was never written. */
  readonly isTorn: boolean;
}

/** Frames of which neither slot nor head was sound. */
interface FoundGap {
  readonly type: 'gap';
  /** The first of them. */
  readonly number: number;
  /** Where it begins. */
  readonly offset: number;
}

type Finding = FoundFrame | FoundGap;

/** What a segment still says. */
export interface Examination {
  /** In the order in which they were written. */
  readonly findings: readonly Finding[];
  /** Number of the next frame, and where it goes. */
  readonly nextNumber: number;
  readonly nextOffset: number;
  readonly isSealed: boolean;
  /** What lies behind the last frame and is no zeros, only looked for in the last segment. */
  readonly leftover: { readonly slots: readonly number[]; readonly bytes: number };
}

class Examiner {
  private readonly slots = new Map<number, FrameFacts>();
  private readonly salt: number;
  private readonly start: number;

  constructor(
    private readonly bytes: Buffer,
    private readonly header: SegmentHeader,
    private readonly path: string,
  ) {
    this.salt = header.salt;
    this.start = bytesBeforeFrames(header);
    for (let number = 0; number < header.slots; number += 1) {
      const at = slotOffset(number);
      if (at + SLOT_BYTES > bytes.length) break;
      if (isBlank(bytes, at, at + SLOT_BYTES)) continue;
      const facts = slotAt(bytes, at, this.salt);
      if (facts?.number === number) this.slots.set(number, facts);
    }
  }

  /** All frames and gaps up to the last that anything is known of. */
  findings(): Finding[] {
    const findings: Finding[] = [];
    const slotNumbers = [...this.slots.keys()];
    const written = lastWritten(this.bytes);
    let [number, offset, at] = [0, this.start, 0];
    for (;;) {
      while (at < slotNumbers.length && (slotNumbers[at] as number) < number) at += 1;
      const slot = this.slots.get(number) ?? null;
      const found = slot ?? this.headFacts(offset, number);
      if (found !== null) {
        const frame = this.frame(found, slot !== null);
        findings.push(frame);
        ({ number, offset } = next(frame.facts));
        continue;
      }
      const nextSlot = this.slots.get(slotNumbers[at] ?? -1);
      const later = this.headBetween(
        offset,
        Math.min(nextSlot?.offset ?? written, written),
        number,
      );
      const after = later ?? nextSlot;
      if (after === undefined) return findings;
      findings.push({ type: 'gap', number, offset });
      ({ number, offset } = after);
    }
  }

  private headFacts(offset: number, number: number): FrameFacts | null {
    const head = headAt(this.bytes, offset, this.salt);
    return head?.facts.number === number ? head.facts : null;
  }

  /** The first sound head behind `offset` and before `end`. */
  private headBetween(offset: number, end: number, number: number): FrameFacts | undefined {
    for (let at = offset; at < end; at += 1) {
      const head = headAt(this.bytes, at, this.salt);
      if (head !== null && head.facts.number >= number) return head.facts;
    }
    return undefined;
  }

  private frame(facts: FrameFacts, isSlotSound: boolean): FoundFrame {
    const head = headAt(this.bytes, facts.offset, this.salt);
    // A frame that was cut may have stood here, and the disk have lost the head of this one.
    const before = head !== null && sameFacts(head.facts, facts) ? head.before : null;
    const entries: (Entry | null)[] = [];
    let isTorn = false;
    if (facts.kind === 'append' || facts.kind === 'repair') {
      const bad = this.readEntries(facts, entries);
      isTorn = bad.length > 0 && bad.every((stretch) => this.isUnwritten(facts, stretch));
    }
    // A position without a term says only that there is one.
    const isKnown = before !== null && (before.index === 0 || before.term > 0);
    return { type: 'frame', facts, before: isKnown ? before : null, entries, isSlotSound, isTorn };
  }

  /** Fills `entries`; returns the stretches of bytes that are not sound. */
  private readEntries(facts: FrameFacts, entries: (Entry | null)[]): (readonly [number, number])[] {
    const { bytes, salt } = this;
    const whole = facts.offset + facts.bytes - 1;
    const end = Math.min(whole, bytes.length);
    const bad: (readonly [number, number])[] = [];
    let at = facts.offset + HEAD_BYTES;
    while (entries.length < facts.count) {
      const index = facts.first + entries.length;
      const [found, head] = this.recordFrom(at, index, facts, end) ?? [whole, null];
      if (found > at || head === null) bad.push([at, found]);
      const missing = head === null ? facts.count : head.index - facts.first;
      while (entries.length < missing) entries.push(null);
      if (head === null) break;
      at = found + RECORD_HEAD_BYTES + head.dataBytes;
      const data = recordDataAt(bytes, found, head, salt);
      if (data === null) bad.push([found, Math.min(at, whole)]);
      const entry = { term: facts.term, index: head.index, type: head.type };
      entries.push(data === null ? null : { ...entry, data });
    }
    return bad;
  }

  /** The first sound head of a record of entry `index` or later from byte `at` on, and its place. */
  private recordFrom(at: number, index: number, facts: FrameFacts, end: number) {
    for (let from = at; from < end; from += 1) {
      const head = recordHeadAt(this.bytes, from, facts, end, this.salt);
      if (head !== null && head.index >= index) return [from, head] as const;
    }
    return null;
  }

  /** Whether a stretch of a frame may be bad because a crash kept it from being written. */
  private isUnwritten({ offset, bytes }: FrameFacts, stretch: readonly [number, number]): boolean {
    const end = offset + bytes;
    if (touchesUnwritten(this.bytes, stretch, [offset, end])) return true;
    // Or it ends there: the last byte of a frame is never zero once it is written.
    return isZero(this.bytes, stretch[1] - 1, end);
  }

  private isSlotBlank(number: number): boolean {
    const at = slotOffset(number);
    return isBlank(this.bytes, at, at + SLOT_BYTES);
  }

  /** Whether there is no head at `offset`, or one that was not written to its end. */
  private isHeadUnwritten(offset: number): boolean {
    const { bytes } = this;
    const end = offset + HEAD_BYTES;
    if (isBlank(bytes, offset, end)) return true;
    if (touchesUnwritten(bytes, [offset, end], [offset, bytes.length])) return true;
    return isZero(bytes, end - 1, bytes.length);
  }

  /**
   * How many findings are left when what was never synced is cut off: the first frame of the last
   * batch that is not all there because it was not written proves that its sync never returned.
   */
  synced(findings: readonly Finding[]): number {
    const last = findings.at(-1);
    if (last?.type !== 'frame') return findings.length;
    const batch = last.facts.number - last.facts.batchPosition;
    for (const [at, finding] of findings.entries()) {
      const number = finding.type === 'gap' ? finding.number : finding.facts.number;
      if (number < batch || !this.isSlotBlank(number)) continue;
      const isTorn = finding.type === 'gap' ? this.isHeadUnwritten(finding.offset) : finding.isTorn;
      if (isTorn) return at;
    }
    return findings.length;
  }

  /**
   * What lies behind the end of the last segment. Throws `damaged` if a frame may have been there
   * that a sync covered: its hard state must not be forgotten.
   */
  leftover(number: number, offset: number): Examination['leftover'] {
    const { bytes, header, path } = this;
    if (bytes.length < this.start) throw damaged(path, bytes.length, 'the file is cut off');
    if (number < header.slots && !this.isSlotBlank(number) && !this.slots.has(number)) {
      throw damaged(path, slotOffset(number), `slot and frame ${number} are both damaged`);
    }
    if (!this.isHeadUnwritten(offset) && headAt(bytes, offset, this.salt) === null) {
      throw damaged(path, offset, `frame ${number} is damaged and its slot is empty`);
    }
    const slots: number[] = [];
    for (let behind = number; behind < header.slots; behind += 1) {
      const at = slotOffset(behind);
      if (isZero(bytes, at, at + SLOT_BYTES)) continue;
      const misplaced = slotAt(bytes, at, this.salt);
      if (misplaced !== null && misplaced.number !== behind && misplaced.number >= number) {
        throw damaged(path, at, `the slot of frame ${misplaced.number} is in a wrong place`);
      }
      slots.push(behind);
    }
    return { slots, bytes: Math.max(lastWritten(bytes) - offset, 0) };
  }
}

function next(facts: FrameFacts): { number: number; offset: number } {
  return { number: facts.number + 1, offset: facts.offset + facts.bytes };
}

/** The byte behind the last one that is not zero. */
function lastWritten(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

/**
 * Examines the bytes of a segment. `isTail` says that nothing was written after it. Throws a
 * `StorageError` with code `damaged` if the last hard state of the tail may be lost.
 */
export function examineSegment(
  bytes: Buffer,
  header: SegmentHeader,
  path: string,
  isTail: boolean,
): Examination {
  const examiner = new Examiner(bytes, header, path);
  const all = examiner.findings();
  const findings = isTail ? all.slice(0, examiner.synced(all)) : all;
  const last = findings.at(-1);
  if (last?.type === 'gap') {
    throw damaged(path, last.offset, `frame ${last.number} and its slot are both damaged`);
  }
  const end =
    last === undefined ? { number: 0, offset: bytesBeforeFrames(header) } : next(last.facts);
  const isSealed = last?.facts.kind === 'seal';
  const leftover = isTail ? examiner.leftover(end.number, end.offset) : { slots: [], bytes: 0 };
  return {
    findings,
    nextNumber: end.number,
    nextOffset: end.offset,
    isSealed,
    leftover,
  };
}
