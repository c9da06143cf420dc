import { Http3Error } from '../http3-error.js';
import { QPACK_ENCODER_TABLE_BYTES_MAX, QPACK_SECTIONS_UNACKNOWLEDGED_MAX } from '../limits.js';
import { concat } from '../bytes.js';
import { DynamicTable, ENTRY_OVERHEAD_BYTES, fieldBytes } from './dynamic-table.js';
import { InstructionBuffer } from './instruction-buffer.js';
import { encodeInteger, encodeString, type PrimitiveReader } from './primitives.js';
import { STATIC_FIELDS, STATIC_NAMES, fieldKey, type Field } from './static-table.js';

/** Fields that nobody should be able to guess by the size of what is sent (RFC 9204 7.1.3). */
const SECRET_NAMES: ReadonlySet<string> = new Set(['authorization', 'cookie', 'set-cookie']);
/** An entry that takes more of the table than this share would push out too much. */
const ENTRY_SHARE_MAX = 0.25;

/** A section that was sent and refers to the dynamic table. */
interface SentSection {
  readonly requiredInsertCount: number;
  readonly references: readonly number[];
}

/** The field line that is sent for a field. */
type Line =
  | { readonly kind: 'static'; readonly index: number }
  | { readonly kind: 'dynamic'; readonly index: number }
  | { readonly kind: 'literal'; readonly field: Field; readonly isSecret: boolean };

/**
 * Encodes field sections (RFC 9204). Pure: fields in, bytes for the stream and for the encoder
 * stream out. The bytes of `takeInstructions` must be sent, in order; when they arrive does not
 * matter. Uses no dynamic table until `setPeerLimits`.
 */
export class QpackEncoder {
  readonly #table = new DynamicTable();
  readonly #instructions = new InstructionBuffer('qpack-decoder-stream-error');
  readonly #byField = new Map<string, number>();
  readonly #byName = new Map<string, number>();
  /** References of unacknowledged sections, by absolute index. */
  readonly #references = new Map<number, number>();
  /** Unacknowledged sections by stream, in the order they were sent. */
  readonly #sections = new Map<number, SentSection[]>();
  #sectionsCount = 0;
  #entriesMax = 0;
  #blockedStreamsMax = 0;
  #knownReceivedCount = 0;
  #out: Uint8Array[] = [];

  /** What the SETTINGS of the peer allow. At most once, before anything was inserted. */
  setPeerLimits(tableBytesMax: number, blockedStreamsMax: number): void {
    this.#entriesMax = Math.floor(tableBytesMax / ENTRY_OVERHEAD_BYTES);
    this.#blockedStreamsMax = blockedStreamsMax;
    const capacity = Math.min(tableBytesMax, QPACK_ENCODER_TABLE_BYTES_MAX);
    if (capacity < ENTRY_OVERHEAD_BYTES) return;
    this.#table.setCapacity(capacity);
    this.#out.push(encodeInteger(0x20, 5, capacity));
  }

  /** A field section of stream `streamId`. */
  encode(streamId: number, fields: readonly Field[]): Uint8Array {
    const references: number[] = [];
    const mayRefer = this.#sectionsCount < QPACK_SECTIONS_UNACKNOWLEDGED_MAX;
    const mayBlock = mayRefer && this.#mayBlock(streamId);
    const lines = fields.map((field): Line => {
      const line = this.#lineFor(field, mayRefer, mayBlock);
      if (line.kind === 'dynamic') {
        // Held from now on, so that no later insertion of this section pushes it out.
        references.push(line.index);
        this.#refer(line.index, 1);
      }
      return line;
    });
    const requiredInsertCount = references.length === 0 ? 0 : Math.max(...references) + 1;
    if (requiredInsertCount > 0) this.#remember(streamId, { requiredInsertCount, references });
    return concat(
      this.#prefix(requiredInsertCount),
      ...lines.map((line) => encodeLine(line, requiredInsertCount)),
    );
  }

  /** Bytes for our encoder stream. */
  takeInstructions(): Uint8Array {
    const out = concat(...this.#out);
    this.#out = [];
    return out;
  }

  /** Bytes from the decoder stream of the peer. Throws `Http3Error` for the connection. */
  receiveAnswers(bytes: Uint8Array): void {
    this.#instructions.receive(bytes, (reader) => this.#readAnswer(reader));
  }

  /** RFC 9204 4.4. */
  #readAnswer(reader: PrimitiveReader): boolean {
    const first = reader.peek() ?? 0;
    if (first >= 0x80) {
      const streamId = reader.integer(7);
      if (streamId !== undefined) this.#acknowledge(streamId);
      return streamId !== undefined;
    }
    const number = reader.integer(6);
    if (number === undefined) return false;
    if (first >= 0x40) this.#forget(number);
    else this.#countReceived(number);
    return true;
  }

  #acknowledge(streamId: number): void {
    const sections = this.#sections.get(streamId);
    const section = sections?.shift();
    if (sections === undefined || section === undefined) {
      throw new Http3Error(
        'qpack-decoder-stream-error',
        `stream ${streamId} has no section to acknowledge`,
      );
    }
    if (sections.length === 0) this.#sections.delete(streamId);
    this.#release(section);
    this.#knownReceivedCount = Math.max(this.#knownReceivedCount, section.requiredInsertCount);
  }

  #forget(streamId: number): void {
    for (const section of this.#sections.get(streamId) ?? []) this.#release(section);
    this.#sections.delete(streamId);
  }

  #countReceived(increment: number): void {
    this.#knownReceivedCount += increment;
    if (increment === 0 || this.#knownReceivedCount > this.#table.insertCount) {
      throw new Http3Error(
        'qpack-decoder-stream-error',
        `an increment by ${increment} of the insertions received`,
      );
    }
  }

  #remember(streamId: number, section: SentSection): void {
    const sections = this.#sections.get(streamId) ?? [];
    sections.push(section);
    this.#sections.set(streamId, sections);
    this.#sectionsCount += 1;
  }

  #release(section: SentSection): void {
    this.#sectionsCount -= 1;
    for (const index of section.references) this.#refer(index, -1);
  }

  #refer(index: number, change: number): void {
    const count = (this.#references.get(index) ?? 0) + change;
    if (count === 0) this.#references.delete(index);
    else this.#references.set(index, count);
  }

  /** RFC 9204 2.1.2: streams whose sections may have to wait at the peer. */
  #mayBlock(streamId: number): boolean {
    let blocked = 0;
    for (const [id, sections] of this.#sections) {
      const isBlocked = sections.some(
        (section) => section.requiredInsertCount > this.#knownReceivedCount,
      );
      if (isBlocked && id === streamId) return true;
      if (isBlocked) blocked += 1;
    }
    return blocked < this.#blockedStreamsMax;
  }

  #lineFor(field: Field, mayRefer: boolean, mayBlock: boolean): Line {
    const isSecret = SECRET_NAMES.has(field[0]);
    const literal = { kind: 'literal', field, isSecret } as const;
    const fixed = STATIC_FIELDS.get(fieldKey(field));
    if (fixed !== undefined) return { kind: 'static', index: fixed };
    if (isSecret || !mayRefer) return literal;
    const present = this.#byField.get(fieldKey(field));
    const index = present ?? this.#tryInsert(field);
    if (index === undefined) return literal;
    return index < this.#knownReceivedCount || mayBlock ? { kind: 'dynamic', index } : literal;
  }

  /** Absolute index of the new entry, or undefined when it is not worth it or has no room. */
  #tryInsert(field: Field): number | undefined {
    const bytes = fieldBytes(field);
    if (bytes > this.#table.capacityBytes * ENTRY_SHARE_MAX || !this.#hasRoom(bytes)) return;
    const [name, value] = field;
    const fixed = STATIC_NAMES.get(name);
    const named = this.#byName.get(name);
    const index = this.#table.insertCount;
    if (fixed !== undefined) {
      this.#out.push(encodeInteger(0xc0, 6, fixed));
    } else if (named !== undefined) {
      this.#out.push(encodeInteger(0x80, 6, index - 1 - named));
    } else {
      this.#out.push(encodeString(0x40, 5, name));
    }
    this.#out.push(encodeString(0, 7, value));
    this.#table.insert(field);
    this.#dropGone();
    this.#byField.set(fieldKey(field), index);
    this.#byName.set(name, index);
    return index;
  }

  /** RFC 9204 2.1.1: nothing may go that is referred to, or that the peer may not have yet. */
  #hasRoom(bytes: number): boolean {
    let free = this.#table.capacityBytes - this.#table.bytes;
    for (let index = this.#table.droppedCount; free < bytes; index += 1) {
      const entry = this.#table.get(index);
      if (entry === undefined) return false;
      if (this.#references.has(index) || index >= this.#knownReceivedCount) return false;
      free += fieldBytes(entry);
    }
    return true;
  }

  #dropGone(): void {
    for (const indexes of [this.#byField, this.#byName]) {
      for (const [key, index] of indexes) {
        if (index < this.#table.droppedCount) indexes.delete(key);
      }
    }
  }

  /** RFC 9204 4.5.1, with the base at the required insert count. */
  #prefix(requiredInsertCount: number): Uint8Array {
    if (requiredInsertCount === 0) return Uint8Array.of(0, 0);
    const encoded = (requiredInsertCount % (2 * this.#entriesMax)) + 1;
    return concat(encodeInteger(0, 8, encoded), Uint8Array.of(0));
  }
}

/** RFC 9204 4.5.2 to 4.5.6. */
function encodeLine(line: Line, base: number): Uint8Array {
  if (line.kind === 'static') return encodeInteger(0xc0, 6, line.index);
  if (line.kind === 'dynamic') return encodeInteger(0x80, 6, base - 1 - line.index);
  const [name, value] = line.field;
  const fixed = STATIC_NAMES.get(name);
  // The N bit: no proxy may put it into a table either.
  if (fixed === undefined) {
    const flags = line.isSecret ? 0x30 : 0x20;
    return concat(encodeString(flags, 3, name), encodeString(0, 7, value));
  }
  const flags = line.isSecret ? 0x70 : 0x50;
  return concat(encodeInteger(flags, 4, fixed), encodeString(0, 7, value));
}
