/** JSON text with its secrets masked, line for line, so that a diff of it shows the lines of the file. */
import { createScanner, type Node } from 'jsonc-parser';

import { applyEdits, type Edit } from './json-edits.js';
import { isObject, type Json, parseJson, propertiesOf } from './json-text.js';
import { perCharacterEnv } from './per-character.js';
import { MASK, maskText, maskValue } from './scrub.js';

const END_OF_FILE = 17;
const LINE_COMMENT = 12;
const BLOCK_COMMENT = 13;

/** Text that is no JSON is masked as plain text. */
export function maskJson(text: string): string {
  const reading = parseJson(text);
  if (!reading.ok) return maskText(text);
  const edits = [...maskedNodes(reading.root, reading.value, maskValue(reading.value, ''))];
  return applyEdits(text, [...edits, ...maskedComments(text)]);
}

/** Compares the tree with its masked copy: what differs is written as the copy has it. */
function* maskedNodes(node: Node, value: Json, masked: Json): Generator<Edit> {
  if (Array.isArray(value) && Array.isArray(masked)) {
    for (const [at, child] of (node.children ?? []).entries()) {
      yield* maskedNodes(child, value[at]!, masked[at]!);
    }
    return;
  }
  if (!isObject(value) || !isObject(masked)) {
    if (value !== masked) yield written(node, masked);
    return;
  }
  const characters = new Set(perCharacterEnv(value)?.characters);
  const last = new Map(propertiesOf(node).map(([key, child]) => [key, child]));
  for (const [key, child, property] of propertiesOf(node)) {
    const shown = characters.has(key) ? '*' : maskText(key);
    if (shown !== key) yield written(property.children![0]!, shown);
    const counted = last.get(key) === child ? value[key] : undefined;
    const copy = masked[maskText(key)];
    if (counted !== undefined && copy !== undefined) yield* maskedNodes(child, counted, copy);
    // Of a key that is there twice, or is __proto__, the value is not known to the copy.
    else if (child.children === undefined) yield written(child, MASK);
    else yield* maskedLeaves(child);
  }
}

function* maskedLeaves(node: Node): Generator<Edit> {
  const children =
    node.type === 'object' ? propertiesOf(node).map(([, child]) => child) : node.children;
  if (children === undefined) yield written(node, MASK);
  else for (const child of children) yield* maskedLeaves(child);
}

function written(node: Node, value: Json): Edit {
  return { start: node.offset, end: node.offset + node.length, text: JSON.stringify(value) };
}

function maskedComments(text: string): Edit[] {
  const edits: Edit[] = [];
  const scanner = createScanner(text, false);
  for (let token: number = scanner.scan(); token !== END_OF_FILE; token = scanner.scan()) {
    if (token !== LINE_COMMENT && token !== BLOCK_COMMENT) continue;
    const start = scanner.getTokenOffset();
    const end = start + scanner.getTokenLength();
    const comment = text.slice(start, end);
    // Line by line, as the lines have to stay as many as they are.
    const masked = comment.split('\n').map(maskText).join('\n');
    if (masked !== comment) edits.push({ start, end, text: masked });
  }
  return edits;
}
