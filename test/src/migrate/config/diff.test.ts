import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { unifiedDiff } from '../../../../src/migrate/config/diff.js';
import { seed as newSeed } from '../../memory/support.js';

/** Carries a unified diff out, as `patch` does. */
function patch(before: string, diff: string): string {
  const old = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const result: string[] = [];
  let at = 0;
  for (const line of diff.split('\n').slice(2, -1)) {
    const header = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@$/.exec(line);
    if (header !== null) {
      const start = Number(header[1]) - (header[2] === '0' ? 0 : 1);
      while (at < start) result.push(old[at++]!);
      continue;
    }
    if (line.startsWith('+')) result.push(line.slice(1));
    else {
      expect(old[at]).toBe(line.slice(1));
      if (line.startsWith(' ')) result.push(line.slice(1));
      at += 1;
    }
  }
  result.push(...old.slice(at));
  return result.length === 0 ? '' : `${result.join('\n')}\n`;
}

describe('a unified diff', () => {
  it('makes the second text of the first', () => {
    const seed = newSeed();
    const line = fc.constantFrom('a', 'b', 'c', '', '  d', '{', '}');
    const text = fc
      .array(line, { maxLength: 30 })
      .map((lines) => lines.map((l) => `${l}\n`).join(''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(patch(before, unifiedDiff('x', before, after))).toBe(after);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('shows three lines around a change, and names the files', () => {
    const before = Array.from({ length: 20 }, (_, at) => `${at}\n`).join('');
    expect(unifiedDiff('x.json', before, before.replace('10\n', 'ten\n'))).toBe(
      '--- a/x.json\n+++ b/x.json\n@@ -8,7 +8,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n',
    );
  });

  it('says where a last line has no end, and that a file is new', () => {
    expect(unifiedDiff('x', null, 'a')).toBe(
      '--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n\\ No newline at end of file\n',
    );
  });

  it('is bounded', () => {
    const after = Array.from({ length: 100_000 }, (_, at) => `${at}\n`).join('');
    const diff = unifiedDiff('x', after.replaceAll('1', 'one'), after);
    expect(diff.split('\n').length).toBeLessThan(410);
    expect(diff).toMatch(/\.\.\. \d+ more lines\n$/);
  });
});
