/** Values of v1 rows as texts, JSON and times. */
import { gunzipSync } from 'node:zlib';

import type { JsonObject, JsonValue } from '../../../memory/engine.js';
import { type Row, TEXT_BYTES_KEY, textOf } from '../../../memory/exact-row.js';
import { TIMESTAMP_MAX_MS } from '../../../memory/limits.js';
import { instantMs } from '../../../memory/v1-pattern.js';
import { JSON_DEPTH_MAX, UNPACKED_BYTES_MAX } from '../limits.js';

const PACKED = '__compressed__';

/** A text as v1 means it: its hive puts `__compressed__` before the base64 of JSON, or of its gzip. */
export function unpacked(text: string): string {
  if (!text.startsWith(PACKED)) return text;
  const base64 = text.slice(PACKED.length);
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(base64)) return text;
  let bytes: Buffer = Buffer.from(base64, 'base64');
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
    } catch {
      return text;
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return text;
  }
}

/** The value of a JSON text; the text itself where it is none, or nested too deep to be handed on. */
export function parsed(text: string): JsonValue {
  if (text === '' || isDeep(text)) return text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** An object of a JSON text; undefined for anything else. */
export function parsedObject(text: string): JsonObject | undefined {
  const value = parsed(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : undefined;
}

/** Whether brackets nest deeper than what writes and copies JSON can be trusted with. */
export function isDeep(text: string): boolean {
  if (text.length < 2 * JSON_DEPTH_MAX) return false;
  let depth = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isText) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) isText = false;
    } else if (code === 0x22) isText = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > JSON_DEPTH_MAX) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

/** Milliseconds since 1970; undefined for what is no time that a store can hold. */
export function timeOf(value: Row[string] | undefined): number | undefined {
  if (value === undefined || value === null || value instanceof Uint8Array) return undefined;
  const ms = instantMs(typeof value === 'bigint' ? String(value) : value);
  return ms !== undefined && ms >= 0 && ms <= TIMESTAMP_MAX_MS ? ms : undefined;
}

/** Text columns whose bytes are no UTF-8. */
export function brokenTexts(row: Row): ReadonlySet<string> {
  const listed = row[TEXT_BYTES_KEY];
  return new Set(typeof listed === 'string' ? listed.split(',') : []);
}

/** The columns of a row as metadata, but for some of them. Binary values stay in the archive. */
export function metadataOf(
  row: Row,
  { without, json, packed }: Record<'without' | 'json' | 'packed', ReadonlySet<string>>,
): JsonObject {
  const broken = brokenTexts(row);
  const entries: [string, JsonValue][] = [];
  for (const [column, value] of Object.entries(row)) {
    if (column === TEXT_BYTES_KEY || without.has(column)) continue;
    if (value instanceof Uint8Array) {
      if (broken.has(column)) entries.push([column, textOf(value)]);
    } else if (typeof value === 'string') {
      const text = packed.has(column) ? unpacked(value) : value;
      entries.push([column, json.has(column) ? parsed(text) : text]);
    } else {
      entries.push([column, plain(value)]);
    }
  }
  // Not assigned one by one: a column may be named `__proto__`.
  return Object.fromEntries(entries);
}

/** A number that JSON has no spelling for becomes a text. */
function plain(value: number | bigint | null): JsonValue {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** The column as a line of the content; empty where there is none. */
export function lineOf(row: Row, column: string, packed: ReadonlySet<string>): string {
  const value = row[column];
  if (value === undefined || value === null) return '';
  const text = textOf(value);
  return packed.has(column) ? unpacked(text) : text;
}
