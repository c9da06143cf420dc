/**
 * Range-based set reconciliation (Aljoscha Meyer, "Range-Based Set Reconciliation", SRDS 2023): two
 * peers find what each lacks of the set of the other. They compare fingerprints of ranges; of a range
 * that differs the parts are compared, down to ranges of a few items, which are listed. The bytes are
 * in proportion to the differences and to the logarithm of the size.
 *
 *     initiator                               responder
 *       start() ------- fingerprints ----------> answer()
 *       take()  <------ fingerprints, lists -----
 *       ... until take() has no message left
 *
 * A message, version 1: version u8, then ranges that follow one another from the least id on; behind
 * the last one, nothing is to be said. A range: bound, then mode u8: 0 the parts before are settled,
 * 1 fingerprint (count, 32 bytes), 2 list (count, ids). A bound is length + 1 of a prefix of an id,
 * which the range ends before, and the prefix; or 0: the range has no end.
 */
import { ByteReader, ByteWriter } from '../../varint.js';
import { badEncoding } from '../error.js';
import { type Fingerprint, ITEM_ID_BYTES, type ItemSet, isSame } from './item-set.js';

const VERSION = 1;
const SETTLED = 0;
const FINGERPRINT = 1;
const LIST = 2;
/** A range that differs is divided into so many. */
const PARTS = 16;
/** Ranges of fewer items are listed: that takes less than comparing their parts. */
const LISTED_ITEMS_MAX = 2 * PARTS;
/** Bytes of one message unless named; what does not fit follows in the next round. */
const MESSAGE_BYTES_USUAL = 64 * 1024;
const MESSAGE_BYTES_MIN = 4 * 1024;
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** What a message of the responder tells the initiator. */
export interface Found {
  /** The next message for the responder; null when both sets are known to be the same but for this. */
  readonly message: Uint8Array | null;
  /** Ids that only this side has. */
  readonly here: readonly string[];
  /** Ids that only the responder has. */
  readonly there: readonly string[];
}

/** One side of a reconciliation. The set may change meanwhile: what is missed then is found next time. */
export class Reconciler {
  readonly #set: ItemSet;
  readonly #bytesMax: number;

  constructor(set: ItemSet, messageBytesMax: number = MESSAGE_BYTES_USUAL) {
    this.#set = set;
    this.#bytesMax = Math.max(messageBytesMax, MESSAGE_BYTES_MIN);
  }

  /** The first message of the initiator. */
  start(): Uint8Array {
    const out = new Ranges(this.#set, this.#bytesMax);
    out.compare('', null);
    return out.done();
  }

  /** The responder's answer. Throws `CrdtError` `bad-encoding`. */
  answer(message: Uint8Array): Uint8Array {
    const out = new Ranges(this.#set, this.#bytesMax);
    for (const { lower, upper, fingerprint, ids } of readRanges(message)) {
      if (fingerprint !== undefined && !isSame(fingerprint, this.#set.fingerprint(lower, upper))) {
        out.compare(lower, upper);
      } else if (ids !== undefined) out.list(lower, upper);
      else out.settle(upper);
      if (out.isFull) break;
    }
    return out.done();
  }

  /** What the initiator learns of an answer. Throws `CrdtError` `bad-encoding`. */
  take(message: Uint8Array): Found {
    const out = new Ranges(this.#set, this.#bytesMax);
    const here: string[] = [];
    const there: string[] = [];
    for (const { lower, upper, fingerprint, ids } of readRanges(message)) {
      if (out.isFull) break;
      if (fingerprint !== undefined && !isSame(fingerprint, this.#set.fingerprint(lower, upper))) {
        out.compare(lower, upper);
        continue;
      }
      out.settle(upper);
      if (ids === undefined) continue;
      const theirs = new Set(ids);
      for (const id of ids) if (!this.#set.has(id)) there.push(id);
      for (const id of this.#set.ids(lower, upper)) if (!theirs.has(id)) here.push(id);
    }
    return { message: out.isEmpty ? null : out.done(), here, there };
  }
}

/** A message that is being written. Ranges are added in order; settled ones are written when needed. */
class Ranges {
  readonly #writer = new ByteWriter();
  readonly #set: ItemSet;
  readonly #bytesMax: number;
  /** Up to here all is settled that is not written; undefined: nothing is owed. */
  #settledTo: string | undefined;
  #isRestWritten = false;

  constructor(set: ItemSet, bytesMax: number) {
    this.#set = set;
    this.#bytesMax = bytesMax;
    this.#writer.u8(VERSION);
  }

  get isFull(): boolean {
    return this.#isRestWritten;
  }

  get isEmpty(): boolean {
    return this.#writer.length === 1;
  }

  settle(upper: string | null): void {
    // What is settled to the end needs no word.
    this.#settledTo = upper ?? undefined;
  }

  /** Fingerprints of the parts of a range, or its items if they are few. */
  compare(lower: string, upper: string | null): void {
    const { count } = this.#set.fingerprint(lower, upper);
    if (count < LISTED_ITEMS_MAX) {
      this.list(lower, upper);
      return;
    }
    let from = lower;
    for (let part = 1; part <= PARTS; part += 1) {
      const size = Math.floor((count * part) / PARTS) - Math.floor((count * (part - 1)) / PARTS);
      const to = part === PARTS ? upper : this.#boundBehind(from, size);
      this.#fingerprint(from, to);
      if (to === null || this.#isRestWritten) return;
      from = to;
    }
  }

  /** The items of a range; what is too much for a message becomes the fingerprint of the rest. */
  list(lower: string, upper: string | null): void {
    if (this.#writeRestIfFull(lower)) return;
    const room = Math.floor((this.#bytesMax - this.#writer.length) / ITEM_ID_BYTES);
    const ids: string[] = [];
    let end = upper;
    for (const id of this.#set.ids(lower, upper)) {
      if (ids.length >= Math.max(1, room)) {
        end = id;
        break;
      }
      ids.push(id);
    }
    this.#begin(end, LIST);
    this.#writer.varint(ids.length);
    for (const id of ids) this.#raw(id);
    if (end !== upper && end !== null) this.#writeRest(end);
  }

  done(): Uint8Array {
    return this.#writer.done();
  }

  /** The shortest text that parts the last of `size` items behind `from` from the next one. */
  #boundBehind(from: string, size: number): string | null {
    const last = this.#set.idAt(from, size - 1);
    const next = this.#set.idAt(from, size);
    if (last === undefined || next === undefined) return null;
    let shared = 0;
    while (last[shared] === next[shared]) shared += 1;
    return next.slice(0, shared + 1);
  }

  #fingerprint(lower: string, upper: string | null): void {
    if (this.#writeRestIfFull(lower)) return;
    this.#writeFingerprint(lower, upper);
  }

  #writeRestIfFull(lower: string): boolean {
    if (this.#writer.length < this.#bytesMax) return false;
    this.#writeRest(lower);
    return true;
  }

  /** One fingerprint of all that is not said: the next round goes on there. */
  #writeRest(lower: string): void {
    if (this.#isRestWritten) return;
    this.#isRestWritten = true;
    this.#writeFingerprint(lower, null);
  }

  #writeFingerprint(lower: string, upper: string | null): void {
    this.#begin(upper, FINGERPRINT);
    const { count, sum } = this.#set.fingerprint(lower, upper);
    this.#writer.varint(count);
    for (const limb of sum) {
      for (let shift = 0; shift < 32; shift += 8) this.#writer.u8((limb >>> shift) & 0xff);
    }
  }

  #begin(upper: string | null, mode: number): void {
    if (this.#settledTo !== undefined) {
      this.#bound(this.#settledTo);
      this.#writer.u8(SETTLED);
      this.#settledTo = undefined;
    }
    this.#bound(upper);
    this.#writer.u8(mode);
  }

  #bound(bound: string | null): void {
    this.#writer.varint(bound === null ? 0 : bound.length + 1);
    if (bound !== null) this.#raw(bound);
  }

  #raw(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.#writer.u8(text.charCodeAt(at));
  }
}

interface Range {
  readonly lower: string;
  readonly upper: string | null;
  readonly fingerprint?: Fingerprint;
  readonly ids?: readonly string[];
}

function* readRanges(message: Uint8Array): IterableIterator<Range> {
  if (message.length > MESSAGE_BYTES_MAX) throw badEncoding('a message is too long');
  const reader = new ByteReader(message, badEncoding);
  const version = reader.u8();
  if (version !== VERSION) throw badEncoding(`format ${version} is not known, only ${VERSION}`);
  let lower: string | null = '';
  while (reader.left > 0) {
    if (lower === null) throw badEncoding('a range begins behind the end');
    const upper = readBound(reader);
    if (upper !== null && upper <= lower) throw badEncoding('ranges are not in order');
    const mode = reader.u8();
    if (mode === FINGERPRINT) yield { lower, upper, fingerprint: readFingerprint(reader) };
    else if (mode === LIST) yield { lower, upper, ids: readList(reader, lower, upper) };
    else if (mode === SETTLED) yield { lower, upper };
    else throw badEncoding(`a range has the mode ${mode}`);
    lower = upper;
  }
}

function readBound(reader: ByteReader): string | null {
  const length = reader.varint() - 1;
  if (length < 0) return null;
  if (length > ITEM_ID_BYTES) throw badEncoding('a bound is longer than an id');
  return String.fromCharCode(...reader.raw(length));
}

function readFingerprint(reader: ByteReader): Fingerprint {
  const count = reader.varint();
  const bytes = reader.raw(ITEM_ID_BYTES).slice();
  const view = new DataView(bytes.buffer);
  const sum = Uint32Array.from({ length: ITEM_ID_BYTES / 4 }, (_, at) =>
    view.getUint32(at * 4, true),
  );
  return { count, sum };
}

function readList(reader: ByteReader, lower: string, upper: string | null): string[] {
  const count = reader.varint();
  if (count * ITEM_ID_BYTES > reader.left) throw badEncoding('a list is longer than its message');
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = String.fromCharCode(...reader.raw(ITEM_ID_BYTES));
    const isAfter = at === 0 ? id >= lower : id > ids[at - 1]!;
    if (!isAfter || (upper !== null && id >= upper)) throw badEncoding('a list leaves its range');
    ids.push(id);
  }
  return ids;
}
