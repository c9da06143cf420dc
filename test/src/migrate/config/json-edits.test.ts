import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  appendItem,
  appendProperty,
  applyEdits,
  removeProperties,
} from '../../../../src/migrate/config/json-edits.js';
import { memberOf, parseJson } from '../../../../src/migrate/config/json-text.js';
import { seed as newSeed } from '../../memory/support.js';

function rootOf(text: string) {
  const reading = parseJson(text);
  if (!reading.ok) throw new Error(`${reading.reason}: ${text}`);
  return reading.root;
}

function added(text: string): string {
  return applyEdits(text, appendProperty(text, rootOf(text), 'new', { x: [1] }));
}

/** Each row: what a user has, and what it is afterwards. */
const additions: readonly (readonly [before: string, after: string])[] = [
  ['{}', '{"new": {"x":[1]}}'],
  ['{"a": 1}', '{"a": 1, "new": {"x":[1]}}'],
  ['{"a": 1,}', '{"a": 1, "new": {"x":[1]},}'],
  ['{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "new": {\n    "x": [\n      1\n    ]\n  }\n}\n'],
  [
    '{\n\t"a": 1, // why a is one\n\t// and what else\n}',
    '{\n\t"a": 1, // why a is one\n\t// and what else\n\t"new": {\n\t\t"x": [\n\t\t\t1\n\t\t]\n\t},\n}',
  ],
  [
    '{\r\n    "a": 1 // end\r\n}\r\n',
    '{\r\n    "a": 1, // end\r\n    "new": {\r\n        "x": [\r\n            1\r\n        ]\r\n    }\r\n}\r\n',
  ],
];

describe('changes of JSON text', () => {
  it.each(additions)('add to %j', (before, after) => {
    expect(added(before)).toBe(after);
  });

  it('add an item to a list on one line and on several', () => {
    const text = '{"one": ["a"], "more": [\n  "a"\n]}';
    const root = rootOf(text);
    const edits = [
      ...appendItem(text, memberOf(root, 'one')!, 'b'),
      ...appendItem(text, memberOf(root, 'more')!, 'b'),
    ];
    expect(applyEdits(text, edits)).toBe('{"one": ["a", "b"], "more": [\n  "a",\n  "b"\n]}');
  });

  it('take out properties and leave the others as they are written', () => {
    const text = '{ "A": "", "keep":  1 , "B": "", "also": 2, "C": "" }';
    const edits = removeProperties(rootOf(text), new Set(['A', 'B', 'C']));
    expect(applyEdits(text, edits)).toBe('{ "keep":  1 , "also": 2 }');
    const all = removeProperties(rootOf(text), new Set(['A', 'B', 'C', 'keep', 'also']));
    expect(applyEdits(text, all)).toBe('{}');
  });

  it('keep every comment and every value, however the file is laid out', () => {
    const seed = newSeed();
    const blank = fc.constantFrom(
      '',
      ' ',
      '\n',
      '\r\n',
      '\t',
      '\n\n  ',
      ' /* c */ ',
      ' // c\n',
      '\r\n\t',
    );
    const value = fc.constantFrom('1', '"t"', '[]', '[1,]', '{"x": 2}', '{ }', 'null');
    const part = fc.tuple(blank, blank, value, blank);
    const document = fc
      .tuple(fc.array(part, { maxLength: 4 }), fc.boolean(), blank)
      .map(([parts, trailing, last]) => {
        const written = parts.map(([a, b, v, c], at) => `${a}"k${at}"${b}:${v}${c}`).join(',');
        return `{${written}${trailing && parts.length > 0 ? ',' : ''}${last}}`;
      });
    fc.assert(
      fc.property(document, (text) => {
        const before = parseJson(text);
        const after = parseJson(added(text));
        expect(before.ok && after.ok).toBe(true);
        if (!before.ok || !after.ok) return;
        expect(after.value).toEqual({ ...(before.value as object), new: { x: [1] } });
        const comments = (some: string): number => some.match(/\/\*|\/\//g)?.length ?? 0;
        expect(comments(added(text))).toBe(comments(text));
        const removed = removeProperties(after.root, new Set(['new']));
        const back = parseJson(applyEdits(added(text), removed));
        expect(back.ok && back.value).toEqual(before.value);
      }),
      { seed, numRuns: 2_000 },
    );
  });
});
