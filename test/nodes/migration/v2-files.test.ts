import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { V2Files } from '../../../nodes/migration/v2-files.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'agentic-flow-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('files of the v2 store', () => {
  it('has no current store before one was built', () => {
    const files = new V2Files(join(root, 'v2'));
    expect(files.current()).toBeUndefined();
    expect(files.next()).toBe(join(root, 'v2', 'memory-1.db'));
    expect(files.current()).toBeUndefined();
  });

  it('takes the newest finished store as the current one, by number and not by text', () => {
    for (const name of ['memory-9.db', 'memory-10.db', 'memory-11.db.staging', 'memory-x.db']) {
      writeFileSync(join(root, name), '');
    }
    expect(new V2Files(root).current()).toBe(join(root, 'memory-10.db'));
  });

  it('never gives a name twice in one process, though the store before was removed', async () => {
    const files = new V2Files(root);
    const first = files.next();
    writeFileSync(first, '');
    writeFileSync(`${first}-wal`, '');
    await files.discard();
    expect(readdirSync(root)).toEqual([]);
    expect(files.next()).not.toBe(first);
  });

  it('removes nothing but stores', async () => {
    writeFileSync(join(root, 'notes.txt'), '');
    await new V2Files(root).discard();
    expect(readdirSync(root)).toEqual(['notes.txt']);
  });
});
