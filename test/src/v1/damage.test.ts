import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';
import { Random } from '../../../examples/rolling-migration/random.js';
import { packRow } from '../../../src/memory/exact-row.js';
import { discoverInstallation, type V1Row, type V1Store } from '../../../src/v1/index.js';
import { allRows, folder, makeDatabase, reading } from './stores.js';

const PAGE_BYTES = 4096;
const MEMORIES = 300;

interface Page {
  readonly pageno: number;
  readonly name: string;
  readonly pagetype: string;
}

/** Where each b-tree of a database lies. */
function pagesOf(path: string): Page[] {
  const database = new DatabaseSync(path);
  const pages = database.prepare('SELECT pageno, name, pagetype FROM dbstat ORDER BY pageno').all();
  database.close();
  return pages as unknown as Page[];
}

function installation(): { directory: string; path: string } {
  const directory = folder('installation');
  generateV1Installation(directory, { memories: MEMORIES, seed: 5 });
  return { directory, path: join(directory, '.swarm', 'memory.db') };
}

function overwrite(path: string, pages: readonly number[], fill = 0xaa): void {
  const bytes = readFileSync(path);
  for (const page of pages) bytes.fill(fill, (page - 1) * PAGE_BYTES, page * PAGE_BYTES);
  writeFileSync(path, bytes);
}

async function onlyStore(directory: string): Promise<V1Store> {
  const { stores } = await discoverInstallation(directory, { home: directory, env: {} });
  expect(stores).toHaveLength(1);
  return stores[0]!;
}

describe('a damaged database of v1', () => {
  it('gives all rows but those of the overwritten pages, and names these', async () => {
    const { directory, path } = installation();
    const whole = new Set(allRows(await reading(path)).map(({ table, key }) => `${table} ${key}`));
    const leaves = pagesOf(path).filter((p) => p.name === 'patterns' && p.pagetype === 'leaf');
    const hit = [leaves[1]!, leaves[7]!, leaves.at(-1)!].map(({ pageno }) => pageno);
    overwrite(path, hit);
    const store = await onlyStore(directory);
    expect(store).toMatchObject({ state: 'damaged', format: 'A' });
    const opened = await reading(path);
    const rows = allRows(opened).map(({ table, key }) => `${table} ${key}`);
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows.every((row) => whole.has(row))).toBe(true);
    const lost = opened.lost();
    expect(lost.map(({ table }) => table)).toEqual(['patterns']);
    // Every row is either read or counted as lost.
    expect(rows.length + lost[0]!.count).toBe(whole.size);
    expect(lost[0]!.count).toBeGreaterThanOrEqual(3);
    const named = [...whole].filter((row) => !rows.includes(row)).map((row) => row.split(' ')[1]!);
    expect(lost[0]!.reason).toContain(named.sort()[0]);
    expect(store.rows['patterns']).toBe(MEMORIES - lost[0]!.count);
  });

  it('is read to its end wherever single pages are damaged', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
    const random = new Random(seed);
    const { path } = installation();
    const content = ({ table, key, row }: V1Row): string =>
      `${table} ${key} ${Buffer.from(packRow(row)).toString('base64')}`;
    const whole = new Set(allRows(await reading(path)).map(content));
    const pages = pagesOf(path).filter(
      ({ pageno, name }) => pageno > 1 && name !== 'sqlite_schema',
    );
    for (let round = 0; round < 12; round += 1) {
      const copy = join(folder('copy'), 'memory.db');
      cpSync(path, copy);
      const hit = pages[random.below(pages.length)]!;
      overwrite(copy, [hit.pageno], random.below(256));
      const opened = await reading(copy);
      const rows = allRows(opened);
      const missing = whole.size - rows.length;
      const what = `seed ${seed}, round ${round}, page ${hit.pageno} of ${hit.name}`;
      expect(
        rows.filter((row) => !whole.has(content(row))),
        what,
      ).toEqual([]);
      const lost = opened.lost().reduce((sum, { count }) => sum + count, 0);
      expect(missing, what).toBeGreaterThanOrEqual(0);
      expect(opened.lost().length > 0 || missing === 0, what).toBe(true);
      expect(lost, what).toBeLessThanOrEqual(missing);
    }
  });

  it('gives what lies before the cut', async () => {
    const { path } = installation();
    const whole = allRows(await reading(path)).length;
    let last = whole;
    for (const share of [0.9, 0.6, 0.3, 0.1]) {
      const copy = join(folder('copy'), 'memory.db');
      cpSync(path, copy);
      const bytes =
        Math.floor((readFileSync(path).length * share) / PAGE_BYTES) * PAGE_BYTES + 1000;
      truncateSync(copy, bytes);
      const opened = await reading(copy);
      const rows = allRows(opened);
      expect(rows.length).toBeLessThan(last);
      expect(rows.length, `${share} of the file`).toBeGreaterThan(whole * (share - 0.25));
      expect(opened.lost().length).toBeGreaterThan(0);
      last = rows.length;
    }
  });

  it('gives the rows of pages to which no tree leads any more', async () => {
    // Three levels: a root, interior pages, leaves; deleted rows on free pages and in use again.
    const make = (): string => {
      return makeDatabase(
        join(folder('live'), 'a.db'),
        `CREATE TABLE old (id INTEGER PRIMARY KEY, a REAL, b TEXT, c, d INTEGER NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
         INSERT INTO old SELECT i, i, printf('%.600c', 'x'), CASE WHEN i % 500 = 0 THEN zeroblob(9000) END,
           CASE WHEN i % 7 = 0 THEN 9223372036854775807 - i ELSE -i END FROM n;
         DELETE FROM old WHERE id BETWEEN 2000 AND 3000;
         CREATE TABLE other (a TEXT, b TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO other SELECT NULL, printf('%.300c', 'y') FROM n`,
      );
    };
    const whole = make();
    const before = allRows(await reading(whole));
    const interior = pagesOf(whole).filter((p) => p.name === 'old' && p.pagetype === 'internal');
    expect(interior.length).toBeGreaterThan(2);
    const roots = pagesOf(whole).filter(({ name }) => name === 'other');
    for (const hit of [[interior[0]!], [interior[1]!], interior, [interior[0]!, roots[0]!]]) {
      const path = make();
      overwrite(
        path,
        hit.map(({ pageno }) => pageno),
      );
      const opened = await reading(path);
      const order = (a: V1Row, b: V1Row): number =>
        Number(a.key.slice(-5)) - Number(b.key.slice(-5));
      for (const table of ['old', 'other']) {
        const expected = before.filter((row) => row.table === table);
        const found = [...opened.rows(table)];
        expect(found).toHaveLength(expected.length);
        if (table === 'old') expect(found.sort(order)).toEqual(expected.sort(order));
      }
      // All is there, and the damage proves no loss.
      expect(opened.lost().filter(({ count }) => count > 0)).toEqual([]);
    }
  });

  it('gives what the log holds behind a damaged place in it', async () => {
    const live = join(folder('live'), 'memory.db');
    const database = new DatabaseSync(live);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0');
    for (const table of ['a', 'b', 'c', 'd']) {
      database.exec(`BEGIN; CREATE TABLE ${table} (id INTEGER PRIMARY KEY, t TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
        INSERT INTO ${table} SELECT i, printf('%.300c', '${table}') FROM n; COMMIT`);
    }
    const log = readFileSync(`${live}-wal`);
    const frame = PAGE_BYTES + 24;
    const frames = (log.length - 32) / frame;
    const damage = async (spoil: (bytes: Buffer) => void) => {
      const copy = join(folder('copy'), 'memory.db');
      cpSync(live, copy);
      const bytes = Buffer.from(log);
      spoil(bytes);
      writeFileSync(`${copy}-wal`, bytes);
      return reading(copy);
    };
    const middle = 32 + Math.floor(frames / 3) * frame;
    for (const place of [middle + 24 + 2000, middle + 17, middle + 9]) {
      const opened = await damage((bytes) => bytes.writeUInt8(bytes[place]! ^ 0xff, place));
      // One page is old or missing: the others hold nearly all of 400 rows, none of them invented.
      const rows = allRows(opened);
      expect(opened.tables).toEqual(['a', 'b', 'c', 'd']);
      expect(rows.length).toBeGreaterThan(350);
      expect(rows.every(({ table, row }) => row['t'] === table.padEnd(300, table))).toBe(true);
    }
    // A transaction without its end is no damage, and none of it is read.
    database.exec('PRAGMA cache_size = 1; BEGIN; UPDATE a SET t = NULL; DELETE FROM b');
    const unfinished = join(folder('copy'), 'memory.db');
    cpSync(live, unfinished);
    cpSync(`${live}-wal`, `${unfinished}-wal`);
    expect(readFileSync(`${unfinished}-wal`).length).toBeGreaterThan(log.length);
    database.exec('ROLLBACK');
    database.close();
    const opened = await reading(unfinished);
    expect(allRows(opened)).toHaveLength(400);
    expect(opened.lost()).toEqual([]);
  });

  it('gives no page to a table when two could have it', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      ['one', 'two']
        .map(
          (name) => `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, t TEXT);
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
           INSERT INTO ${name} SELECT i, printf('%.300c', 'x') FROM n;`,
        )
        .join(''),
    );
    const roots = pagesOf(path).filter(({ pagetype }) => pagetype === 'internal');
    overwrite(
      path,
      roots.map(({ pageno }) => pageno),
    );
    const opened = await reading(path);
    expect(allRows(opened)).toEqual([]);
    expect(opened.lost().map(({ table }) => table)).toEqual(['one', 'two']);
  });

  it('gives both ends of a table without rowids', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `CREATE TABLE flat (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       INSERT INTO flat SELECT printf('k%04d', i), printf('%.100c', 'x') FROM n`,
    );
    const leaves = pagesOf(path).filter(({ pagetype }) => pagetype === 'leaf');
    overwrite(path, [leaves[5]!.pageno]);
    const opened = await reading(path);
    const keys = allRows(opened).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toContain('k0001');
    expect(keys).toContain('k1000');
    expect(keys.length).toBeGreaterThan(900);
    expect(opened.lost().map(({ table }) => table)).toEqual(['flat']);
  });

  it('tells what cannot be read at all from what holds nothing', async () => {
    const cases: readonly [string, (path: string) => void, V1Store['state']][] = [
      ['empty', (path) => truncateSync(path, 0), 'empty-file'],
      ['words', (path) => writeFileSync(path, 'not a database, only words'), 'not-a-database'],
      ['header only', (path) => truncateSync(path, 100), 'damaged'],
      ['first page', (path) => truncateSync(path, PAGE_BYTES), 'damaged'],
    ];
    for (const [what, spoil, state] of cases) {
      const { directory, path } = installation();
      spoil(path);
      const store = await onlyStore(directory);
      expect(store.state, what).toBe(state);
      expect(store.findings.length, what).toBeGreaterThan(0);
      expect(allRows(await reading(path)), what).toEqual([]);
    }
  });

  it('is read although one statement of its schema makes no sense', async () => {
    const { path } = installation();
    const database = new DatabaseSync(path, { defensive: false });
    database.exec(
      `PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = 'CREATE TABLE matts_runs (' WHERE name = 'matts_runs'`,
    );
    database.close();
    const opened = await reading(path);
    expect(opened.tables).toContain('patterns');
    expect([...opened.rows('patterns')]).toHaveLength(MEMORIES);
  });
});
