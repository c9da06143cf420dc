/** The store as its thread has it, with the clock and the disk in the hands of the test. */
import { describe, expect, it } from 'vitest';

import { Database } from '../../../../src/memory/database.js';
import { memoryError as errorOf } from '../../../../src/memory/errors.js';
import { StoreHost } from '../../../../src/memory/store/host.js';
import type { Operation } from '../../../../src/memory/store/operations.js';
import { scratch } from '../support.js';
import { memoryError } from './support.js';

const context = { signal: new AbortController().signal, progress: () => undefined };

function put(key: string, expiresAtMs: number | null = null, content = key): Operation {
  const more = { metadata: '{}', vector: null, timestampMs: 0 };
  return { type: 'put', key, content, expiresAtMs, ...more };
}

class Hosted {
  readonly path = scratch('store.db');
  nowMs = 1000;
  syncError: Error | undefined;
  host = this.open();

  open(): StoreHost {
    const settings = { path: this.path, create: true, adopt: false };
    return new StoreHost(
      { ...settings, batchOperations: 1000, batchDelayMs: 0 },
      {
        nowMs: () => this.nowMs,
        sync: async () => {
          if (this.syncError !== undefined) throw this.syncError;
        },
      },
    );
  }

  async write(...operations: Operation[]): Promise<boolean[]> {
    return this.host.calls.write(operations, context);
  }

  async has(key: string): Promise<boolean> {
    return (await this.host.calls.get(key, false, context)) !== null;
  }

  async found(text: string): Promise<string[]> {
    const hits = await this.host.calls.search({ text, vector: null, limit: 1000 }, context);
    return hits.map(({ id }) => id);
  }

  async listed(): Promise<string[]> {
    const query = { namespace: null, created: {}, order: 'id', limit: 1000, cursor: null } as const;
    return (await this.host.calls.list(query, context)).memories.map(({ id }) => id);
  }
}

describe('what expires', () => {
  it('is gone from that instant on, for every question', async () => {
    const hosted = new Hosted();
    await hosted.write(put('a', 2000, 'same'), put('b', null, 'same'), put('c', 3000, 'same'));
    await hosted.write({ type: 'link', from: 'b', to: 'a', relation: 't', weight: 1 });
    hosted.nowMs = 1999;
    expect([await hosted.has('a'), await hosted.found('same')]).toEqual([true, ['a', 'b', 'c']]);
    expect(await hosted.host.calls.namespaces(context)).toEqual([
      { namespace: 'default', records: 3 },
    ]);
    hosted.nowMs = 2000;
    expect([await hosted.has('a'), await hosted.listed()]).toEqual([false, ['b', 'c']]);
    expect(await hosted.host.calls.namespaces(context)).toEqual([
      { namespace: 'default', records: 2 },
    ]);
    expect(await hosted.host.calls.stats(context)).toMatchObject({ records: 3, expired: 1 });
    expect(await hosted.found('same')).toEqual(['b', 'c']);
    expect(await hosted.host.calls.stats(context)).toMatchObject({ records: 2, edges: 0 });
    await hosted.host.close();
  });

  it('is not there any more for what is written', async () => {
    const hosted = new Hosted();
    const [from, to] = ['b', 'a'];
    const link: Operation = { type: 'link', from, to, relation: 't', weight: 1 };
    await hosted.write(put('a', 2000), put('b'), link);
    hosted.nowMs = 2000;
    expect(await hosted.write(link)).toEqual([false]);
    expect(await hosted.write({ type: 'delete', key: 'a' })).toEqual([false]);
    await hosted.write(put('c', 2500), {
      type: 'link',
      from: 'b',
      to: 'c',
      relation: 't',
      weight: 1,
    });
    hosted.nowMs = 2500;
    // The new one is not the one that was linked.
    await hosted.write(put('c', 9000));
    const { neighbours } = await hosted.host.calls.neighbours('b', {}, context);
    expect(neighbours).toEqual([]);
    await hosted.host.close();
  });

  it('stays when it is put anew with another expiry, whenever that comes', async () => {
    const hosted = new Hosted();
    await hosted.write(put('a', 2000), put('b', 2000), put('c', 2000));
    await hosted.write(put('a', 5000), put('b'));
    hosted.nowMs = 2000;
    // The sweep runs between these two, as part of the search.
    const writing = hosted.write(put('c', 5000));
    const searching = hosted.found('c');
    await Promise.all([writing, searching]);
    expect(await hosted.found('a b c')).toEqual(['a', 'b', 'c']);
    hosted.nowMs = 5000;
    expect(await hosted.listed()).toEqual(['b']);
    await hosted.host.close();
  });

  it('is deleted by itself, also by the thousand, and after the store was opened again', async () => {
    const hosted = new Hosted();
    await hosted.write(...Array.from({ length: 900 }, (_, i) => put(`r${i}`, 1020)), put('stays'));
    await hosted.host.close();
    hosted.nowMs = 1020;
    hosted.host = hosted.open();
    for (;;) {
      const { records } = await hosted.host.calls.stats(context);
      if (records === 1) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await hosted.host.close();
  });
});

describe('a disk that is full', () => {
  it('refuses what does not fit, and takes what does', async () => {
    const original = Database.prototype.useWriteAheadLog;
    // The limit of pages stands for the end of the disk: SQLite reports both as SQLITE_FULL.
    Database.prototype.useWriteAheadLog = function limited(this: Database): void {
      original.call(this);
      this.exec('PRAGMA max_page_count = 60');
    };
    const hosted = new Hosted();
    Database.prototype.useWriteAheadLog = original;
    const [small, large] = [put('small'), put('large', null, 'x'.repeat(500_000))];
    // In flight together, so of one batch at first.
    const [one, two] = await Promise.allSettled([hosted.write(small), hosted.write(large)]);
    expect(one.status).toBe('fulfilled');
    expect(two).toMatchObject({ reason: memoryError('disk-full', /free space/) });
    expect(await hosted.write(put('later'))).toEqual([true]);
    await hosted.host.close();
    hosted.host = hosted.open();
    expect(await hosted.listed()).toEqual(['later', 'small']);
    expect(await hosted.write(large)).toEqual([true]);
    await hosted.host.close();
  });
});

describe('a disk that fails', () => {
  it('ends the writes, not the reads, and what was acknowledged is there again', async () => {
    const hosted = new Hosted();
    await hosted.write(put('a'), put('old', 2000));
    hosted.syncError = errorOf('io', hosted.path);
    await expect(hosted.write(put('b'))).rejects.toThrow(memoryError('closed', /the disk failed/));
    hosted.syncError = undefined;
    await expect(hosted.write(put('c'))).rejects.toThrow(memoryError('closed', /open it again/));
    expect(await hosted.has('a')).toBe(true);
    hosted.nowMs = 2000;
    // Nothing can be deleted, and it is hidden all the same.
    expect(await hosted.found('a old')).toEqual(['a']);
    await hosted.host.close();
    hosted.host = hosted.open();
    expect(await hosted.has('a')).toBe(true);
    expect(await hosted.has('c')).toBe(false);
    expect(await hosted.write(put('c'))).toEqual([true]);
    await hosted.host.close();
  });
});
