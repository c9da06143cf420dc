/**
 * The file of one document: a snapshot, then what was added since.
 *
 *     header   "AFydoc1\n", bytes of the name u32, name in UTF-8, crc32 u32 of all before
 *     frame    bytes of the body u32, crc32 u32 of length and body; body: records
 *     record   kind u8 (1 update, 2 rights as JSON), bytes u32, bytes
 *
 * Integers are little-endian. A frame is written by one write and one fdatasync, and the next one only
 * after that: a frame that is not whole can only be the last, was never acknowledged, and is cut off.
 */
import { crc32 } from 'node:zlib';
import { DocumentError } from './error.js';

const MAGIC = Buffer.from('AFydoc1\n', 'latin1');
const HEAD_BYTES = 8;
const RECORD_HEAD_BYTES = 5;
const KINDS = { update: 1, rights: 2 } as const;

/** One thing that happened to a document. */
export interface FileRecord {
  readonly kind: keyof typeof KINDS;
  readonly bytes: Uint8Array;
}

export interface FileContent {
  readonly name: string;
  readonly records: readonly FileRecord[];
  /** Bytes that are whole: what follows is to be cut off. */
  readonly bytes: number;
}

export function encodeHeader(name: string): Buffer {
  const text = Buffer.from(name, 'utf8');
  const header = Buffer.alloc(MAGIC.length + 4 + text.length + 4);
  MAGIC.copy(header);
  header.writeUInt32LE(text.length, MAGIC.length);
  text.copy(header, MAGIC.length + 4);
  const end = header.length - 4;
  header.writeUInt32LE(crc32(header.subarray(0, end)), end);
  return header;
}

export function encodeFrame(records: readonly FileRecord[]): Buffer {
  const size = records.reduce((sum, { bytes }) => sum + RECORD_HEAD_BYTES + bytes.length, 0);
  const frame = Buffer.alloc(HEAD_BYTES + size);
  frame.writeUInt32LE(size, 0);
  let at = HEAD_BYTES;
  for (const { kind, bytes } of records) {
    frame.writeUInt8(KINDS[kind], at);
    frame.writeUInt32LE(bytes.length, at + 1);
    frame.set(bytes, at + RECORD_HEAD_BYTES);
    at += RECORD_HEAD_BYTES + bytes.length;
  }
  frame.writeUInt32LE(checksum(frame), 4);
  return frame;
}

/** Throws `DocumentError` `damaged`; `path` is for its message. */
export function decodeFile(file: Buffer, path: string): FileContent {
  const { name, end } = readHeader(file, path);
  const records: FileRecord[] = [];
  let at = end;
  while (at < file.length) {
    const frame = frameAt(file, at);
    if (frame === undefined) break;
    readRecords(frame.subarray(HEAD_BYTES), records, path);
    at += frame.length;
  }
  // What follows a frame that was never finished is nothing: the next one waits for its sync.
  if (at < file.length && hasFrameBehind(file, at)) throw damaged(path, `at byte ${at}`);
  return { name, records, bytes: at };
}

/** The name in the header of a file, of which at least the header is given. Throws `damaged`. */
export function decodeHeaderName(bytes: Buffer, path: string): string {
  return readHeader(bytes, path).name;
}

function readHeader(file: Buffer, path: string): { readonly name: string; readonly end: number } {
  const version = file.subarray(0, MAGIC.length);
  if (!version.equals(MAGIC)) {
    const isLater = version.subarray(0, 6).equals(MAGIC.subarray(0, 6));
    throw damaged(path, isLater ? 'a newer release wrote it' : 'it is no file of a document');
  }
  const bytes = file.length < MAGIC.length + 4 ? Infinity : file.readUInt32LE(MAGIC.length);
  const nameEnd = MAGIC.length + 4 + bytes;
  const isWhole = nameEnd + 4 <= file.length;
  if (!isWhole || crc32(file.subarray(0, nameEnd)) !== file.readUInt32LE(nameEnd)) {
    throw damaged(path, 'in its header');
  }
  return { name: file.toString('utf8', MAGIC.length + 4, nameEnd), end: nameEnd + 4 };
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

function readRecords(body: Buffer, records: FileRecord[], path: string): void {
  for (let at = 0; at < body.length;) {
    const isThere = at + RECORD_HEAD_BYTES <= body.length;
    const end = isThere ? at + RECORD_HEAD_BYTES + body.readUInt32LE(at + 1) : Infinity;
    const code = body[at];
    const kind = code === KINDS.update ? 'update' : code === KINDS.rights ? 'rights' : undefined;
    if (end > body.length || kind === undefined) throw damaged(path, 'in a record');
    // A copy: the whole file would stay in memory otherwise.
    records.push({ kind, bytes: new Uint8Array(body.subarray(at + RECORD_HEAD_BYTES, end)) });
    at = end;
  }
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(HEAD_BYTES), crc32(frame.subarray(0, 4)));
}

function damaged(path: string, where: string): DocumentError {
  return new DocumentError(
    'damaged',
    `the file ${path} is damaged (${where}); move it away, and the document comes back from the ` +
      'other members, or restore it. Nothing was changed',
  );
}
