/** What a page loads, with all that it imports in turn, is nothing of Node. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const DIST = new URL('../../../../', import.meta.url).pathname;

/** Files and packages that a compiled file loads, itself included. */
function loadedBy(file: string, seen = new Map<string, string>()): Map<string, string> {
  const text = readFileSync(join(DIST, file), 'utf8');
  seen.set(file, file);
  for (const [, specifier = ''] of text.matchAll(/(?:from|import\(|import)\s*['"]([^'"]+)['"]/g)) {
    if (!specifier.startsWith('.')) seen.set(specifier, file);
    else {
      const target = join(dirname(file), specifier);
      if (!seen.has(target)) loadedBy(target, seen);
    }
  }
  return seen;
}

describe('the entry for pages', () => {
  it('loads nothing of Node, and three packages', () => {
    const exported = (
      JSON.parse(readFileSync(join(DIST, '..', 'package.json'), 'utf8')) as {
        exports: Record<string, string>;
      }
    ).exports['./documents/page'];
    expect(exported).toBe('./dist/src/documents/page/index.js');
    expect(existsSync(join(DIST, '..', exported ?? ''))).toBe(true);
    const loaded = [...loadedBy('src/documents/page/index.js').keys()];
    expect(loaded).toContain('transport/websocket/multiplexer.js');
    const packages = loaded.filter((name) => !name.endsWith('.js'));
    expect(packages.sort()).toEqual(['y-protocols/awareness', 'yjs', 'zod']);
  });

  it('is told from one that does', () => {
    expect([...loadedBy('src/documents/index.js').keys()]).toContain('node:crypto');
  });
});
