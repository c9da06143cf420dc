/** Check, repair, backup, compaction and export of stores that serve, and of files with holes. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { backupStore, checkStore, repairStore } from '../../../../src/memory/index.js';
import { Database } from '../../../../src/memory/database.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { scratch, seed } from '../support.js';
import { direction, memoryError, openStore } from './support.js';

const PAGE_BYTES = 4096;
const contentOf = (number: number): string =>
  `content ${number} `.repeat(number % 50 === 0 ? 700 : 8);

/** A closed store of so many records, each linked to the one before; all of it in one file. */
async function storeOf(count: number): Promise<string> {
  const path = scratch('store.db');
  const store = await openStore(path);
  const records = Array.from({ length: count }, (_, i) => {
    return { id: `r${i}`, content: contentOf(i), vector: direction(i), metadata: { i } };
  });
  await store.putMany(records);
  await store.put({ id: 'x', namespace: 'n', content: 'expires', vector: null, expiresAt: 9e12 });
  const links = Array.from({ length: count - 1 }, (_, i) => {
    return store.link({ from: `r${i + 1}`, to: `r${i}`, type: 'after' });
  });
  await Promise.all(links);
  await store.compact();
  await store.close();
  return path;
}

/** The pages of the leaves of a table, as SQLite tells them. */
function leavesOf(path: string, table: string): number[] {
  const database = Database.open(path, { readOnly: true });
  const sql = `SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno`;
  const pages = database.all(sql, table, 'leaf').map(([page]) => Number(page));
  database.close();
  return pages;
}

function overwrite(path: string, pages: readonly number[], fill: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  for (const page of pages) fill(bytes.subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES));
  writeFileSync(path, bytes);
}

describe('a store with holes', () => {
  it('is told by the check, and repaired with everything that can be read', async () => {
    const path = await storeOf(2000);
    const leaves = leavesOf(path, 'records');
    const holes = [leaves[5]!, leaves[6]!, leaves[40]!, leaves.at(-1)!];
    overwrite(path, holes, (page) => page.fill(0));
    const before = readFileSync(path);
    const report = await checkStore(path);
    expect(report.isWhole).toBe(false);
    expect(report.problems.map(({ kind }) => kind)).toContain('integrity');

    const repaired = await repairStore(path);
    const { saved, lost, lostIds, kept } = repaired;
    // The index on ids is whole, so the count of what is lost is exact.
    expect(saved.records + lost.records!).toBe(2001);
    expect(lost.records).toBeGreaterThan(holes.length);
    expect(lost.records).toBeLessThan(200);
    expect(lostIds).toHaveLength(10);
    // The one record without a vector was put last, so it is lost with the last leaf.
    expect(saved.vectors).toBe(saved.records);
    expect(readFileSync(kept!).equals(before)).toBe(true);

    expect(await checkStore(path)).toMatchObject({ isWhole: true, records: saved.records });
    const store = await openStore(path);
    let found = 0;
    for (let i = 0; i < 2000; i += 1) {
      const record = await store.get(`r${i}`);
      if (record === null) continue;
      found += 1;
      expect(record).toMatchObject({ content: contentOf(i), metadata: { i } });
    }
    expect(found).toBe(saved.records);
    for (const id of lostIds) expect(await store.get(id)).toBeNull();
    const [hit] = await store.search({ vector: direction(1999 - 1500), limit: 1 });
    expect(hit?.score).toBeCloseTo(1, 5);
    await store.put({ id: 'new', content: 'new', vector: [1, 2, 3] });
    expect((await repairStoreRefused(path))?.code).toBe('locked');
  });

  it('is never made worse, wherever the holes are', async () => {
    const random = new RandomStream(seed(), 'holes');
    const whole = await storeOf(400);
    const pages = statSync(whole).size / PAGE_BYTES;
    for (let round = 0; round < 8; round += 1) {
      const path = scratch('holed.db');
      writeFileSync(path, readFileSync(whole));
      // Never the first page: without it the file is no database any more.
      const holes = Array.from({ length: 1 + (round % 4) }, () => random.integer(2, pages));
      overwrite(path, holes, (page) => {
        for (let at = 0; at < page.length; at += 1) page[at] = random.integer(0, 255);
      });
      if ((await checkStore(path)).isWhole) continue;
      const { saved, lost } = await repairStore(path);
      expect(saved.records).toBeLessThanOrEqual(401);
      if (lost.records !== null) expect(saved.records + lost.records).toBeLessThanOrEqual(802);
      expect(await checkStore(path)).toMatchObject({ isWhole: true });
      const store = await openStore(path, { model: undefined });
      for (const { id, namespace, content } of (await store.list({ limit: 1000 })).records) {
        if (namespace === 'default') expect(content).toBe(contentOf(Number(id.slice(1))));
      }
      await store.close();
    }
  });

  it('is told where a name in its schema was changed', async () => {
    const path = await storeOf(10);
    const bytes = readFileSync(path);
    const at = bytes.indexOf('vector BLOB NOT NULL');
    bytes.write('vectos', at, 'latin1');
    writeFileSync(path, bytes);
    const { isWhole, problems } = await checkStore(path);
    expect(isWhole).toBe(false);
    expect(JSON.stringify(problems)).toContain('no such column: v.vector');
    const opening = openStore(path).then((store) => store.search({ vector: direction(1) }));
    await expect(opening).rejects.toThrow(memoryError('damaged', /no such column/));
  });

  it('that is whole stays as it is', async () => {
    const path = await storeOf(10);
    const before = readFileSync(path);
    expect(await repairStore(path)).toMatchObject({ kept: null, lost: { records: 0 } });
    expect(readFileSync(path).equals(before)).toBe(true);
    await expect(repairStore(scratch('none.db'))).rejects.toThrow(memoryError('not-found'));
  });

  it('of rows that do not fit together is told by the check', async () => {
    const path = await storeOf(20);
    const database = Database.open(path);
    database.exec(`
      UPDATE records SET body = '["other",{}]' WHERE id = 'r1';
      UPDATE records SET body = 'nonsense' WHERE id = 'r2';
      INSERT INTO records VALUES (99, char(31) || 'odd', '["",{}]', 0, 0, NULL);
      DELETE FROM records WHERE id = 'r3';
      UPDATE vectors SET model = 'other' WHERE id = 'r4';
      UPDATE vectors SET vector = x'0000c07f0000c07f0000c07f' WHERE id = 'r5';
      UPDATE edges SET weight = 7 WHERE from_id = 'r7';
      INSERT INTO agentic_flow_expiry VALUES ('nobody', 5)`);
    database.close();
    writeFileSync(`${path}-vectors-0123`, 'no snapshot');
    const { problems } = await checkStore(path);
    expect(problems.map(({ kind, count }) => [kind, count]).sort()).toEqual([
      ['edge-weight', 1],
      ['edge-without-record', 2],
      ['expiry-without-record', 1],
      ['foreign-id', 1],
      ['snapshot', 1],
      ['unreadable-record', 1],
      ['vector-not-finite', 1],
      ['vector-of-another-model', 1],
      ['vector-of-another-text', 1],
      ['vector-without-record', 1],
    ]);
    const { saved } = await repairStore(path);
    expect(saved.records).toBe(20);
    expect(await checkStore(path)).toMatchObject({ isWhole: true });
  });
});

async function repairStoreRefused(path: string): Promise<{ code: string } | undefined> {
  return repairStore(path).then(
    () => undefined,
    (error: { code: string }) => error,
  );
}

describe('a backup', () => {
  it('is the store of one moment, taken while it is written', async () => {
    const store = await openStore(await storeOf(500));
    const state = { isDone: false };
    const writing = (async () => {
      for (let i = 0; !state.isDone; i += 1) {
        await store.put({ id: `n${i}`, content: `${i}`, vector: null });
        if (i > 0) await store.link({ from: `n${i}`, to: `n${i - 1}`, type: 'after' });
      }
    })();
    const to = scratch('backup.db');
    const report = await store.backup(to);
    state.isDone = true;
    await writing;
    expect(await checkStore(to)).toMatchObject({ isWhole: true, records: report.records });
    expect(existsSync(`${to}.new`)).toBe(false);
    const copy = await openStore(to);
    const { records } = await copy.stats();
    expect(records).toBe(report.records);
    // Each new record has its edge, but for the first and perhaps the last.
    const added = records - 501;
    const { rows } = await copy.query('MATCH (a)-[r:after]->(b) RETURN count(r)');
    expect(Number(rows[0]?.[0]) - 499).toBeGreaterThanOrEqual(Math.max(0, added - 2));
    await copy.put({ id: 'own', content: 'own', vector: [1, 2, 3] });
    expect(await store.get('own')).toBeNull();
  });

  it('replaces nothing unasked, and is not taken of what is damaged', async () => {
    const path = await storeOf(500);
    const to = scratch('there.db');
    writeFileSync(to, 'precious');
    await expect(backupStore(path, to)).rejects.toThrow(memoryError('invalid', /is there already/));
    await expect(backupStore(path, path, { overwrite: true })).rejects.toThrow(
      memoryError('invalid', /the store itself/),
    );
    expect(readFileSync(to, 'utf8')).toBe('precious');
    overwrite(path, [leavesOf(path, 'records')[3]!], (page) => page.fill(7));
    await expect(backupStore(path, to, { overwrite: true })).rejects.toThrow(
      memoryError('damaged', /repair|restore/),
    );
    expect(readFileSync(to, 'utf8')).toBe('precious');
    expect(existsSync(`${to}.new`)).toBe(false);
    const stop = new AbortController();
    const backing = backupStore(await storeOf(300), scratch('never.db'), { signal: stop.signal });
    stop.abort(new Error('no more'));
    await expect(backing).rejects.toThrow('no more');
  });
});

describe('a compaction', () => {
  it('makes the file smaller while searches are answered', async () => {
    const path = await storeOf(3000);
    const store = await openStore(path);
    const ids = Array.from({ length: 2700 }, (_, i) => `r${i}`);
    await Promise.all(ids.map((id) => store.delete(id)));
    const { fileBytes, freeBytes } = await store.stats();
    expect(freeBytes).toBeGreaterThan(fileBytes / 2);
    const state = { isDone: false };
    let answered = 0;
    const compacting = store.compact().finally(() => (state.isDone = true));
    while (!state.isDone) {
      const [hit] = await store.search({ vector: direction(2999), limit: 1 });
      expect(hit?.score).toBeCloseTo(1, 5);
      answered += 1;
    }
    const { bytesBefore, bytesAfter } = await compacting;
    expect(answered).toBeGreaterThan(0);
    expect(bytesAfter).toBeLessThan(bytesBefore / 3);
    expect(statSync(path).size).toBeLessThanOrEqual(bytesAfter);
    expect(await store.stats()).toMatchObject({ records: 301 });
    expect(await store.check()).toMatchObject({ isWhole: true });
  });
});

describe('an export', () => {
  it('is of one moment, and back-pressure holds it', async () => {
    const store = await openStore(await storeOf(1000));
    const out = new PassThrough({ highWaterMark: 1024 });
    const exporting = store.exportTo(out);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await store.delete('r999');
    await store.put({ id: 'late', content: 'late', vector: null });
    let text = '';
    out.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const counts = await exporting;
    expect(counts).toEqual({ records: 1001, edges: 999, skipped: 0 });
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(2002);
    expect(text).toContain('"id":"r999"');
    expect(text).not.toContain('"id":"late"');
    expect(lines[0]).toBe(
      '{"format":"agentic-flow-memory","version":1,"model":"three","dimensions":3,"records":1001,"edges":999}',
    );
    expect(lines.at(-1)).toBe('{"end":{"records":1001,"edges":999}}');
  });

  it('that is stopped leaves the file of before', async () => {
    const store = await openStore(await storeOf(1000));
    const to = scratch('lines.jsonl');
    writeFileSync(to, 'before');
    const stop = new AbortController();
    const exporting = store.exportTo(to, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('no more')),
    });
    await expect(exporting).rejects.toThrow('no more');
    expect(readFileSync(to, 'utf8')).toBe('before');
    expect(existsSync(`${to}.new`)).toBe(false);
  });
});
