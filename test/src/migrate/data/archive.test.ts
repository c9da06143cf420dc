import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Database } from '../../../../src/memory/database.js';
import { migrateData, openArchive } from '../../../../src/migrate/data/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { NOW_MS } from './generated.js';
import { link, LINK_KEY, memoryReading, pattern } from './support.js';

/** What is in the golden file, and in a new archive of the same rows. */
const ROWS = [
  ['patterns', 'a', 'memory', 'a', null],
  ['patterns', 'odd\0key', 'memory', 'odd_key~403ea260d1c17f3b', null],
  ['memory_entries', '1', 'quarantined', null, 'expired'],
  ['pattern_embeddings', 'a', 'vector', 'a', null],
  [
    'pattern_links',
    'a\u001fodd\0key\u001frefines',
    'edge',
    expect.stringContaining('refines'),
    null,
  ],
  ['pattern_links', 'a\u001fgone\u001frefines', 'quarantined', null, 'link-end-missing'],
];

function source(): ReturnType<typeof memoryReading> {
  const bytes = new Uint8Array([1, 2, 255]);
  return memoryReading(
    {
      patterns: { key: 'id', rows: [pattern('a', 'text'), pattern('odd\0key', 'more')] },
      pattern_embeddings: {
        key: 'id',
        rows: [{ id: 'a', model: 'm', dims: 384, vector: bytes, created_at: 2n ** 60n }],
      },
      pattern_links: { key: LINK_KEY, rows: [link('a', 'odd\0key'), link('a', 'gone')] },
      memory_entries: {
        key: 'id',
        rows: [{ id: 1, key: 'k', value: 'v', namespace: 'n', expires_at: 1_700_000_000 }],
      },
    },
    { lost: [{ table: 'patterns', count: 2, reason: 'page 3 is damaged' }] },
  );
}

function contentsOf(path: string): unknown {
  const archive = openArchive(path);
  try {
    const rows = [...archive.find()];
    return {
      rows: rows.map(({ table, key, outcome, target, reason }) => [
        table,
        key,
        outcome,
        target,
        reason,
      ]),
      exact: rows.map(({ row }) => row),
      hashes: rows.map(({ hash }) => hash),
      stores: archive.stores().map(({ name, family, format }) => [name, family, format]),
      lost: archive.lost(),
      quarantine: [...archive.quarantine()].map(({ sentence }) => sentence),
    };
  } finally {
    archive.close();
  }
}

async function newArchive(): Promise<string> {
  const work = scratch('archive');
  const options = { readings: [source()], work, embedder: fakeEmbedder(), nowMs: NOW_MS };
  await migrateData(options);
  return join(work, 'v1-rows.db');
}

/** A copy of the golden file: to open one in place would change it. */
function golden(): string {
  const folder = scratch('golden');
  mkdirSync(folder);
  const path = join(folder, 'v1-rows.db');
  const name = new URL('../../../../../test/src/migrate/data/golden-v1-rows.db', import.meta.url);
  copyFileSync(fileURLToPath(name), path);
  return path;
}

test('an archive of version 1 is read as it was written', async () => {
  const path = golden();
  const before = createHash('sha256').update(readFileSync(path)).digest('hex');
  const found = contentsOf(path);
  expect(found).toMatchObject({ rows: ROWS });
  expect(found).toEqual(contentsOf(await newArchive()));
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(before);
});

test('rows are found by store, table, key, target and outcome', async () => {
  const archive = openArchive(await newArchive());
  const keys = (filter: Parameters<typeof archive.find>[0]): string[] =>
    [...archive.find(filter)].map(({ table, key }) => `${table} ${key}`);
  expect(keys({ table: 'patterns' })).toEqual(['patterns a', 'patterns odd\0key']);
  expect(keys({ key: 'odd\0key' })).toEqual(['patterns odd\0key']);
  expect(keys({ target: 'a' })).toEqual(['patterns a', 'pattern_embeddings a']);
  expect(keys({ target: 'a', outcome: 'vector' })).toEqual(['pattern_embeddings a']);
  expect(keys({ store: 'another' })).toEqual([]);
  expect(archive.count({ outcome: 'quarantined' })).toBe(2);
  expect(archive.count({ store: '.swarm/memory.db', outcome: 'edge' })).toBe(1);
  expect(archive.get({ table: 'patterns', key: 'none' })).toBeUndefined();
  archive.close();
});

test('what is no archive, and one of a newer release, is refused', async () => {
  const folder = scratch('refused');
  mkdirSync(folder);
  const other = join(folder, 'other.db');
  const database = Database.open(other, { create: true });
  database.exec('CREATE TABLE a (b)');
  database.close();
  expect(() => openArchive(other)).toThrow(expect.objectContaining({ code: 'not-a-database' }));
  expect(() => openArchive(join(folder, 'none.db'))).toThrow(
    expect.objectContaining({ code: 'not-found' }),
  );
  const newer = golden();
  const changed = Database.open(newer);
  changed.exec('PRAGMA user_version = 2');
  changed.close();
  expect(() => openArchive(newer)).toThrow(expect.objectContaining({ code: 'newer-version' }));
});
