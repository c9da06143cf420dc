/** Changes of JSON text that leave every other byte: comments, order, indentation, line ends. */
import { createScanner, type Node } from 'jsonc-parser';

import { propertiesOf } from './json-text.js';

export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const COMMA = 5;
const LINE_COMMENT = 12;
const BLOCK_COMMENT = 13;
const LINE_BREAK = 14;
const TRIVIA = 15;

/** Edits must not overlap; of two at one place, the first stays first. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = edits.map((edit, at) => ({ edit, at }));
  sorted.sort((a, b) => b.edit.start - a.edit.start || b.at - a.at);
  return sorted.reduce(
    (edited, { edit }) => edited.slice(0, edit.start) + edit.text + edited.slice(edit.end),
    text,
  );
}

/** Adds a property at the end of an object. */
export function appendProperty(text: string, object: Node, key: string, value: unknown): Edit[] {
  const style = styleOf(text, object);
  const written = `${JSON.stringify(key)}: ${style.write(value)}`;
  return append(text, object, written, style);
}

/** Adds an item at the end of an array. */
export function appendItem(text: string, array: Node, value: unknown): Edit[] {
  const style = styleOf(text, array);
  return append(text, array, style.write(value), style);
}

export function replaceNode(node: Node, value: unknown): Edit {
  return { start: node.offset, end: node.offset + node.length, text: JSON.stringify(value) };
}

/** Takes all given properties out of an object; the others keep their text. */
export function removeProperties(object: Node, keys: ReadonlySet<string>): Edit[] {
  const all = propertiesOf(object);
  const kept = all.filter(([key]) => !keys.has(key));
  if (kept.length === 0) {
    return [{ start: object.offset, end: object.offset + object.length, text: '{}' }];
  }
  const edits: Edit[] = [];
  all.forEach(([key, , property], at) => {
    if (!keys.has(key)) return;
    const next = all[at + 1]?.[2];
    // From here to the next one, with the comma between; of the last, back to the one before.
    if (next !== undefined) edits.push({ start: property.offset, end: next.offset, text: '' });
    else {
      const last = kept.at(-1)![2];
      edits.push({
        start: last.offset + last.length,
        end: property.offset + property.length,
        text: '',
      });
    }
  });
  return mergeEdits(edits);
}

/** Removals that touch or overlap are one. */
function mergeEdits(edits: readonly Edit[]): Edit[] {
  const sorted = [...edits].sort((a, b) => a.start - b.start);
  const merged: Edit[] = [];
  for (const edit of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && edit.start <= last.end) {
      merged[merged.length - 1] = { ...last, end: Math.max(last.end, edit.end) };
    } else merged.push(edit);
  }
  return merged;
}

interface Style {
  readonly lineEnd: string;
  /** Of the line on which the container begins. */
  readonly outer: string;
  /** Of what is in it, where each stands on a line of its own; undefined if all is on one line. */
  readonly inner: string | undefined;
  write(value: unknown): string;
}

function styleOf(text: string, container: Node): Style {
  const lineEnd = /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
  const unit = /(?:^|[\r\n])([ \t]+)["{[]/.exec(text)?.[1] ?? '  ';
  const outer = indentationAt(text, container.offset);
  const first = container.children?.[0];
  const inside = text.slice(container.offset, first?.offset ?? container.offset + container.length);
  const spread = /[\r\n]/.test(inside) || (first === undefined && /[\r\n]/.test(text));
  const inner = spread
    ? first === undefined
      ? outer + unit
      : indentationAt(text, first.offset)
    : undefined;
  return {
    lineEnd,
    outer,
    inner,
    write: (value) => {
      if (inner === undefined) return JSON.stringify(value);
      const written = JSON.stringify(value, undefined, unit);
      return written.replaceAll('\n', `${lineEnd}${inner}`);
    },
  };
}

function indentationAt(text: string, offset: number): string {
  let start = offset;
  while (start > 0 && !/[\r\n]/.test(text[start - 1]!)) start -= 1;
  return /^[ \t]*/.exec(text.slice(start, offset))![0];
}

function append(text: string, container: Node, written: string, style: Style): Edit[] {
  const last = container.children?.at(-1);
  const from = last === undefined ? container.offset + 1 : last.offset + last.length;
  const closing = container.offset + container.length - 1;
  const tail = tailOf(text, from, closing);
  const edits: Edit[] = [];
  if (last !== undefined && !tail.comma) edits.push({ start: from, end: from, text: ',' });
  const comma = tail.comma ? ',' : '';
  if (style.inner === undefined && !tail.lineComment) {
    const space = last === undefined ? '' : ' ';
    edits.push({ start: tail.end, end: tail.end, text: `${space}${written}${comma}` });
    return edits;
  }
  const indentation = style.inner ?? style.outer;
  const added = `${style.lineEnd}${indentation}${written}${comma}`;
  const onLine = /[\r\n]/.test(text.slice(tail.end, closing));
  const close = onLine ? '' : `${style.lineEnd}${style.outer}`;
  edits.push({ start: tail.end, end: tail.end, text: added + close });
  return edits;
}

/** What stands between the last child and the closing bracket: a comma, comments, blanks. */
function tailOf(
  text: string,
  from: number,
  closing: number,
): { comma: boolean; lineComment: boolean; end: number } {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  let comma = false;
  let lineComment = false;
  let end = from;
  while (scanner.getPosition() < closing) {
    const token: number = scanner.scan();
    if (token === LINE_BREAK || token === TRIVIA) continue;
    if (token !== COMMA && token !== LINE_COMMENT && token !== BLOCK_COMMENT) break;
    comma ||= token === COMMA;
    lineComment = token === LINE_COMMENT;
    end = scanner.getPosition();
  }
  return { comma, lineComment, end };
}
