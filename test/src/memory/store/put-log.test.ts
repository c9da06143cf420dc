/** Puts that are acknowledged when their log has them, before the file of the store has: through crashes and damage. */
import {
  copyFileSync,
  existsSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';

import { RandomStream } from '../../../../sim/world/random.js';
import {
  backupStore,
  checkStore,
  openV2Engine,
  repairStore,
} from '../../../../src/memory/index.js';
import { Database } from '../../../../src/memory/database.js';
import { StoreHost } from '../../../../src/memory/store/host.js';
import { PUT_LOG_ANEW_BYTES, UNAPPLIED_PUTS_MAX } from '../../../../src/memory/store/limits.js';
import type { Operation, PutOperation } from '../../../../src/memory/store/operations.js';
import { packPuts, unpackPuts } from '../../../../src/memory/store/packed-puts.js';
import { scratch, seed } from '../support.js';
import { direction, memoryError, MODEL, openStore } from './support.js';

const context = { signal: new AbortController().signal, progress: () => undefined };

function put(key: string, more: Partial<PutOperation> = {}): PutOperation {
  const vector = { model: MODEL, values: Float32Array.from(direction(key.length)) };
  const usual = { content: `content of ${key}`, metadata: '{}', timestampMs: 0, expiresAtMs: null };
  return { type: 'put', key, vector, ...usual, ...more };
}

function recordsIn(path: string): string[] {
  const database = Database.open(path, { readOnly: true });
  const rows = database.all('SELECT id FROM records ORDER BY seq');
  database.close();
  return rows.map(([id]) => String(id));
}

/** A store as its thread has it, with the clock in the hands of the test. */
class Logged {
  readonly path: string;
  readonly log: string;
  nowMs = 1000;
  host: StoreHost;
  readonly #restMs: number;

  /** The file does not follow by itself, unless told to. */
  constructor(path = scratch('store.db'), restMs = 1_000_000) {
    this.path = path;
    this.#restMs = restMs;
    this.log = `${path}-puts`;
    this.host = this.open();
  }

  open(): StoreHost {
    const settings = { path: this.path, create: true, adopt: false, batchOperations: 1 };
    const parts = { nowMs: () => this.nowMs, logsPuts: true, restMs: this.#restMs };
    return new StoreHost({ ...settings, batchDelayMs: 0 }, parts);
  }

  /** One entry of the log. */
  async put(...puts: PutOperation[]): Promise<void> {
    await this.host.calls.write(packPuts(puts), context);
  }

  async write(...operations: Operation[]): Promise<boolean[]> {
    return this.host.calls.write(operations, context);
  }

  crash(): void {
    this.host.closeNow();
  }

  /** The ids that are there after it was opened again. */
  async reopened(): Promise<string[]> {
    this.host = this.open();
    const query = { namespace: null, created: {}, order: 'id', limit: 1000, cursor: null } as const;
    const { memories } = await this.host.calls.list(query, context);
    return memories.map(({ id }) => id);
  }
}

describe('a block of puts', () => {
  it('gives back what was packed, whatever its texts and numbers are', () => {
    const random = new RandomStream(seed(), 'packed puts');
    const text = (): string => {
      const length = Math.floor(random.fraction() * 20);
      const units = Array.from({ length }, () => Math.floor(random.fraction() * 0x10000));
      return String.fromCharCode(...units);
    };
    for (let round = 0; round < 100; round += 1) {
      const puts = Array.from({ length: Math.floor(random.fraction() * 5) }, () => {
        const values = Float32Array.from({ length: 7 }, () => random.fraction() - 0.5);
        const vector = random.fraction() < 0.3 ? null : { model: `model ${round}`, values };
        const expiresAtMs = random.fraction() < 0.5 ? null : Math.floor(random.fraction() * 1e13);
        return put(text(), { content: text(), vector, expiresAtMs });
      });
      const { block, count } = packPuts(puts);
      const shifted = new Uint8Array(block.length + 1);
      shifted.set(block, 1);
      expect(count).toBe(puts.length);
      expect(unpackPuts(block)).toEqual(puts);
      expect(unpackPuts(shifted.subarray(1))).toEqual(puts);
    }
  });
});

describe('a put that is acknowledged', () => {
  it('is seen by every question, though the file does not have it', async () => {
    const logged = new Logged();
    await logged.put(put('a'), put('bb'));
    expect(recordsIn(logged.path)).toEqual([]);
    expect(await logged.host.calls.get('a', true, context)).toMatchObject({
      content: 'content of a',
      vector: { model: MODEL },
    });
    await logged.put(put('ccc'));
    const query = { text: '', vector: put('ccc').vector, limit: 1 };
    expect(await logged.host.calls.search(query, context)).toMatchObject([{ id: 'ccc' }]);
    await logged.put(put('dddd'));
    expect(await logged.host.calls.stats(context)).toMatchObject({ records: 4, vectors: 4 });
    await logged.put(put('eeeee'));
    expect(await logged.write({ type: 'delete', key: 'eeeee' })).toEqual([true]);
    expect(recordsIn(logged.path)).toEqual(['a', 'bb', 'ccc', 'dddd']);
    await logged.host.close();
    expect(existsSync(logged.log)).toBe(false);
  });

  it('is in the file soon when nothing else is put, and its log is begun anew', async () => {
    const logged = new Logged(scratch('store.db'), 20);
    const content = 'x'.repeat(PUT_LOG_ANEW_BYTES / 2);
    for (const key of ['a', 'b', 'c']) await logged.put(put(key, { content }));
    const before = statSync(logged.log).size;
    await expect.poll(() => recordsIn(logged.path)).toEqual(['a', 'b', 'c']);
    // The sync of the file is under way.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await logged.put(put('a', { content: 'short' }));
    await logged.put(put('d'));
    expect(statSync(logged.log).size).toBe(before);
    logged.crash();
    expect(await logged.reopened()).toEqual(['a', 'b', 'c', 'd']);
    const found = await logged.host.calls.get('a', false, context);
    expect(found?.content).toBe('short');
    await logged.host.close();
  });

  it('waits for the file in bounded numbers', async () => {
    const logged = new Logged();
    for (let from = 0; from < UNAPPLIED_PUTS_MAX + 2000; from += 1000) {
      const some = Array.from({ length: 1000 }, (_, at) => put(`r${from + at}`, { vector: null }));
      await logged.put(...some);
    }
    expect(recordsIn(logged.path).length).toBeGreaterThanOrEqual(2000);
    logged.crash();
    logged.host = logged.open();
    expect(recordsIn(logged.path)).toHaveLength(UNAPPLIED_PUTS_MAX + 2000);
    await logged.host.close();
  });

  it('was accepted at its time: what it replaces had not expired then', async () => {
    const logged = new Logged();
    await logged.put(put('a', { expiresAtMs: 2000 }), put('b'));
    const link = { type: 'link', from: 'b', to: 'a', relation: 't', weight: 1 } as const;
    expect(await logged.write(link)).toEqual([true]);
    await logged.put(put('a', { content: 'new' }));
    logged.nowMs = 3000;
    expect(await logged.host.calls.stats(context)).toMatchObject({ records: 2, edges: 1 });
    await logged.put(put('a', { expiresAtMs: 4000 }));
    logged.nowMs = 5000;
    await logged.put(put('a', { content: 'newer' }));
    expect(await logged.host.calls.stats(context)).toMatchObject({ records: 2, edges: 0 });
    await logged.host.close();
  });
});

describe('a crash', () => {
  it('leaves puts to the next opening, in their order with what the file had at once', async () => {
    const logged = new Logged();
    await logged.put(put('a'), put('b'));
    await logged.write({ type: 'delete', key: 'a' });
    await logged.put(put('c'));
    await logged.put(put('b', { content: 'last' }));
    logged.crash();
    expect(existsSync(logged.log)).toBe(true);
    expect(() => openV2Engine(logged.path)).toThrow(memoryError('invalid', /open it as a store/));
    expect(await logged.reopened()).toEqual(['b', 'c']);
    expect(existsSync(logged.log)).toBe(false);
    expect((await logged.host.calls.get('b', false, context))?.content).toBe('last');
    await logged.put(put('d'));
    logged.crash();
    expect(await logged.reopened()).toEqual(['b', 'c', 'd']);
    await logged.host.close();
    openV2Engine(logged.path).close();
  });

  it('in the middle of an entry leaves those before, wherever it was cut', async () => {
    const logged = new Logged();
    const ends: number[] = [];
    for (const key of ['a', 'b', 'c']) {
      await logged.put(put(key));
      ends.push(statSync(logged.log).size);
    }
    logged.crash();
    const whole = readFileSync(logged.log);
    const [file, wal] = [readFileSync(logged.path), readFileSync(`${logged.path}-wal`)];
    for (let cut = 0; cut < whole.length; cut += 13) {
      const other = new Logged(scratchOf(file, wal, whole, cut));
      const expected = ['a', 'b', 'c'].filter((_, at) => ends[at]! <= cut);
      const query = { namespace: null, created: {}, order: 'id', limit: 9, cursor: null } as const;
      const { memories } = await other.host.calls.list(query, context);
      expect(memories.map(({ id }) => id)).toEqual(expected);
      await other.host.close();
    }
  });
});

/** The files of a store after a crash, the log cut to so many bytes. */
function scratchOf(file: Buffer, wal: Buffer, log: Buffer, cut: number): string {
  const path = scratch('store.db');
  writeFileSync(path, file);
  writeFileSync(`${path}-wal`, wal);
  writeFileSync(`${path}-puts`, log.subarray(0, cut));
  return path;
}

describe('a log that is not what was written', () => {
  async function crashed(): Promise<{ logged: Logged; ends: number[] }> {
    const logged = new Logged();
    const ends: number[] = [];
    for (const key of ['a', 'b', 'c']) {
      await logged.put(put(key));
      ends.push(statSync(logged.log).size);
    }
    logged.crash();
    return { logged, ends };
  }

  function flip(path: string, at: number): void {
    const bytes = readFileSync(path);
    bytes[at]! ^= 4;
    writeFileSync(path, bytes);
  }

  it('is told, and repaired with the entries that can be read', async () => {
    const { logged, ends } = await crashed();
    flip(logged.log, ends[0]! + 50);
    expect(() => logged.open()).toThrow(memoryError('damaged', /repair/));
    const report = await repairStore(logged.path);
    expect(report).toMatchObject({ kept: null, keptLog: `${logged.log}.damaged` });
    expect(await logged.reopened()).toEqual(['a', 'c']);
    await logged.host.close();
    expect(await repairStore(logged.path)).toMatchObject({ kept: null, keptLog: null });
  });

  it('is refused where its beginning is damaged, foreign or of a later release', async () => {
    const { logged } = await crashed();
    const whole = readFileSync(logged.log);
    for (const [at, code] of [
      [3, 'damaged'],
      [8, 'newer-version'],
      [20, 'damaged'],
    ] as const) {
      writeFileSync(logged.log, whole);
      flip(logged.log, at);
      expect(() => logged.open()).toThrow(memoryError(code));
      const { problems } = await checkStore(logged.path);
      expect(problems).toMatchObject([{ kind: 'put-log' }]);
    }
    writeFileSync(logged.log, new Uint8Array(5000).fill(7));
    expect(() => logged.open()).toThrow(memoryError('damaged'));
    writeFileSync(logged.log, whole);
    truncateSync(logged.log, 70_000_000);
    expect(() => logged.open()).toThrow(memoryError('damaged'));
    const other = await crashed();
    copyFileSync(other.logged.log, logged.log);
    expect(() => logged.open()).toThrow(memoryError('invalid', /another store/));
    writeFileSync(logged.log, whole);
    expect(await logged.reopened()).toEqual(['a', 'b', 'c']);
    await logged.host.close();
  });

  it('with a damaged beginning gives its entries to the repair', async () => {
    const { logged } = await crashed();
    flip(logged.log, 3);
    expect((await repairStore(logged.path)).keptLog).toBe(`${logged.log}.damaged`);
    expect(await logged.reopened()).toEqual(['a', 'b', 'c']);
    await logged.host.close();
  });
});

describe('a backup', () => {
  it('has what a crash left in the log, and takes no log for its own', async () => {
    const logged = new Logged();
    await logged.put(put('a'));
    logged.crash();
    const log = readFileSync(logged.log);
    const to = scratch('backup.db');
    expect(await backupStore(logged.path, to)).toMatchObject({ records: 1 });
    writeFileSync(`${to}-puts`, log);
    await expect(openStore(to)).rejects.toThrow(memoryError('invalid', /another store/));
  });

  it('of a store that is open has what was acknowledged before', async () => {
    const store = await openStore();
    await store.putMany([{ id: 'a', content: 'a', vector: direction(1) }]);
    const to = scratch('backup.db');
    const [backup, check] = await Promise.all([store.backup(to), store.check()]);
    expect([backup.records, check.records]).toEqual([1, 1]);
  });
});
