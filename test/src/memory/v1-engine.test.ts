import { DatabaseSync } from '@photostructure/sqlite';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { describe, expect, it } from 'vitest';

import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { isV1HashEmbedding, v1HashEmbedding } from '../../../src/memory/v1-hash-embedding.js';
import { V1_TABLES } from '../../../src/memory/v1-schema.js';
import { applyAll, edge, fakeVector, insert, MODEL, recordsOf, scratch } from './support.js';

/** The query with which v1 fetches the candidates of a retrieval. */
const V1_CANDIDATES = `
  SELECT p.*, pe.vector as embedding,
    CAST((julianday('now') - julianday(p.created_at)) AS INTEGER) as age_days
  FROM patterns p JOIN pattern_embeddings pe ON p.id = pe.id
  WHERE p.type = 'reasoning_memory' AND p.confidence >= ?
  ORDER BY p.confidence DESC, p.usage_count DESC`;

function v1File(
  name: string,
  fill: (database: InstanceType<typeof DatabaseSync>) => void,
  tables = V1_TABLES,
): string {
  const path = scratch(`${name}/.swarm/memory.db`);
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL');
  for (const { sql } of tables) database.exec(sql);
  fill(database);
  database.close();
  return path;
}

function addPattern(
  database: InstanceType<typeof DatabaseSync>,
  id: string,
  data: string,
  dimensions = 384,
): void {
  database
    .prepare(`INSERT INTO patterns (id, type, pattern_data) VALUES (?, 'reasoning_memory', ?)`)
    .run(id, data);
  const vector = new Uint8Array(v1HashEmbedding(data, dimensions).buffer);
  database
    .prepare(`INSERT INTO pattern_embeddings (id, model, dims, vector) VALUES (?, 'x', ?, ?)`)
    .run(id, dimensions, vector);
}

describe('a v1 file served in place', () => {
  it('shows inserted memories to the queries of v1', () => {
    const path = v1File('visible', (d) => addPattern(d, 'old', '{"title":"t","content":"c"}'));
    const engine = openV1Engine(path);
    const vector = { model: MODEL, values: fakeVector('new words') };
    applyAll(engine, insert('new', 'new words', { metadata: { domain: 'db' }, vector }));
    engine.close();

    const database = new DatabaseSync(path);
    const rows = database.prepare(V1_CANDIDATES).all(0.3) as Record<string, unknown>[];
    expect(rows.map(({ id }) => id).sort()).toEqual(['new', 'old']);
    const row = rows.find(({ id }) => id === 'new');
    const data = JSON.parse(String(row?.['pattern_data']));
    expect(data).toMatchObject({
      title: 'new words',
      content: 'new words',
      domain: 'db',
      n_uses: 0,
    });
    expect(data.source).toMatchObject({ outcome: 'Success' });
    expect(row?.['created_at']).toBe('2025-10-09 08:53:20');
    expect(new Float32Array(Uint8Array.from(row?.['embedding'] as Uint8Array).buffer)).toEqual(
      vector.values,
    );
    database.close();
  });

  it('never mixes dimensions: a file of 1.7 gets the hash that 1.7 computes', () => {
    const path = v1File('dims', (d) => {
      addPattern(d, 'a', '{"content":"a"}', 1024);
      addPattern(d, 'b', '{"content":"b"}', 1024);
      addPattern(d, 'c', '{"content":"c"}', 384);
    });
    const engine = openV1Engine(path);
    applyAll(
      engine,
      insert('new', 'text', { vector: { model: MODEL, values: fakeVector('text') } }),
    );
    expect(
      engine.search({ text: '', vector: { model: MODEL, values: fakeVector('text') }, limit: 1 })[0]
        ?.id,
    ).toBe('new');
    engine.close();
    const database = new DatabaseSync(path);
    const row = database
      .prepare(`SELECT dims, vector FROM pattern_embeddings WHERE id = 'new'`)
      .get() as Record<string, unknown>;
    expect(row['dims']).toBe(1024);
    const stored = new Float32Array(Uint8Array.from(row['vector'] as Uint8Array).buffer);
    expect(stored).toEqual(v1HashEmbedding('text  text', 1024));
    database.close();
  });

  it('gives content and metadata back exactly', () => {
    const engine = openV1Engine(scratch('exact.db'), { create: true });
    const content = 'nul \0, half \ud800, "quotes", \u2028';
    const metadata = {
      title: 'T',
      tags: ['a', 1],
      nested: { x: [null, true] },
      domain: 7,
      content: 'mine',
    };
    applyAll(engine, insert('id', content, { metadata }));
    expect(engine.get('id')).toEqual({
      id: 'id',
      content,
      metadata,
      createdAtMs: 1_760_000_000_123,
    });
    engine.close();
  });

  it('drops its vector of a memory that v1 itself has rewritten since', () => {
    const path = v1File('rewritten', () => undefined);
    const vector = { model: MODEL, values: fakeVector('as it was') };
    const before = openV1Engine(path);
    applyAll(before, insert('a', 'as it was', { vector }));
    before.close();
    const database = new DatabaseSync(path);
    database.exec(`UPDATE patterns SET pattern_data = '{"content":"as it is"}'`);
    database.close();
    const engine = openV1Engine(path);
    expect(engine.search({ text: 'is', vector, limit: 1 })[0]).toMatchObject({ matchedBy: 'text' });
    const pattern = recordsOf(engine).find(({ table }) => table === 'patterns');
    expect(pattern?.vector).toBeUndefined();
    engine.close();
  });

  it('serves a row that v1 chokes on, and its neighbours', () => {
    const path = v1File('bad', (d) => {
      addPattern(d, 'cut', '{"title":"cut off","content":"the JSON ends he');
      addPattern(d, 'empty', '{}');
      addPattern(
        d,
        'good',
        '{"title":"t","content":"good one","created_at":"2025-01-02T03:04:05.006Z"}',
      );
      addPattern(d, 'object', '{"content":{"steps":["a"]}}');
      d.exec(
        `INSERT INTO patterns (id, type, pattern_data, created_at) VALUES ('blob', 'x', x'00ff', '1760000000000')`,
      );
    });
    const engine = openV1Engine(path);
    expect(engine.get('cut')?.content).toBe('{"title":"cut off","content":"the JSON ends he');
    expect(engine.get('empty')?.content).toBe('{}');
    expect(engine.get('good')).toEqual({
      id: 'good',
      content: 'good one',
      metadata: { title: 't', created_at: '2025-01-02T03:04:05.006Z' },
      createdAtMs: Date.UTC(2025, 0, 2, 3, 4, 5, 6),
    });
    expect(engine.get('object')?.content).toBe('{"steps":["a"]}');
    expect(engine.get('blob')).toMatchObject({
      content: '\0\ufffd',
      createdAtMs: 1_760_000_000_000,
    });
    expect(
      engine.search({ text: 'good json', vector: null, limit: 10 }).map(({ id }) => id),
    ).toEqual(['good', 'cut']);
    expect(engine.counts().memories).toBe(5);
    engine.close();
  });

  it('keeps the links of a memory that is replaced', () => {
    const engine = openV1Engine(scratch('links.db'), { create: true });
    const outcomes = applyAll(
      engine,
      insert('a', 'a'),
      edge('a', 'b'),
      insert('b', 'b'),
      edge('a', 'b'),
      insert('b', 'other'),
      edge('a', 'b', { weight: 0.9 }),
      edge('a', 'b', { weight: 1.5 }),
      insert('', 'no id'),
    );
    expect(outcomes).toEqual([
      'ok',
      'missing-endpoint',
      'ok',
      'ok',
      'ok',
      'ok',
      'invalid',
      'invalid',
    ]);
    expect(engine.edges('a')).toEqual([{ from: 'a', to: 'b', relation: 'refines', weight: 0.9 }]);
    expect(engine.apply([{ index: 2, command: edge('a', 'b') }], 2)).toEqual(['missing-endpoint']);
    engine.forgetOutcomes(2);
    expect(engine.apply([{ index: 2, command: edge('a', 'b') }], 2)).toEqual(['ok']);
    engine.close();
  });

  it('takes a file with only some of the tables', () => {
    const onlyEntries = V1_TABLES.filter(({ name }) => name === 'memory_entries');
    const path = v1File(
      'entries',
      (d) => d.exec(`INSERT INTO memory_entries (key, value) VALUES ('k', 'v')`),
      onlyEntries,
    );
    const engine = openV1Engine(path);
    expect(engine.counts()).toMatchObject({ memories: 0, entries: 1 });
    applyAll(engine, insert('a', 'a'));
    expect(engine.get('a')?.content).toBe('a');
    engine.close();
  });

  it('refuses what is no v1 memory, and leaves it alone', () => {
    expect(() => openV1Engine(scratch('none.db'))).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
    const text = scratch('text.db');
    writeFileSync(text, 'this is no database, it is a text of some length');
    expect(() => openV1Engine(text)).toThrow(expect.objectContaining({ code: 'not-a-database' }));
    const foreign = scratch('foreign.db');
    const database = new DatabaseSync(foreign);
    database.exec('CREATE TABLE cats (name); CREATE TABLE patterns (id, pattern)');
    database.close();
    expect(() => openV1Engine(foreign)).toThrow(expect.objectContaining({ code: 'invalid' }));
    const again = new DatabaseSync(foreign);
    expect(again.prepare('SELECT count(*) AS n FROM sqlite_schema').get()).toEqual({ n: 2 });
    again.close();
  });
});

describe('the hash of v1', () => {
  it('is that of 1.10 and of 1.7', () => {
    // Components computed by the published packages for the text "hello world".
    const newer = v1HashEmbedding('hello world', 384);
    const older = v1HashEmbedding('hello world', 1024);
    expect([...newer.subarray(0, 3)].map((x) => x.toFixed(6))).toEqual(NEWER);
    expect([...older.subarray(0, 3)].map((x) => x.toFixed(6))).toEqual(OLDER);
    expect(isV1HashEmbedding(newer, ['other', 'hello world'])).toBe(true);
    expect(isV1HashEmbedding(newer, ['other'])).toBe(false);
  });
});

const NEWER = ['0.061841', '0.025361', '0.064045'];
const OLDER = ['0.028128', '0.001646', '0.036597'];
