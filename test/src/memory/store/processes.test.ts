/** Stores and the processes, threads, disks and folders around them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { openMemoryStore, openV2Engine } from '../../../../src/memory/index.js';
import { applyAll, insert, scratch } from '../support.js';
import { memoryError, openStore } from './support.js';

describe('a store that another process has open', () => {
  it('is refused with the number of that process, and free once it is killed', async () => {
    const path = scratch('held.db');
    const script = new URL('hold-child.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await expect(openMemoryStore(path, { embedder: null })).rejects.toThrow(
      memoryError('locked', new RegExp(`opened by process ${child.pid} already`)),
    );
    child.kill('SIGKILL');
    await once(child, 'close');
    const store = await openStore(path);
    expect(await store.get(`of ${child.pid}`)).not.toBeNull();
    await expect(openMemoryStore(path, { embedder: null })).rejects.toThrow(
      memoryError('locked', /this process/),
    );
  });

  it('is opened by one of many that try at the same moment', async () => {
    const path = scratch('raced.db');
    const opened = await Promise.allSettled(Array.from({ length: 6 }, () => openStore(path)));
    expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of opened) {
      if (one.status === 'rejected') expect(one.reason).toEqual(memoryError('locked'));
    }
  });
});

describe('two engines on one file', () => {
  it('do not write past each other', () => {
    const path = scratch('two.db');
    const [one, two] = [openV2Engine(path, { create: true }), openV2Engine(path)];
    applyAll(one, insert('a', 'first'));
    expect(() => applyAll(two, insert('b', 'second'))).toThrow(
      memoryError('locked', /written by somebody else/),
    );
    expect(two.get('b')).toBeUndefined();
    for (const engine of [one, two]) engine.close();
  });
});

describe('a thread that dies', () => {
  it('fails every call that waits, and loses nothing that was acknowledged', async () => {
    const path = scratch('dies.db');
    const store = await openStore(path, { groupCommit: { maxBatch: 10, maxDelayMs: 0 } });
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    const puts = Array.from({ length: 2000 }, (_, i) =>
      store.put({ id: `r${i}`, content: `${i}`, vector: null }).then(
        () => acknowledged.push(`r${i}`),
        (error: unknown) => failures.push(error),
      ),
    );
    await Promise.race(puts);
    await store.terminate();
    await Promise.all(puts);
    expect(acknowledged.length + failures.length).toBe(2000);
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) expect(failure).toEqual(memoryError('closed', /died/));
    const again = await openStore(path);
    for (const id of acknowledged) expect(await again.get(id)).not.toBeNull();
  });

  it('refuses more than it can hold instead of growing', async () => {
    const store = await openStore(undefined, { groupCommit: { maxBatch: 100, maxDelayMs: 0 } });
    const content = 'x'.repeat(3_000_000);
    const puts = Array.from({ length: 40 }, (_, i) => {
      return store.put({ id: `r${i}`, content, vector: null });
    });
    const settled = await Promise.allSettled(puts);
    const refused = settled.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBe(19);
    for (const one of refused) {
      expect((one as PromiseRejectedResult).reason).toEqual(memoryError('overloaded', /wait/));
    }
    expect((await store.stats()).records).toBe(21);
    await store.put({ id: 'later', content, vector: null });
  });

  it('does not hold up the event loop of its caller', async () => {
    const store = await openStore();
    const records = Array.from({ length: 5000 }, (_, i) => {
      return { id: `r${i}`, content: `${i} `.repeat(50), vector: [1, i, 2] };
    });
    let turns = 0;
    // One transaction, which the caller does not wait for.
    const writing = store.putMany(records).then(() => 'written');
    while ((await Promise.race([writing, setImmediate('turn')])) === 'turn') turns += 1;
    expect(turns).toBeGreaterThan(20);
  });
});

describe('a folder that cannot be written', () => {
  it('is told', async () => {
    const file = scratch('file');
    writeFileSync(file, 'no folder');
    for (const folder of [file, scratch('none'), '/proc']) {
      await expect(openMemoryStore(join(folder, 'a.db'))).rejects.toThrow(
        memoryError(
          'read-only',
          /a\.db.*check that its folder is there, and the permissions of both/,
        ),
      );
    }
  });
});
