/** Jobs on the file of a store that are given up at any moment, and backups that take the place of another store. */
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';

import { backupStore, checkStore, repairStore } from '../../../../src/memory/index.js';
import { Database } from '../../../../src/memory/database.js';
import { StoreHost } from '../../../../src/memory/store/host.js';
import { StoreLock } from '../../../../src/memory/store/lock.js';
import { packPuts } from '../../../../src/memory/store/packed-puts.js';
import { scratch } from '../support.js';
import { direction, memoryError, openStore } from './support.js';

const RECORDS = 1100;
/** What a store has beside it, open or not. */
const OWN = /-(?:lock|wal|shm)$/;

async function storeOf(count: number, word = 'content'): Promise<string> {
  const path = scratch('store.db');
  const store = await openStore(path);
  const records = Array.from({ length: count }, (_, i) => {
    return { id: `r${i}`, content: `${word} ${i}`, vector: direction(i) };
  });
  for (let at = 0; at < count; at += 1000) await store.putMany(records.slice(at, at + 1000));
  await store.compact();
  await store.close();
  return path;
}

/** Names of files that have to do with this one, but its own. */
function beside(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => {
    return name.startsWith(basename(path)) && name !== basename(path) && !OWN.test(name);
  });
}

interface Options {
  readonly signal: AbortSignal;
  readonly onProgress: () => void;
}

/** Runs the job again and again, given up at its first word, its second, its fourth, ..., until one is done. */
async function givenUp(
  job: (options: Options) => Promise<unknown>,
  look: () => void,
): Promise<number> {
  for (let words = 1; ; words *= 2) {
    const stop = new AbortController();
    let heard = 0;
    const onProgress = (): void => {
      heard += 1;
      if (heard === words) stop.abort(new Error('no more'));
    };
    const failure = await job({ signal: stop.signal, onProgress }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined) return words;
    expect(failure).toEqual(new Error('no more'));
    look();
  }
}

function breakRecord(path: string): void {
  const database = Database.open(path);
  database.run(`UPDATE records SET body = 'none' WHERE id = 'r7'`);
  database.useSingleFile();
  database.close();
}

describe('a job that is given up', () => {
  it('lets a check leave everything as it was', async () => {
    const path = await storeOf(RECORDS);
    const times = await givenUp(
      (options) => checkStore(path, options),
      () => {
        expect(beside(path)).toEqual([]);
        StoreLock.take(path).release();
      },
    );
    expect(times).toBeGreaterThan(1);
  }, 60_000);

  it('leaves no half of a backup', async () => {
    const path = await storeOf(RECORDS);
    const to = scratch('copy.db');
    const times = await givenUp(
      (options) => backupStore(path, to, { ...options, overwrite: true }),
      () => {
        expect(readdirSync(dirname(to)).filter((n) => n.startsWith(`${basename(to)}.new`))).toEqual(
          [],
        );
        if (existsSync(to)) rmSync(to);
      },
    );
    expect(times).toBeGreaterThan(1);
    expect(await checkStore(path)).toMatchObject({ isWhole: true, records: RECORDS });
  }, 60_000);

  it('leaves the damaged store and no lock where a repair was under way', async () => {
    const path = await storeOf(RECORDS);
    breakRecord(path);
    const before = readFileSync(path);
    const times = await givenUp(
      (options) => repairStore(path, options),
      () => {
        expect(beside(path)).toEqual([]);
        expect(readFileSync(path).equals(before)).toBe(true);
        StoreLock.take(path).release();
      },
    );
    expect(times).toBeGreaterThan(3);
    expect(await checkStore(path)).toMatchObject({ isWhole: true, records: RECORDS - 1 });
  }, 120_000);
});

describe('a backup in the place of another store', () => {
  /** A store that was killed: some of it is in its write-ahead log, some in its log of puts. */
  async function killedStore(): Promise<string> {
    const path = await storeOf(50, 'old');
    const copy = scratch('killed.db');
    const settings = { path, create: false, adopt: false, batchOperations: 1, batchDelayMs: 0 };
    const host = new StoreHost(settings, { logsPuts: true, restMs: 100_000_000 });
    const put = { content: 'old', metadata: '{}', timestampMs: 1, expiresAtMs: null, vector: null };
    host.writeNow([{ type: 'put', key: 'in the write-ahead log', ...put }]);
    const context = { signal: new AbortController().signal, progress: () => undefined };
    const puts = packPuts([{ type: 'put', key: 'in the log of puts', ...put }]);
    await host.calls.write(puts, context);
    for (const end of ['', '-wal', '-puts']) writeFileSync(copy + end, readFileSync(path + end));
    host.closeNow();
    return copy;
  }

  async function idsOf(path: string): Promise<string[]> {
    const store = await openStore(path);
    const { records } = await store.list({ limit: 1000 });
    await store.close();
    return records.map(({ id }) => id);
  }

  it('is that store alone, whatever a killed one left there', async () => {
    const from = await storeOf(20);
    const to = await killedStore();
    await expect(backupStore(from, to)).rejects.toThrow(memoryError('invalid', /there already/));
    await backupStore(from, to, { overwrite: true });
    expect(await checkStore(to)).toMatchObject({ isWhole: true, records: 20, leftPuts: 0 });
    expect(await idsOf(to)).toHaveLength(20);
  });

  it('is so too where only the file of the killed one was removed', async () => {
    const from = await storeOf(20);
    const to = await killedStore();
    rmSync(to);
    await backupStore(from, to);
    expect(await checkStore(to)).toMatchObject({ isWhole: true, records: 20, leftPuts: 0 });
    expect(await idsOf(to)).toHaveLength(20);
  });

  it('waits until nobody has that store open', async () => {
    const from = await storeOf(20);
    const to = await storeOf(5, 'other');
    const store = await openStore(to);
    await expect(backupStore(from, to, { overwrite: true })).rejects.toThrow(
      memoryError('locked', /is opened by/),
    );
    await store.put({ id: 'later', content: 'later', vector: null });
    await store.close();
    expect(await idsOf(to)).toHaveLength(6);
  });

  it('takes no snapshot of the other one for its own', async () => {
    const from = await storeOf(20);
    const copy = scratch('copy.db');
    await backupStore(from, copy);
    const name = (path: string): unknown => {
      const database = Database.open(path, { readOnly: true });
      const row = database.get(`SELECT value FROM agentic_flow_meta WHERE key = 'vector_store'`);
      database.close();
      return row?.[0];
    };
    expect(await idsOf(copy)).toHaveLength(20);
    expect(name(copy)).not.toBe(name(from));
  });
});

describe('an export or a backup', () => {
  it('is written over no file of its store, under whatever name', async () => {
    const path = await storeOf(20);
    const link = scratch('link.db');
    symlinkSync(path, link);
    const store = await openStore(path);
    for (const target of [path, link, `${path}-wal`, `${path}-puts`, `${path}-lock`]) {
      const isOwn = memoryError('invalid', /is the store itself|is a file of the store/);
      await expect(store.exportTo(target), target).rejects.toThrow(isOwn);
      await expect(store.backup(target, { overwrite: true }), target).rejects.toThrow(isOwn);
    }
    await store.close();
    expect(await checkStore(path)).toMatchObject({ isWhole: true, records: 20 });
  });
});
