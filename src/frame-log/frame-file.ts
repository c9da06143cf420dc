/**
 * A file that is a snapshot, then what was added since.
 *
 *     header   magic of the format (8 bytes, the seventh its version), bytes of the name u32, name in
 *              UTF-8, crc32 u32 of all before
 *     frame    bytes of the body u32, crc32 u32 of length and body; body: records
 *     record   kind u8, bytes u32, bytes
 *
 * Integers are little-endian. A frame is written by one write and one fdatasync, and the next one only
 * after that: a frame that is not whole can only be the last, was never acknowledged, and is cut off.
 */
import { crc32 } from 'node:zlib';

const HEAD_BYTES = 8;
const RECORD_HEAD_BYTES = 5;
/** Of the magic: what names the format, whatever its version. */
const FAMILY_BYTES = 6;

/** What a kind of file is. */
export interface FrameFormat<Kind extends string> {
  /** 8 characters of ASCII: 6 of the format, the digit of its version, a line feed. */
  readonly magic: string;
  /** Numbers of the kinds of records. */
  readonly kinds: Readonly<Record<Kind, number>>;
  /** What one file holds, for sentences: `a document`. */
  readonly what: string;
  /** What to do about a file that is damaged, for a sentence. */
  readonly remedy: string;
  /** A file that is longer was not written here. */
  readonly bytesMax: number;
  /** Bytes behind a snapshot from which on the next one is made, at least. */
  readonly compactionBytesMin: number;
  fail(code: FrameFailure, sentence: string, cause?: unknown): Error;
  /** Whether `fail` made this error. */
  isOwn(error: unknown): error is Error;
}

type FrameFailure =
  /** The file is not what was written. */
  | 'damaged'
  /** The system does not write or read. */
  | 'disk'
  | 'closed';

/** One thing that happened. */
export interface FrameRecord<Kind extends string> {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
}

export interface FileContent<Kind extends string> {
  readonly name: string;
  readonly records: readonly FrameRecord<Kind>[];
  /** Bytes that are whole: what follows is to be cut off. */
  readonly bytes: number;
}

/** Reads and writes the bytes of one format. */
export class FrameFile<Kind extends string> {
  readonly format: FrameFormat<Kind>;
  readonly #magic: Buffer;
  readonly #kindOf: ReadonlyMap<number, Kind>;

  constructor(format: FrameFormat<Kind>) {
    this.format = format;
    this.#magic = Buffer.from(format.magic, 'latin1');
    const kinds = Object.entries(format.kinds) as [Kind, number][];
    this.#kindOf = new Map(kinds.map(([kind, code]) => [code, kind]));
  }

  encodeHeader(name: string): Buffer {
    const text = Buffer.from(name, 'utf8');
    const magic = this.#magic;
    const header = Buffer.alloc(magic.length + 4 + text.length + 4);
    magic.copy(header);
    header.writeUInt32LE(text.length, magic.length);
    text.copy(header, magic.length + 4);
    const end = header.length - 4;
    header.writeUInt32LE(crc32(header.subarray(0, end)), end);
    return header;
  }

  encodeFrame(records: readonly FrameRecord<Kind>[]): Buffer {
    const size = records.reduce((sum, { bytes }) => sum + RECORD_HEAD_BYTES + bytes.length, 0);
    const frame = Buffer.alloc(HEAD_BYTES + size);
    frame.writeUInt32LE(size, 0);
    let at = HEAD_BYTES;
    for (const { kind, bytes } of records) {
      frame.writeUInt8(this.format.kinds[kind], at);
      frame.writeUInt32LE(bytes.length, at + 1);
      frame.set(bytes, at + RECORD_HEAD_BYTES);
      at += RECORD_HEAD_BYTES + bytes.length;
    }
    frame.writeUInt32LE(checksum(frame), 4);
    return frame;
  }

  /** Throws `damaged` of the format; `path` is for its message. */
  decode(file: Buffer, path: string): FileContent<Kind> {
    const { name, end } = this.#readHeader(file, path);
    const records: FrameRecord<Kind>[] = [];
    let at = end;
    while (at < file.length) {
      const frame = frameAt(file, at);
      if (frame === undefined) break;
      this.#readRecords(frame.subarray(HEAD_BYTES), records, path);
      at += frame.length;
    }
    // What follows a frame that was never finished is nothing: the next one waits for its sync.
    if (at < file.length && hasFrameBehind(file, at)) throw this.#damaged(path, `at byte ${at}`);
    return { name, records, bytes: at };
  }

  /** The name in the header of a file, of which at least the header is given. Throws `damaged`. */
  decodeName(bytes: Buffer, path: string): string {
    return this.#readHeader(bytes, path).name;
  }

  #readHeader(file: Buffer, path: string): { readonly name: string; readonly end: number } {
    const start = this.#magic.length;
    const magic = file.subarray(0, start);
    if (!magic.equals(this.#magic)) {
      const family = this.#magic.subarray(0, FAMILY_BYTES);
      const isLater = magic.subarray(0, FAMILY_BYTES).equals(family);
      const other = `it is no file of ${this.format.what}`;
      throw this.#damaged(path, isLater ? 'a newer release wrote it' : other);
    }
    const bytes = file.length < start + 4 ? Infinity : file.readUInt32LE(start);
    const nameEnd = start + 4 + bytes;
    const isWhole = nameEnd + 4 <= file.length;
    if (!isWhole || crc32(file.subarray(0, nameEnd)) !== file.readUInt32LE(nameEnd)) {
      throw this.#damaged(path, 'in its header');
    }
    return { name: file.toString('utf8', start + 4, nameEnd), end: nameEnd + 4 };
  }

  #readRecords(body: Buffer, records: FrameRecord<Kind>[], path: string): void {
    for (let at = 0; at < body.length;) {
      const isThere = at + RECORD_HEAD_BYTES <= body.length;
      const end = isThere ? at + RECORD_HEAD_BYTES + body.readUInt32LE(at + 1) : Infinity;
      const kind = this.#kindOf.get(body[at] ?? -1);
      if (end > body.length || kind === undefined) throw this.#damaged(path, 'in a record');
      // A copy: the whole file would stay in memory otherwise.
      records.push({ kind, bytes: new Uint8Array(body.subarray(at + RECORD_HEAD_BYTES, end)) });
      at = end;
    }
  }

  #damaged(path: string, where: string): Error {
    const { remedy } = this.format;
    return this.format.fail(
      'damaged',
      `the file ${path} is damaged (${where}); ${remedy}. Nothing was changed`,
    );
  }
}

function frameAt(file: Buffer, at: number): Buffer | undefined {
  if (at + HEAD_BYTES > file.length) return undefined;
  const end = at + HEAD_BYTES + file.readUInt32LE(at);
  if (end > file.length || end === at + HEAD_BYTES) return undefined;
  const frame = file.subarray(at, end);
  return checksum(frame) === frame.readUInt32LE(4) ? frame : undefined;
}

/** Whether the frame at `at` is damaged and not merely unfinished: a whole one follows it. */
function hasFrameBehind(file: Buffer, at: number): boolean {
  if (at + HEAD_BYTES > file.length) return false;
  const next = at + HEAD_BYTES + file.readUInt32LE(at);
  return next < file.length && frameAt(file, next) !== undefined;
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(HEAD_BYTES), crc32(frame.subarray(0, 4)));
}
