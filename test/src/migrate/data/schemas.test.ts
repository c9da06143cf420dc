/** Every table of every schema: filled, migrated, and every row accounted for. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { Database, type SqlValue } from '../../../../src/memory/database.js';
import { checkStore, openMemoryStore, parseMemoryKey } from '../../../../src/memory/index.js';
import { migrateData, openArchive } from '../../../../src/migrate/data/index.js';
import { discoverInstallation, openReading } from '../../../../src/v1/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { SCHEMAS } from './schemas.js';

const ROWS = 3;

/** Where the file of a schema lies. */
const FILES: Readonly<Record<string, string>> = {
  A: '.swarm/memory.db',
  B: '.swarm/memory.db',
  C: 'agentdb.db',
  C2: 'agentdb.db',
  D: '.agentdb/reasoningbank.db',
  E: '.hive-mind/hive.db',
  E2: '.hive-mind/memory.db',
  E3: '.hive-mind/hive.db',
  F: 'data/hub.db',
  G: '.swarm/memory.db',
};

/** What becomes of each table; what is not named is a memory in the namespace `FAMILY/TABLE`. */
const FAMILIES: Readonly<Record<string, string>> = {
  A: 'reasoningbank',
  B: 'reasoningbank',
  C: 'agentdb',
  C2: 'agentdb',
  D: 'agentdb',
  E: 'hive',
  E2: 'hive',
  E3: 'hive',
  F: 'hub',
  G: 'claude-flow',
};

const OUTCOMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  A: {
    patterns: 'memory in default',
    pattern_embeddings: 'vector',
    pattern_links: 'edge',
    memory_entries: 'memory in <namespace>',
  },
  B: { reasoning_memory: 'memory in default', pattern_embeddings: 'vector' },
  C: {
    episode_embeddings: 'vector',
    skill_embeddings: 'vector',
    note_embeddings: 'vector',
    exp_node_embeddings: 'vector',
    pattern_embeddings: 'vector',
    skill_links: 'edge',
    exp_edges: 'edge',
    causal_edges: 'edge',
  },
  C2: { skill_embeddings: 'vector', causal_edges: 'edge' },
  D: { hnsw_nodes: 'vector', hnsw_edges: 'vector' },
  E: { collective_memory: 'memory in hive/<swarm_id>' },
  E2: { memories: 'memory in <namespace>' },
  E3: { memory: 'memory in <namespace>' },
};

/** Columns that name a row of another table, with the text before the number of the row. */
const NAMES: Readonly<Record<string, string>> = {
  src_id: 'patterns-',
  dst_id: 'patterns-',
  vector_id: 'vectors-',
  from_id: 'hnsw_nodes-',
  to_id: 'hnsw_nodes-',
};

/** A value for a column of the row with this number, from 1. */
function valueOf(table: string, column: string, type: string, row: number): SqlValue {
  const next = (row % ROWS) + 1;
  if (column.endsWith('expires_at') || column === 'ttl') return null;
  if (column.endsWith('_type') && table === 'causal_edges') return 'episode';
  if (column === 'embedding' || column === 'vector') return new Uint8Array(1536).fill(row);
  if (column === 'id' && table === 'pattern_embeddings') return `patterns-${row}`;
  if (column === 'pattern_id') return type === 'TEXT' ? `reasoning_memory-${row}` : row;
  if (column in NAMES) return `${NAMES[column]}${column.startsWith('dst') ? next : row}`;
  if (/^(to_memory|dst_node|child_skill)_id$/.test(column)) return next;
  if (column === 'pattern_data')
    return JSON.stringify({ title: `t${row}`, content: `text ${row}` });
  if (column === 'metadata') return JSON.stringify({ text: `a text of row ${row}`, row });
  if (type === 'JSON') return `{"row":${row}}`;
  if (/INT|BOOL/.test(type)) return row;
  if (type === 'REAL') return row / 10;
  if (/TIME/.test(type) || column === 'created_at') return `2026-11-2${row} 10:00:00`;
  if (column === 'id' || /^(task|run|agent|session)_id$/.test(column)) return `${table}-${row}`;
  return `${column} of row ${row}`;
}

/** Makes the database of a schema with rows in every table; how many there are in all. */
function fill(path: string, tables: Readonly<Record<string, string>>): number {
  mkdirSync(dirname(path), { recursive: true });
  const database = Database.open(path, { create: true });
  let rows = 0;
  for (const [table, columns] of Object.entries(tables)) {
    database.exec(`CREATE TABLE ${table} (${columns})`);
    const described = database.all('SELECT name, type FROM pragma_table_info(?)', table);
    for (let row = 1; row <= ROWS; row += 1) {
      const values = described.map(([name, type]) =>
        valueOf(table, String(name), String(type), row),
      );
      database.run(`INSERT INTO ${table} VALUES (${values.map(() => '?').join(', ')})`, ...values);
      rows += 1;
    }
  }
  database.close();
  return rows;
}

test.each(Object.keys(FILES))(
  'every row of every table of schema %s has its place',
  async (schema) => {
    const root = scratch(schema);
    const tables = SCHEMAS[schema] ?? {};
    const rows = fill(join(root, FILES[schema] ?? ''), tables);
    const { stores } = await discoverInstallation(root, { home: root, env: {} });
    const readings = await Promise.all(stores.map((store) => openReading(store, root)));
    const work = join(root, 'work');
    const embedder = fakeEmbedder();
    const report = await migrateData({ readings, work, embedder });
    for (const reading of readings) reading.close();

    const family = FAMILIES[schema];
    const expected = Object.keys(tables).map((table) => {
      const outcome = OUTCOMES[schema]?.[table] ?? `memory in ${family}/${table}`;
      return { table, v1: ROWS, migrated: ROWS, quarantined: 0, lost: 0, outcome };
    });
    expect(report.quarantined).toEqual([]);
    expect(
      report.tables.map(({ store, ...each }) => (store === FILES[schema] ? each : store)),
    ).toEqual(expect.arrayContaining(expected));
    expect(report.tables).toHaveLength(expected.length);

    const store = await openMemoryStore(join(work, 'memory.v2.db'), { embedder });
    const archive = openArchive(join(work, 'v1-rows.db'));
    expect(archive.count()).toBe(rows);
    for (const { table, key, outcome, target, row } of archive.find()) {
      if (outcome === 'edge') continue;
      const place = parseMemoryKey(target ?? '');
      const record = await store.get(place?.id ?? '', { namespace: place?.namespace ?? '' });
      expect(record, `${table} ${key}`).not.toBeNull();
      if (outcome === 'memory') expect(record?.content).not.toBe('');
      expect(Object.keys(row)).toContain((tables[table] ?? '').split(' ', 1)[0]);
    }
    archive.close();
    await store.close();
    expect(await checkStore(join(work, 'memory.v2.db'))).toMatchObject({ isWhole: true });
  },
);
