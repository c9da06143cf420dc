import { describe, expect, it } from 'vitest';
import { editsOf } from '../../../src/mcp/edits/markdown.js';
import { applyEdit } from '../../../src/mcp/edits/place.js';

const FILE = `import { a } from './a.js';
import { b } from './b.js';

export function one(x) {
  if (x) {
    return a(x);
  }
  return 1;
}

export function two(x) {
  if (x) {
    return b(x);
  }
  return 2;
}
`;

/** Each row: what it shows, the edit, and what becomes of the file (as replacements in it). */
const made: readonly (readonly [string, string, readonly (readonly [string, string])[]])[] = [
  [
    'a function between two markers',
    `// ... existing code ...
export function one(x) {
  return a(x) ?? 1;
}
// ... existing code ...`,
    [['  if (x) {\n    return a(x);\n  }\n  return 1;\n', '  return a(x) ?? 1;\n']],
  ],
  [
    'the last function',
    `// ... existing code ...
export function two(x) {
  if (x) {
    return b(x, 2);
  }
  return 2;
}
`,
    [['return b(x);', 'return b(x, 2);']],
  ],
  [
    'an import at the top, between lines that stay',
    `import { a } from './a.js';
import { c } from './c.js';
import { b } from './b.js';
// ... rest of the file ...`,
    [["import { b } from './b.js';", "import { c } from './c.js';\nimport { b } from './b.js';"]],
  ],
  [
    'something new at the end',
    `// ... existing code ...
export const three = 3;`,
    [['  return 2;\n}\n', '  return 2;\n}\nexport const three = 3;\n']],
  ],
  [
    'something new at the top',
    `#!/usr/bin/env node
// ... existing code ...`,
    [["import { a } from './a.js';", "#!/usr/bin/env node\nimport { a } from './a.js';"]],
  ],
  [
    'two places of one file',
    `// ... existing code ...
export function one(x) {
  return 11;
}
// ... existing code ...
export function two(x) {
  return 22;
}`,
    [
      ['  if (x) {\n    return a(x);\n  }\n  return 1;\n', '  return 11;\n'],
      ['  if (x) {\n    return b(x);\n  }\n  return 2;\n', '  return 22;\n'],
    ],
  ],
  [
    'lines without a marker that begin and end with lines of the file',
    `    return a(x);
  }
  return 10;
}

export function two(x) {`,
    [['  return 1;', '  return 10;']],
  ],
  [
    'a function, and a new one behind it',
    `// ... existing code ...
export function one(x) {
  return 1;
}

export function more(x) {
  if (x) {
    return 3;
  }
}
// ... existing code ...`,
    [
      [
        '  if (x) {\n    return a(x);\n  }\n  return 1;\n}\n',
        '  return 1;\n}\n\nexport function more(x) {\n  if (x) {\n    return 3;\n  }\n}\n',
      ],
    ],
  ],
  [
    'two functions at once',
    `export function one(x) {
  return 10;
}

export function two(x) {
  return 20;
}`,
    [
      ['  if (x) {\n    return a(x);\n  }\n  return 1;\n', '  return 10;\n'],
      ['  if (x) {\n    return b(x);\n  }\n  return 2;\n', '  return 20;\n'],
    ],
  ],
  [
    'other indentation of the first line',
    `export function two(x) {
    if (x) {
        return b(x);
    }
    return 3;
}`,
    [
      [
        '  if (x) {\n    return b(x);\n  }\n  return 2;\n',
        '    if (x) {\n        return b(x);\n    }\n    return 3;\n',
      ],
    ],
  ],
];

/** Each row: why it has no place, the edit, and what is said. */
const refused: readonly (readonly [string, string, string])[] = [
  ['one line alone', 'return 5;', 'an edit of one line has no place'],
  ['nothing', '\n\n', 'an edit of one line has no place'],
  [
    'a function that is not there',
    '// ... existing code ...\nexport function four() {\n  return 4;\n}\n// ... existing code ...',
    'which the file does not have there',
  ],
  [
    'lines that are there twice',
    '  if (x) {\n    log(x);\n  }',
    'which the file has 2 times (lines 5, 12); write more unchanged lines there',
  ],
  [
    'a block that is never closed',
    '// ... existing code ...\nexport function two(x) {\n  if (x) {\n}\n// ... existing code ...',
    'which the file does not have there',
  ],
  [
    'parts in another order than in the file',
    `// ... existing code ...
export function two(x) {
  return 22;
}
// ... existing code ...
export function one(x) {
  return 11;
}
// ... existing code ...`,
    'which the file does not have there',
  ],
];

describe('an edit', () => {
  it.each(made)('changes %s', (_, edit, replacements) => {
    let expected = FILE;
    for (const [before, after] of replacements) {
      expect(expected).toContain(before);
      expected = expected.replace(before, after);
    }
    expect(applyEdit(FILE, edit).text).toBe(expected);
  });

  it.each(refused)('has no place if it is %s', (_, edit, sentence) => {
    expect(() => applyEdit(FILE, edit)).toThrow(sentence);
  });

  it('keeps the ends of lines, and a missing one at the end', () => {
    const windows = FILE.replaceAll('\n', '\r\n').replace(/\r\n$/, '');
    const { text } = applyEdit(windows, '// ... existing code ...\nexport const x = 1;');
    expect(text).toBe(`${windows}\r\nexport const x = 1;`);
  });

  it('makes a file that is not there, unless it speaks of its code', () => {
    expect(applyEdit(undefined, 'a = 1')).toEqual({ text: 'a = 1\n', strategy: 'new-file' });
    expect(() => applyEdit(undefined, '# ... existing code ...\na = 1')).toThrow('not there');
  });

  it('that changes nothing says so', () => {
    expect(applyEdit(FILE, FILE)).toMatchObject({ strategy: 'unchanged', text: FILE });
  });

  it.each(['# ... existing code ...', '<!-- ... existing code ... -->', '-- ... rest unchanged'])(
    'takes the comments of other languages: %s',
    (marker) => {
      const { text } = applyEdit('a\nb\nc\nd\n', `${marker}\nb\nx\nc\n${marker}`);
      expect(text).toBe('a\nb\nx\nc\nd\n');
    },
  );
});

describe('Markdown', () => {
  it('holds edits in blocks that name a file', () => {
    const markdown = [
      'First:',
      '```typescript filepath=src/a.ts instruction=add a log',
      'a();',
      '```',
      '```js',
      'ignored',
      '```',
      '````md filepath=README.md instruction=with a block',
      '```js',
      'inner',
      '```',
      '````',
      '``` filepath=b instruction=no language',
      'b',
    ].join('\n');
    expect(editsOf(markdown)).toEqual([
      { path: 'src/a.ts', instruction: 'add a log', code: 'a();' },
      { path: 'README.md', instruction: 'with a block', code: '```js\ninner\n```' },
      { path: 'b', instruction: 'no language', code: 'b' },
    ]);
  });
});
