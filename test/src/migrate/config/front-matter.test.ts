import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usedMs } from '../../../waiting.js';

import { parseFrontMatter } from '../../../../src/migrate/config/front-matter.js';
import { seed as newSeed } from '../../memory/support.js';

/** `parseAgentFile` of `dist/utils/agentLoader.js` in agentic-flow 1.10.2, line for line. */
function asV1(content: string): Record<string, string> | null {
  const frontmatterMatch = content.match(/^---\n([\s\S]*?)\n---\n([\s\S]*)$/);
  if (!frontmatterMatch) return null;
  const meta = Object.create(null) as Record<string, string>;
  frontmatterMatch[1]!.split('\n').forEach((line) => {
    const match = line.match(/^(\w+):\s*(.+)$/);
    if (match) meta[match[1]!] = match[2]!.replace(/^["']|["']$/g, '');
  });
  return meta;
}

describe('the front matter of v1', () => {
  it('is read exactly as v1 read it', () => {
    const seed = newSeed();
    const piece = fc.constantFrom(
      '---',
      '---\n',
      '\n',
      '\r\n',
      '\r',
      'name',
      'description',
      'tools',
      ': ',
      ':',
      ' ',
      '  ',
      '"',
      "'",
      '\u2028',
      '\t',
      'a',
      'B1_',
      '#',
      '[x, y]',
      '\uFEFF',
      '__proto__',
      '- item',
    );
    const content = fc.array(piece, { maxLength: 24 }).map((parts) => `---\n${parts.join('')}`);
    fc.assert(
      fc.property(
        fc.oneof(
          content,
          content.map((text) => text.slice(1)),
        ),
        (text) => {
          const mine = parseFrontMatter(text);
          const fields = mine === undefined ? null : Object.fromEntries(mine.fields);
          expect(fields).toEqual(asV1(text) === null ? null : { ...asV1(text) });
        },
      ),
      { seed, numRuns: 5_000 },
    );
  });

  it('takes what is no YAML', () => {
    const text =
      '---\nname: x\ndescription: Use: when <a>: {b\nnext: "\\n", c\n---\nBody\n---\nmore\n';
    const read = parseFrontMatter(text)!;
    expect(read.fields.get('description')).toBe('Use: when <a>: {b');
    expect(read.body).toBe('Body\n---\nmore\n');
  });

  it('is quick on a line of blanks that ends in a carriage return', () => {
    const text = `---\nname:${' '.repeat(1_000_000)}\r\n---\n`;
    const start = usedMs();
    expect(parseFrontMatter(text)!.fields.has('name')).toBe(false);
    expect(usedMs() - start).toBeLessThan(10_000);
  });
});
