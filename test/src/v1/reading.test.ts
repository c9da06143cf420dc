import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';

import { TEXT_BYTES_KEY } from '../../../src/memory/exact-row.js';
import { bytesOfVector, cosine } from '../../../src/memory/vector-bytes.js';
import { discoverInstallation, openReading } from '../../../src/v1/index.js';
import { allRows, folder, makeDatabase, reading, SCHEMAS, storeAt } from './stores.js';

describe('the databases of v1', () => {
  it.each(Object.entries(SCHEMAS))('are told by their columns: %s', async (schema, sql) => {
    const directory = folder('installation');
    makeDatabase(join(directory, 'data', 'any.db'), sql);
    const { stores } = await discoverInstallation(directory, { home: directory, env: {} });
    const rows = stores.flatMap((store) => Object.values(store.rows));
    expect(stores.map(({ name, format, state }) => [name, format, state])).toEqual([
      ['data/any.db', schema[0], 'ok'],
    ]);
    expect(rows.reduce((sum, count) => sum + count)).toBe(1);
  });

  it('leave nothing behind when they are closed', async () => {
    const work = folder('work');
    const path = makeDatabase(join(folder('live'), 'a.db'), SCHEMAS['A']!);
    const opened = await openReading(storeAt(path), work);
    expect(allRows(opened)).toHaveLength(1);
    expect(readdirSync(work)).toHaveLength(1);
    opened.close();
    expect(readdirSync(work)).toEqual([]);
  });

  it('give every value as it is', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `CREATE TABLE odd (id INTEGER PRIMARY KEY, v);
       INSERT INTO odd VALUES (1, 9223372036854775807), (2, CAST(x'ff41' AS TEXT)), (3, x''), (4, NULL),
         (5, 1.0), (6, ''), (7, CAST(x'610062' AS TEXT)), (8, x'ff')`,
    );
    const rows = allRows(await reading(path)).map(({ row }) => row);
    expect(rows.map(({ v }) => v)).toEqual([
      9223372036854775807n,
      Uint8Array.from([0xff, 0x41]),
      new Uint8Array(),
      null,
      1,
      '',
      'a\0b',
      Uint8Array.from([0xff]),
    ]);
    expect(rows.map((row) => row[TEXT_BYTES_KEY])).toEqual([
      undefined,
      'v',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('name each row once', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `CREATE TABLE texts (id TEXT PRIMARY KEY);
       INSERT INTO texts VALUES ('a'), ('A'), (NULL), (NULL), (x'61'), ('rowid:3'), ('7'), (char(31));
       CREATE TABLE pairs (a, b, PRIMARY KEY (a, b));
       INSERT INTO pairs VALUES ('x', 'y'), (1, 2), ('1', 2), (1.5, 2), ('x' || char(31) || 'y', '');
       CREATE TABLE keyless (rowid, a);
       INSERT INTO keyless VALUES ('other', 1), ('other', 1);
       CREATE TABLE flat (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
       INSERT INTO flat VALUES ('k1', 1), (x'00', 2), ('key:', 3)`,
    );
    const rows = allRows(await reading(path));
    const keys = (table: string): string[] =>
      rows.filter((row) => row.table === table).map(({ key }) => key);
    expect(keys('texts')).toEqual([
      'a',
      'A',
      'rowid:3',
      'rowid:4',
      'rowid:5',
      'rowid:6',
      '7',
      'rowid:8',
    ]);
    expect(keys('pairs')).toEqual(['x\u001fy', '1\u001f2', 'rowid:3', 'rowid:4', 'rowid:5']);
    expect(keys('keyless')).toEqual(['rowid:1', 'rowid:2']);
    expect(keys('flat').map((key) => key.replace(/^key:[0-9a-f]{64}$/, 'key:HASH'))).toEqual([
      'k1',
      'key:HASH',
      'key:HASH',
    ]);
    expect(new Set(rows.map(({ table, key }) => `${table} ${key}`)).size).toBe(rows.length);
  });

  it('give tables that no release knows, and nothing of SQLite itself', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `${SCHEMAS['A']};
       CREATE TABLE "my ""table""" ("a b" INTEGER PRIMARY KEY AUTOINCREMENT, "__proto__");
       INSERT INTO "my ""table""" VALUES (1, 'kept');
       CREATE VIEW all_of_them AS SELECT * FROM patterns;
       CREATE VIRTUAL TABLE notes USING fts5(body);
       INSERT INTO notes VALUES ('words');
       CREATE VIRTUAL TABLE found USING fts5(id, content='patterns');
       CREATE TABLE agentic_flow_meta (key, value);
       ANALYZE`,
    );
    const opened = await reading(path);
    expect([...opened.tables].sort()).toEqual(['my "table"', 'notes', 'patterns']);
    const [odd] = [...opened.rows('my "table"')];
    expect(Object.entries(odd!.row)).toEqual([
      ['a b', 1],
      ['__proto__', 'kept'],
    ]);
    expect([...opened.rows('notes')].map(({ row }) => row)).toEqual([{ body: 'words' }]);
    expect([...opened.rows('no such table')]).toEqual([]);
  });

  it('may have more columns than any of v1', async () => {
    const columns = Array.from({ length: 300 }, (_, i) => `c${i}`);
    const values = columns.map((name, i) => (i % 2 === 0 ? `'${name}'` : String(i)));
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `CREATE TABLE wide (${columns.join(', ')}); INSERT INTO wide VALUES (${values.join(', ')})`,
    );
    const [row] = allRows(await reading(path));
    expect(Object.keys(row!.row)).toEqual(columns);
    expect([row!.row['c298'], row!.row['c299']]).toEqual(['c298', 299]);
  });

  it('stream: a table of many rows needs the memory of one', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `CREATE TABLE many (id INTEGER PRIMARY KEY, text);
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
       INSERT INTO many SELECT i, printf('%.1000c', 'x') FROM n`,
    );
    expect(statSync(path).size).toBeGreaterThan(60_000_000);
    const opened = await reading(path);
    let rows = 0;
    let highest = 0;
    const before = process.memoryUsage().heapUsed;
    for (const { key } of opened.rows('many')) {
      rows += 1;
      expect(key).toBe(String(rows));
      if (rows % 5000 === 0) highest = Math.max(highest, process.memoryUsage().heapUsed - before);
    }
    expect(rows).toBe(60_000);
    expect(highest).toBeLessThan(50_000_000);
  });
});

describe('the links of a v1 memory', () => {
  it('are told from those of the faulty consolidation, one by one', async () => {
    const path = makeDatabase(
      join(folder('live'), 'a.db'),
      `${SCHEMAS['A']}; INSERT INTO patterns VALUES ('p2', 'm', '{}', 0.5, 0, '', NULL);
       CREATE TABLE pattern_embeddings (id TEXT PRIMARY KEY, model, dims, vector BLOB);
       CREATE TABLE pattern_links (src_id TEXT, dst_id TEXT, relation TEXT, weight REAL, created_at TEXT,
         PRIMARY KEY (src_id, dst_id, relation))`,
    );
    const database = new DatabaseSync(path);
    const [one, two] = [Float32Array.of(1, 1), Float32Array.of(1, -1)].map(bytesOfVector);
    const embed = database.prepare(`INSERT INTO pattern_embeddings VALUES (?, 'm', 2, ?)`);
    embed.run('p1', one!);
    embed.run('p2', two!);
    // The cosine of the bytes; that of the vectors is 0.
    const weight = cosine(one!, two!);
    expect(weight).toBeGreaterThan(0.6);
    const insert = database.prepare(`INSERT INTO pattern_links VALUES (?, ?, ?, ?, '')`);
    insert.run('p1', 'p2', 'contradicts', weight);
    insert.run('p2', 'p1', 'contradicts', 0.7);
    insert.run('p1', 'p2', 'refines', weight);
    database.close();
    const opened = await reading(path);
    const verdicts = [...opened.rows('pattern_links')].map(({ key }) => opened.isPoisonedLink(key));
    expect(verdicts).toEqual([true, false, false]);
    expect(opened.isPoisonedLink('p1')).toBe(false);
    expect(opened.isPoisonedLink('rowid:1')).toBe(true);
  });
});

describe('the JSON stores of v1', () => {
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder('json'), name);
    writeFileSync(path, content);
    return path;
  };
  const memory = async (content: string | Uint8Array) => {
    return reading(write('memory-store.json', content), 'memory-json');
  };

  it('give each element of the basic memory as a row, also equal and broken ones', async () => {
    const opened = await memory(
      `\uFEFF{"a": [{"key": "k", "value": "v", "redacted": true, "n": {"x": 1}},
         {"key": "k", "value": 2}, null, {"key": 5, "value": "v"}, {"key": "k", "value": "v", bad}],
        "b": "no list", "__proto__": [{"key": "p", "value": "q", "namespace": "other"}], "a": []}`,
    );
    expect(allRows(opened).map(({ key, row }) => [key, row['value'] ?? row['json']])).toEqual([
      ['a\u001fk', 'v'],
      ['a\u001fk\u001f#2', 2],
      ['a\u001f#2', 'null'],
      ['a\u001f#3', 'v'],
      ['a\u001f#4', '{"key": "k", "value": "v", bad}'],
      ['b\u001f#0', '"no list"'],
      ['__proto__\u001fp', 'q'],
    ]);
    const [first] = allRows(opened);
    expect(first!.row).toEqual({
      namespace: 'a',
      key: 'k',
      value: 'v',
      redacted: 1,
      n: '{"x":1}',
      json: '{"key": "k", "value": "v", "redacted": true, "n": {"x": 1}}',
    });
    expect(opened.lost()).toEqual([]);
    expect(({} as Record<string, unknown>)['key']).toBeUndefined();
  });

  it('are read up to where they were cut off', async () => {
    const whole = `{"a":[{"key":"1","value":"x"},{"key":"2","value":"]}"}],"b":[{"key":"3","value":"z"}]}`;
    for (let length = 0; length < whole.length; length += 1) {
      const opened = await memory(whole.slice(0, length));
      const keys = allRows(opened).map(({ row }) => row['key']);
      const ends = [whole.indexOf('},{'), whole.indexOf('}],"b'), whole.indexOf('}]}')];
      expect(keys).toEqual(['1', '2', '3'].slice(0, ends.filter((end) => end < length).length));
      expect(opened.lost()).toHaveLength(length === 0 ? 0 : 1);
    }
    expect((await memory(whole)).lost()).toEqual([]);
  });

  it('keep text that is no UTF-8', async () => {
    const opened = await memory(Buffer.from('{"a":[{"key":"k","value":"\xff"}]}', 'latin1'));
    const [row] = allRows(opened);
    expect(row!.row['json']).toBeInstanceOf(Uint8Array);
    expect(row!.row[TEXT_BYTES_KEY]).toBe('json');
  });

  it('unpack sessions', async () => {
    const json = '{"sessionId":"s","data":{"x":1}}';
    const forms: Record<string, string> = {
      plain: json,
      base64: `__compressed__${Buffer.from(json).toString('base64')}`,
      gzip: `__compressed__${gzipSync(json).toString('base64')}`,
    };
    for (const [name, content] of Object.entries(forms)) {
      const opened = await reading(write(`${name}.json`, content), 'session-json');
      const [row] = allRows(opened);
      expect(row).toMatchObject({ table: 'sessions', key: name });
      expect(row!.row).toMatchObject({ file: name, sessionId: 's', data: '{"x":1}', json });
      expect(row!.row['raw']).toBe(name === 'plain' ? null : content);
    }
    const half = `__compressed__${gzipSync(json).toString('base64').slice(0, 20)}`;
    const broken = await reading(write('half.json', half), 'session-json');
    expect(allRows(broken).map(({ row }) => row['raw'])).toEqual([half]);
    expect(allRows(await reading(write('none.json', ''), 'session-json'))).toEqual([]);
  });

  it('name measurements by what they carry', async () => {
    const list = '[{"id":"x"},{"timestamp":5},{"timestamp":5},7]';
    const opened = await reading(write('task-metrics.json', list), 'metrics-json');
    expect(allRows(opened).map(({ key }) => key)).toEqual([
      'task-metrics:x',
      'task-metrics:5',
      'task-metrics:5\u001f#2',
      'task-metrics:#3',
    ]);
    const one = await reading(write('performance.json', '{"a":1,"b":null}'), 'metrics-json');
    expect(allRows(one)).toEqual([
      { table: 'metrics', key: 'performance', row: { a: 1, b: null, json: '{"a":1,"b":null}' } },
    ]);
    expect(allRows(await reading(write('agent-metrics.json', '{}'), 'metrics-json'))).toEqual([]);
  });

  it('keep agents and tasks of a data file apart', async () => {
    const text = '{"agents":[{"id":"a1"}],"tasks":[{"id":"a1"},{}],"lastUpdated":5}';
    const opened = await reading(write('claude-flow@alpha-data.json', text), 'memory-json');
    expect(allRows(opened).map(({ table, key }) => `${table} ${key}`)).toEqual([
      'agents a1',
      'tasks a1',
      'tasks #1',
      'state state',
    ]);
  });
});

describe('foreign keys', () => {
  it('are those of one column that name a row by its key, with the names as the tables have them', async () => {
    const path = makeDatabase(
      join(folder('keys'), 'store.db'),
      `PRAGMA foreign_keys = OFF;
       CREATE TABLE Parent (ID INTEGER PRIMARY KEY, code TEXT UNIQUE);
       CREATE TABLE pairs (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
       CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent(id),
         other_id INTEGER REFERENCES PARENT, by_code TEXT REFERENCES parent(code),
         gone_id INTEGER REFERENCES nowhere(id), a INTEGER, b INTEGER,
         FOREIGN KEY (a, b) REFERENCES pairs (a, b));
       INSERT INTO child VALUES (1, 2, 3, 'x', 4, 5, 6)`,
    );
    const opened = await reading(path);
    expect(opened.foreignKeys('child')).toEqual([
      { column: 'other_id', table: 'Parent' },
      { column: 'parent_id', table: 'Parent' },
    ]);
    expect(opened.foreignKeys('Parent')).toEqual([]);
    expect(opened.foreignKeys('none')).toEqual([]);
  });
});
