import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { embeddingText, textHash } from '../../../src/memory/command.js';
import { MadeVectors } from '../../../src/memory/made-vectors.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';
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
    await files.discardStores();
    expect(readdirSync(root)).toEqual([]);
    expect(files.next()).not.toBe(first);
  });

  it('keeps the vectors of the store that is discarded, and the store until it has them', async () => {
    const files = new V2Files(root);
    const store = files.next();
    const engine = openV2Engine(store, { create: true });
    const vector = { model: 'a model', values: new Float32Array(8).fill(0.5) };
    const content = 'kept';
    const command = {
      type: 'insertMemory',
      id: 'a',
      content,
      metadata: {},
      timestampMs: 1,
    } as const;
    engine.apply([{ index: 1, command: { ...command, vector } }], 1);
    engine.close();
    await files.discard(() => true);
    expect(files.current()).toBe(store);
    // What is discarded meanwhile is gone when somebody wants to build.
    const discarded = files.discard(() => false);
    await files.atRest();
    expect(readdirSync(root)).toEqual(['made-vectors.db']);
    await discarded;
    const made = new MadeVectors(files.madeVectors, 'a model');
    expect(made.get(textHash(embeddingText(content, {})))).toEqual(vector.values);
    made.close();
  });

  it('removes nothing but stores', async () => {
    writeFileSync(join(root, 'notes.txt'), '');
    await new V2Files(root).discard(() => false);
    expect(readdirSync(root)).toEqual(['notes.txt']);
  });
});
