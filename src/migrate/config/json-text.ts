/** JSON as people write it: with comments, trailing commas and line ends of any kind. */
import {
  createScanner,
  type Node,
  parseTree,
  printParseErrorCode,
  type ParseError,
} from 'jsonc-parser';

import { CONFIG_DEPTH_MAX, NESTING_DEPTH_MAX } from './limits.js';

/** Has no prototype, so that no key of a file means anything but itself. */
export interface JsonObject {
  [key: string]: Json;
}
export type Json = string | number | boolean | null | Json[] | JsonObject;

export type JsonReading =
  | {
      readonly ok: true;
      readonly value: Json;
      readonly root: Node;
      /** JSON.parse, which v1 used, would have refused it. */
      readonly lenient: boolean;
    }
  | { readonly ok: false; readonly line: number; readonly reason: string };

const OPENING = new Set([1, 3]);
const CLOSING = new Set([2, 4]);
const END_OF_FILE = 17;

/** `text` is without byte order mark. */
export function parseJson(text: string): JsonReading {
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    const reason = `more than ${NESTING_DEPTH_MAX} objects and arrays inside each other`;
    return { ok: false, line: lineOf(text, deep), reason };
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const offset = first?.offset ?? text.length;
    const what = first === undefined ? 'empty' : wordsOf(printParseErrorCode(first.error));
    const cut = text.slice(offset).trim() === '' ? ', the file ends there' : '';
    return { ok: false, line: lineOf(text, offset), reason: `it is no JSON: ${what}${cut}` };
  }
  return { ok: true, value: valueOf(root), root, lenient: !isStrict(text) };
}

/** The parser calls itself for each level, so depth is counted first, by tokens. */
function tooDeepAt(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    const token: number = scanner.scan();
    if (token === END_OF_FILE) return undefined;
    if (OPENING.has(token)) depth += 1;
    if (CLOSING.has(token)) depth -= 1;
    if (depth > NESTING_DEPTH_MAX) return scanner.getTokenOffset();
  }
}

function isStrict(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function valueOf(node: Node): Json {
  if (node.type === 'array') return (node.children ?? []).map(valueOf);
  if (node.type !== 'object') return node.value as Json;
  const value = newObject();
  for (const [key, child] of propertiesOf(node)) {
    if (key !== '__proto__') value[key] = valueOf(child);
  }
  return value;
}

/** Key and value of each property, in the order of the text. */
export function propertiesOf(node: Node): (readonly [key: string, value: Node, property: Node])[] {
  if (node.type !== 'object') return [];
  return (node.children ?? []).flatMap((property) => {
    const [key, value] = property.children ?? [];
    return key === undefined || value === undefined ? [] : [[String(key.value), value, property]];
  });
}

/** The value of a key; of a key that is there twice, the last, as with JSON.parse. */
export function memberOf(node: Node | undefined, key: string): Node | undefined {
  if (node === undefined) return undefined;
  return propertiesOf(node).findLast(([name]) => name === key)?.[1];
}

export function newObject(): JsonObject {
  return Object.create(null) as JsonObject;
}

/** A value made of objects without prototype, without `__proto__` keys; throws RangeError when too deep. */
export function cleanJson(value: unknown, depth = 0): Json {
  if (depth > CONFIG_DEPTH_MAX) {
    throw new RangeError(`more than ${CONFIG_DEPTH_MAX} objects and arrays inside each other`);
  }
  if (Array.isArray(value)) return value.map((item) => cleanJson(item, depth + 1));
  if (typeof value === 'object' && value !== null) {
    const cleaned = newObject();
    for (const [key, item] of Object.entries(value)) {
      if (key !== '__proto__') cleaned[key] = cleanJson(item, depth + 1);
    }
    return cleaned;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (['string', 'number', 'boolean'].includes(typeof value)) return value as Json;
  return value === undefined || value === null ? null : String(value);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Counted from 1. */
function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split(/\r\n|\r|\n/).length;
}

/** `CommaExpected` as `comma expected`. */
function wordsOf(code: string): string {
  return code.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}
