/**
 * Finds the parts of a JSON text by their bytes, without trusting it: a text that was cut off, or that
 * is broken inside one part, still gives its other parts. What a part holds is for `JSON.parse` to say.
 */

export interface Span {
  readonly start: number;
  /** Behind the last byte. */
  readonly end: number;
  /** False for the last part of a text that was cut off. */
  readonly isWhole: boolean;
}

export interface Member extends Span {
  readonly key: string;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Index of the first byte from `at` on that is no white space and no byte order mark. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  if (i === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) i = 3;
  while (i < bytes.length && (bytes[i] === 0x20 || isLineSpace(bytes[i]))) i += 1;
  return i;
}

function isLineSpace(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The value that starts at `at`. */
export function valueAt(bytes: Uint8Array, at: number): Span {
  let depth = 0;
  let i = at;
  while (i < bytes.length) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) {
      const end = stringEnd(bytes, i);
      if (end === undefined) return { start: at, end: bytes.length, isWhole: false };
      i = end;
      if (depth === 0) return { start: at, end: i, isWhole: true };
      continue;
    }
    if (OPENING.has(byte)) depth += 1;
    if (CLOSING.has(byte)) {
      // The end of what the value stands in.
      if (depth === 0) return { start: at, end: i, isWhole: true };
      depth -= 1;
      if (depth === 0) return { start: at, end: i + 1, isWhole: true };
    }
    if (depth === 0 && (byte === COMMA || byte === 0x20 || isLineSpace(byte))) {
      return { start: at, end: i, isWhole: true };
    }
    i += 1;
  }
  return { start: at, end: bytes.length, isWhole: false };
}

/** Behind the closing quote; undefined if there is none. */
function stringEnd(bytes: Uint8Array, start: number): number | undefined {
  for (let i = start + 1; i < bytes.length; i += 1) {
    if (bytes[i] === BACKSLASH) i += 1;
    else if (bytes[i] === QUOTE) return i + 1;
  }
  return undefined;
}

/** The elements of the array that opens at `at`; returns whether it is closed. */
export function* elementsOf(bytes: Uint8Array, at: number): Generator<Span, boolean, undefined> {
  let i = skipSpace(bytes, at + 1);
  while (i < bytes.length) {
    const byte = bytes[i] ?? 0;
    if (CLOSING.has(byte)) return true;
    if (byte !== COMMA) {
      const value = valueAt(bytes, i);
      yield value;
      i = Math.max(value.end, i + 1);
    } else i += 1;
    i = skipSpace(bytes, i);
  }
  return false;
}

/** The members of the object that opens at `at`; returns whether it is closed. */
export function* membersOf(bytes: Uint8Array, at: number): Generator<Member, boolean, undefined> {
  let i = skipSpace(bytes, at + 1);
  while (i < bytes.length) {
    const byte = bytes[i] ?? 0;
    if (CLOSING.has(byte)) return true;
    if (byte === COMMA) {
      i = skipSpace(bytes, i + 1);
      continue;
    }
    const name = valueAt(bytes, i);
    const colon = skipSpace(bytes, name.end);
    if (byte === QUOTE && colon >= bytes.length) return false;
    const isNamed = byte === QUOTE && name.isWhole && bytes[colon] === COLON;
    const start = isNamed ? skipSpace(bytes, colon + 1) : i;
    if (isNamed && start >= bytes.length) return false;
    const value = valueAt(bytes, start);
    const key = isNamed ? textAt(bytes, name) : '';
    if (isNamed || name.isWhole) yield { key, ...value };
    i = skipSpace(bytes, Math.max(value.end, i + 1));
  }
  return false;
}

function textAt(bytes: Uint8Array, span: Span): string {
  const raw = Buffer.from(bytes.subarray(span.start, span.end)).toString();
  try {
    return String(JSON.parse(raw));
  } catch {
    return raw;
  }
}
