/**
 * The pages of a SQLite file as they lie in it, for rows that no tree leads to any more. Format: section
 * 1.6 (b-tree pages) and 2.1 (records) of sqlite.org/fileformat2.html. Nothing that a page tells is
 * trusted: a page counts as a leaf only if every cell in it can be read to its end.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';

import type { SqlValue } from '../memory/database.js';

/** A text whose bytes are no UTF-8 stays bytes, as in a row. */
type RawValue = { readonly value: SqlValue; readonly isText: boolean };

export interface RawRow {
  readonly rowid: SqlValue;
  readonly values: readonly RawValue[];
}

const TABLE_LEAF = 0x0d;
const TABLE_INTERIOR = 0x05;
const INDEX_INTERIOR = 0x02;
const FILE_HEADER_BYTES = 100;
const UTF8 = 1;
/** Bytes of a leaf's header and of an interior page's. */
const LEAF_HEADER_BYTES = 8;
const INTERIOR_HEADER_BYTES = 12;

export class PageFile {
  readonly pages: number;
  readonly #descriptor: number;
  readonly #pageBytes: number;
  /** Bytes of a page without those that are reserved for extensions. */
  readonly #usableBytes: number;

  private constructor(descriptor: number, pageBytes: number, reserved: number, size: number) {
    this.#descriptor = descriptor;
    this.#pageBytes = pageBytes;
    this.#usableBytes = pageBytes - reserved;
    this.pages = Math.floor(size / pageBytes);
  }

  /** Undefined where the header makes no sense, or texts are not UTF-8. */
  static open(path: string): PageFile | undefined {
    const descriptor = openSync(path, 'r');
    const header = Buffer.alloc(FILE_HEADER_BYTES);
    readSync(descriptor, header, 0, FILE_HEADER_BYTES, 0);
    const told = header.readUInt16BE(16);
    const bytes = told === 1 ? 65_536 : told;
    const reserved = header.readUInt8(20);
    const isSound = bytes >= 512 && (bytes & (bytes - 1)) === 0 && bytes - reserved >= 480;
    if (isSound && header.readUInt32BE(56) === UTF8) {
      return new PageFile(descriptor, bytes, reserved, fstatSync(descriptor).size);
    }
    closeSync(descriptor);
    return undefined;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #read(page: number): Buffer | undefined {
    if (page < 1 || page > this.pages) return undefined;
    const bytes = Buffer.alloc(this.#pageBytes);
    const length = readSync(this.#descriptor, bytes, 0, this.#pageBytes, this.#at(page));
    return length === this.#pageBytes ? bytes.subarray(0, this.#usableBytes) : undefined;
  }

  #at(page: number): number {
    return (page - 1) * this.#pageBytes;
  }

  /** All pages of the tree under a root, as far as its interior pages can be read; itself included. */
  treeOf(root: number): Set<number> {
    const found = new Set<number>();
    const waiting = [root];
    for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
      if (page < 1 || page > this.pages || found.has(page)) continue;
      found.add(page);
      waiting.push(...this.#childrenOf(page));
    }
    return found;
  }

  #childrenOf(page: number): number[] {
    const bytes = this.#read(page);
    const start = page === 1 ? FILE_HEADER_BYTES : 0;
    const kind = bytes?.[start];
    if (bytes === undefined || (kind !== TABLE_INTERIOR && kind !== INDEX_INTERIOR)) return [];
    const cells = bytes.readUInt16BE(start + 3);
    const children = [bytes.readUInt32BE(start + 8)];
    for (let i = 0; i < cells; i += 1) {
      const place = start + INTERIOR_HEADER_BYTES + i * 2;
      if (place + 2 > bytes.length) break;
      const cell = bytes.readUInt16BE(place);
      if (cell + 4 <= bytes.length) children.push(bytes.readUInt32BE(cell));
    }
    return children;
  }

  /** Pages without content; undefined if not all of them can be told. */
  freePages(): Set<number> | undefined {
    const header = this.#read(1);
    if (header === undefined) return undefined;
    const count = header.readUInt32BE(36);
    const found = new Set<number>();
    for (let trunk = header.readUInt32BE(32); trunk !== 0;) {
      const bytes = this.#read(trunk);
      if (bytes === undefined || found.has(trunk)) return undefined;
      found.add(trunk);
      const leaves = bytes.readUInt32BE(4);
      if (leaves > (bytes.length - 8) / 4) return undefined;
      for (let i = 0; i < leaves; i += 1) found.add(bytes.readUInt32BE(8 + i * 4));
      trunk = bytes.readUInt32BE(0);
    }
    return found.size === count ? found : undefined;
  }

  /** The rows of a page of table rows; undefined if it is none or any of them cannot be read. */
  leafRows(page: number): RawRow[] | undefined {
    const bytes = this.#read(page);
    const start = page === 1 ? FILE_HEADER_BYTES : 0;
    if (bytes?.[start] !== TABLE_LEAF) return undefined;
    const cells = bytes.readUInt16BE(start + 3);
    const first = start + LEAF_HEADER_BYTES;
    if (first + cells * 2 > bytes.length) return undefined;
    const rows: RawRow[] = [];
    for (let i = 0; i < cells; i += 1) {
      const at = bytes.readUInt16BE(first + i * 2);
      const row = at < first + cells * 2 ? undefined : this.#rowAt(bytes, at);
      if (row === undefined) return undefined;
      rows.push(row);
    }
    return rows;
  }

  #rowAt(page: Buffer, at: number): RawRow | undefined {
    const length = varint(page, at);
    const rowid = length && varint(page, length.end);
    if (rowid === undefined || length === undefined) return undefined;
    const payload = this.#payload(page, rowid.end, Number(length.value));
    const values = payload && recordValues(payload);
    return values && { rowid: plain(BigInt.asIntN(64, rowid.value)), values };
  }

  /** The bytes of a record, collected from its overflow pages. */
  #payload(page: Buffer, at: number, length: number): Buffer | undefined {
    const usable = this.#usableBytes;
    if (length > this.pages * usable) return undefined;
    const most = usable - 35;
    const least = Math.floor(((usable - 12) * 32) / 255) - 23;
    const spilled = least + ((length - least) % (usable - 4));
    const local = length <= most ? length : spilled <= most ? spilled : least;
    const end = at + local;
    if (end + (local < length ? 4 : 0) > page.length) return undefined;
    const parts = [page.subarray(at, end)];
    let rest = length - local;
    for (let next = rest > 0 ? page.readUInt32BE(end) : 0; rest > 0;) {
      const bytes = this.#read(next);
      if (bytes === undefined) return undefined;
      parts.push(bytes.subarray(4, 4 + Math.min(rest, usable - 4)));
      rest -= Math.min(rest, usable - 4);
      next = bytes.readUInt32BE(0);
    }
    return Buffer.concat(parts);
  }
}

/** A number of up to 9 bytes. */
function varint(bytes: Buffer, at: number): { value: bigint; end: number } | undefined {
  let value = 0n;
  for (let i = 0; i < 9; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    if (i === 8) return { value: (value << 8n) | BigInt(byte), end: at + 9 };
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

function recordValues(record: Buffer): RawValue[] | undefined {
  const header = varint(record, 0);
  if (header === undefined || header.value > BigInt(record.length)) return undefined;
  const bodyStart = Number(header.value);
  const values: RawValue[] = [];
  let at = bodyStart;
  for (let place = header.end; place < bodyStart;) {
    const type = varint(record, place);
    if (type === undefined) return undefined;
    place = type.end;
    const length = lengthOf(type.value);
    if (length === undefined || at + length > record.length) return undefined;
    values.push(valueOf(Number(type.value), record.subarray(at, at + length)));
    at += length;
  }
  return at === record.length ? values : undefined;
}

function lengthOf(type: bigint): number | undefined {
  if (type >= 12n) return type > 2n ** 40n ? undefined : Math.floor((Number(type) - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, undefined, undefined][Number(type)];
}

function valueOf(type: number, bytes: Buffer): RawValue {
  if (type === 0) return { value: null, isText: false };
  if (type === 8 || type === 9) return { value: type - 8, isText: false };
  if (type === 7) return { value: bytes.readDoubleBE(0), isText: false };
  if (type <= 6) {
    const integer = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
    return { value: plain(integer), isText: false };
  }
  const isText = type % 2 === 1;
  const value = isText && isUtf8(bytes) ? bytes.toString() : Uint8Array.from(bytes);
  return { value, isText };
}

function plain(value: bigint): SqlValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
