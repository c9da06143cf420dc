import { Http3Error } from '../http3-error.js';
import {
  FIELD_SECTION_BYTES_MAX,
  HEADERS_FRAME_BYTES_MAX,
  QPACK_ANSWER_BYTES_MAX,
} from '../limits.js';
import { concat, copyOf } from '../bytes.js';
import { DynamicTable, ENTRY_OVERHEAD_BYTES, fieldBytes } from './dynamic-table.js';
import { InstructionBuffer } from './instruction-buffer.js';
import { PrimitiveReader, encodeInteger } from './primitives.js';
import { STATIC_TABLE, type Field } from './static-table.js';

/** What our SETTINGS promise the peer's encoder (RFC 9204 5). */
export interface DecoderOptions {
  readonly tableBytesMax: number;
  readonly blockedStreamsMax: number;
}

/** A section that waited for the encoder stream. */
export interface UnblockedSection {
  readonly streamId: number;
  readonly fields: readonly Field[];
}

interface BlockedSection {
  readonly streamId: number;
  readonly bytes: Uint8Array;
  readonly requiredInsertCount: number;
}

/**
 * Decodes field sections (RFC 9204). Pure: bytes in, fields and bytes for the decoder stream out.
 * Throws `Http3Error` with the code for the connection; it is of no use afterwards.
 *
 *   section --refers to entries not here yet--> blocked --instructions--> fields
 *      |                                           |
 *      +--> fields                                 +-- cancel --> forgotten
 */
export class QpackDecoder {
  readonly #options: DecoderOptions;
  readonly #table = new DynamicTable();
  readonly #instructions = new InstructionBuffer('qpack-encoder-stream-error');
  #blocked: BlockedSection[] = [];
  #answers: Uint8Array[] = [];
  #answerBytes = 0;
  /** Insertions that the peer knows that we have. */
  #toldInsertCount = 0;

  constructor(options: DecoderOptions) {
    this.#options = options;
  }

  get blockedCount(): number {
    return this.#blocked.length;
  }

  /** Bytes from the encoder stream of the peer; gives the sections that can be read now. */
  receiveInstructions(bytes: Uint8Array): UnblockedSection[] {
    this.#instructions.receive(bytes, (reader) => this.#readInstruction(reader));
    const unblocked: UnblockedSection[] = [];
    const waiting: BlockedSection[] = [];
    for (const section of this.#blocked) {
      if (section.requiredInsertCount > this.#table.insertCount) waiting.push(section);
      else unblocked.push({ streamId: section.streamId, fields: this.#decodeNow(section) });
    }
    this.#blocked = waiting;
    return unblocked;
  }

  /**
   * The fields of a section of stream `streamId`, or undefined when it has to wait: then
   * `receiveInstructions` will give them. A stream waits with one section at a time.
   */
  decode(streamId: number, bytes: Uint8Array): readonly Field[] | undefined {
    const { requiredInsertCount } = this.#readPrefix(this.#reader(bytes));
    const section = { streamId, bytes, requiredInsertCount };
    if (requiredInsertCount <= this.#table.insertCount) return this.#decodeNow(section);
    // RFC 9204 2.1.2.
    if (this.#blocked.length >= this.#options.blockedStreamsMax) {
      throw new Http3Error(
        'qpack-decompression-failed',
        `more than ${this.#options.blockedStreamsMax} streams wait for the encoder stream`,
      );
    }
    this.#blocked.push({ ...section, bytes: copyOf(bytes) });
    return undefined;
  }

  /** The stream was reset, or nobody reads it: its sections need no answer (RFC 9204 2.2.2.2). */
  cancel(streamId: number): void {
    this.#blocked = this.#blocked.filter((section) => section.streamId !== streamId);
    if (this.#options.tableBytesMax > 0) this.#answer(encodeInteger(0x40, 6, streamId));
  }

  /** Bytes for our decoder stream. */
  takeAnswers(): Uint8Array {
    // RFC 9204 4.4.3: insertions that no section acknowledged.
    const increment = this.#table.insertCount - this.#toldInsertCount;
    if (increment > 0) this.#answer(encodeInteger(0, 6, increment));
    this.#toldInsertCount = this.#table.insertCount;
    const answers = concat(...this.#answers);
    this.#answers = [];
    this.#answerBytes = 0;
    return answers;
  }

  #answer(bytes: Uint8Array): void {
    this.#answerBytes += bytes.length;
    if (this.#answerBytes > QPACK_ANSWER_BYTES_MAX) {
      throw new Http3Error('excessive-load', 'the peer does not read the decoder stream');
    }
    this.#answers.push(bytes);
  }

  /** RFC 9204 4.3. */
  #readInstruction(reader: PrimitiveReader): boolean {
    const first = reader.peek() ?? 0;
    if (first >= 0x80) {
      const index = reader.integer(6);
      if (index === undefined) return false;
      const [name] = this.#tableField(reader, (first & 0x40) !== 0, index);
      const value = reader.string(7);
      if (value === undefined) return false;
      this.#insert([name, value]);
      return true;
    }
    if (first >= 0x40) {
      const name = reader.string(5);
      const value = name === undefined ? undefined : reader.string(7);
      if (name === undefined || value === undefined) return false;
      this.#insert([name, value]);
      return true;
    }
    const number = reader.integer(5);
    if (number === undefined) return false;
    if (first >= 0x20) this.#setCapacity(number);
    else this.#insert(this.#tableField(reader, false, number));
    return true;
  }

  #setCapacity(bytes: number): void {
    const { tableBytesMax } = this.#options;
    if (bytes > tableBytesMax) {
      throw new Http3Error(
        'qpack-encoder-stream-error',
        `a table of ${bytes} bytes; at most ${tableBytesMax} are allowed`,
      );
    }
    this.#table.setCapacity(bytes);
  }

  #insert(field: Field): void {
    if (this.#table.insert(field)) return;
    throw new Http3Error(
      'qpack-encoder-stream-error',
      `an entry of ${fieldBytes(field)} bytes for a table of ${this.#table.capacityBytes}`,
    );
  }

  /** An entry by the relative index of an instruction (RFC 9204 3.2.5). */
  #tableField(reader: PrimitiveReader, isStatic: boolean, index: number): Field {
    const field = isStatic
      ? STATIC_TABLE[index]
      : this.#table.get(this.#table.insertCount - 1 - index);
    if (field === undefined) throw reader.error(`there is no entry ${index}`);
    return field;
  }

  #reader(bytes: Uint8Array): PrimitiveReader {
    return new PrimitiveReader(bytes, 'qpack-decompression-failed', HEADERS_FRAME_BYTES_MAX);
  }

  /** RFC 9204 4.5.1. */
  #readPrefix(reader: PrimitiveReader): { requiredInsertCount: number; base: number } {
    const encoded = whole(reader, reader.integer(8));
    const isNegative = ((reader.peek() ?? 0) & 0x80) !== 0;
    const delta = whole(reader, reader.integer(7));
    const requiredInsertCount = this.#requiredInsertCount(reader, encoded);
    const base = isNegative ? requiredInsertCount - delta - 1 : requiredInsertCount + delta;
    if (base < 0) throw reader.error('the base of a section is below zero');
    return { requiredInsertCount, base };
  }

  /** RFC 9204 4.5.1.1. */
  #requiredInsertCount(reader: PrimitiveReader, encoded: number): number {
    if (encoded === 0) return 0;
    const entriesMax = Math.floor(this.#options.tableBytesMax / ENTRY_OVERHEAD_BYTES);
    const fullRange = 2 * entriesMax;
    if (encoded > fullRange) throw reader.error('the required insert count is out of range');
    const valueMax = this.#table.insertCount + entriesMax;
    let count = Math.floor(valueMax / fullRange) * fullRange + encoded - 1;
    if (count > valueMax) {
      if (count <= fullRange) throw reader.error('the required insert count is out of range');
      count -= fullRange;
    }
    if (count === 0) throw reader.error('the required insert count is zero in a long form');
    return count;
  }

  #decodeNow(section: BlockedSection): readonly Field[] {
    const reader = this.#reader(section.bytes);
    const { requiredInsertCount, base } = this.#readPrefix(reader);
    const fields: Field[] = [];
    let bytes = 0;
    while (!reader.isAtEnd) {
      const field = this.#readLine(reader, requiredInsertCount, base);
      bytes += fieldBytes(field);
      if (bytes > FIELD_SECTION_BYTES_MAX) {
        throw new Http3Error(
          'excessive-load',
          `fields of more than ${FIELD_SECTION_BYTES_MAX} bytes, which SETTINGS forbid`,
        );
      }
      fields.push(field);
    }
    if (requiredInsertCount > 0) {
      // RFC 9204 4.4.1.
      this.#answer(encodeInteger(0x80, 7, section.streamId));
      this.#toldInsertCount = Math.max(this.#toldInsertCount, requiredInsertCount);
    }
    return fields;
  }

  /** RFC 9204 4.5.2 to 4.5.6. */
  #readLine(reader: PrimitiveReader, requiredInsertCount: number, base: number): Field {
    const dynamic = (absoluteIndex: number): Field => {
      const field =
        absoluteIndex < requiredInsertCount ? this.#table.get(absoluteIndex) : undefined;
      if (field === undefined) throw reader.error(`there is no entry ${absoluteIndex} to refer to`);
      return field;
    };
    const fixed = (index: number): Field => {
      const field = STATIC_TABLE[index];
      if (field === undefined) throw reader.error(`there is no entry ${index} in the static table`);
      return field;
    };
    const first = reader.peek() ?? 0;
    if (first >= 0x80) {
      const index = whole(reader, reader.integer(6));
      return (first & 0x40) === 0 ? dynamic(base - 1 - index) : fixed(index);
    }
    if (first >= 0x40) {
      const index = whole(reader, reader.integer(4));
      const [name] = (first & 0x10) === 0 ? dynamic(base - 1 - index) : fixed(index);
      return [name, whole(reader, reader.string(7))];
    }
    if (first >= 0x20) {
      const name = whole(reader, reader.string(3));
      return [name, whole(reader, reader.string(7))];
    }
    if (first >= 0x10) return dynamic(base + whole(reader, reader.integer(4)));
    const [name] = dynamic(base + whole(reader, reader.integer(3)));
    return [name, whole(reader, reader.string(7))];
  }
}

/** A section comes whole, so that what is missing is an error. */
function whole<T>(reader: PrimitiveReader, value: T | undefined): T {
  if (value === undefined) throw reader.error('a section ends too early');
  return value;
}
