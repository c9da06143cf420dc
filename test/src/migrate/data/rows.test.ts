/** Rows that are not as one would wish: what becomes of each. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Row } from '../../../../src/memory/exact-row.js';
import {
  checkStore,
  type MemoryStore,
  openMemoryStore,
  type StoreRecord,
} from '../../../../src/memory/index.js';
import {
  type ArchivedRow,
  type DataReport,
  migrateData,
  openArchive,
} from '../../../../src/migrate/data/index.js';
import type { V1Reading } from '../../../../src/v1/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { NOW_MS } from './generated.js';
import { link, LINK_KEY, memoryReading, pattern, type TableRows } from './support.js';

interface Migrated {
  readonly report: DataReport;
  readonly rows: readonly ArchivedRow[];
  get(id: string, namespace?: string): Promise<StoreRecord | null>;
  use<T>(work: (store: MemoryStore) => Promise<T>): Promise<T>;
}

async function migrated(readings: readonly V1Reading[]): Promise<Migrated> {
  const work = scratch('rows');
  const report = await migrateData({ readings, work, embedder: fakeEmbedder(), nowMs: NOW_MS });
  const path = join(work, 'memory.v2.db');
  expect(await checkStore(path)).toMatchObject({ isWhole: true, problems: [] });
  const archive = openArchive(join(work, 'v1-rows.db'));
  const rows = [...archive.find()];
  archive.close();
  for (const { v1, migrated: taken, quarantined } of report.tables)
    expect(taken + quarantined).toBe(v1);
  let opened: Promise<MemoryStore> | undefined;
  onTestFinished(async () => (await opened)?.close());
  const use: Migrated['use'] = async (work) => {
    opened ??= openMemoryStore(path, { embedder: null });
    return work(await opened);
  };
  const get: Migrated['get'] = (id, namespace = 'default') => {
    return use((store) => store.get(id, { namespace }));
  };
  return { report, rows, get, use };
}

function patterns(...rows: readonly Row[]): TableRows {
  return { key: 'id', rows };
}

test('content that is no JSON, or not what v1 writes, is kept as it is', async () => {
  const row = (id: string, data: Row[string]): Row => ({ ...pattern(id, ''), pattern_data: data });
  const deep = `{"content":"c","nested":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`;
  const { get, rows } = await migrated([
    memoryReading({
      patterns: patterns(
        row('cut', '{"title":"cut off","content":"the JSON ends he'),
        row('empty', ''),
        row('nul', '{"content":"before\\u0000after","title":"t"}'),
        row('half', '{"content":"bad \\ud800 half"}'),
        row('bytes', Uint8Array.of(0, 1, 255)),
        row('list', '["a"]'),
        row('object', '{"content":{"steps":["a","b"]}}'),
        row('proto', '{"content":"c","__proto__":{"polluted":true},"constructor":1}'),
        row('deep', deep),
        row('null', null),
      ),
    }),
  ]);
  const contents = { cut: '{"title":"cut off","content":"the JSON ends he', empty: '' };
  for (const [id, content] of Object.entries(contents)) {
    expect(await get(id)).toMatchObject({ content, metadata: { confidence: 0.7 } });
  }
  expect(await get('nul')).toMatchObject({ content: 'before\0after', metadata: { title: 't' } });
  expect(await get('half')).toMatchObject({ content: 'bad \ud800 half' });
  expect(await get('list')).toMatchObject({ content: '["a"]' });
  expect(await get('object')).toMatchObject({ content: '{"steps":["a","b"]}' });
  const proto = await get('proto');
  expect(Object.keys(proto?.metadata ?? {})).toContain('__proto__');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(await get('deep')).toMatchObject({ content: deep });
  expect(await get('null')).toMatchObject({ content: '' });
  expect(rows.find(({ key }) => key === 'bytes')?.row['pattern_data']).toEqual(
    Uint8Array.of(0, 1, 255),
  );
});

test('a content of many megabytes arrives whole', async () => {
  const content = `${'0123456789abcdef'.repeat(1 << 20)} and its end`;
  const { get, rows } = await migrated([
    memoryReading({ patterns: patterns(pattern('big', content)) }),
  ]);
  expect((await get('big'))?.content).toBe(content);
  expect(String(rows[0]?.row['pattern_data'])).toContain('and its end');
});

test('ids that a store cannot carry are replaced, and the links follow', async () => {
  const ids = [
    'with\0nul',
    'x'.repeat(5000),
    'half \ud800',
    'half \ud801',
    '\u001fsep',
    'Case',
    'case',
  ];
  const { rows, use } = await migrated([
    memoryReading({
      patterns: patterns(...ids.map((id) => pattern(id, `content of ${ids.indexOf(id)}`))),
      pattern_links: {
        key: LINK_KEY,
        rows: [link(ids[0] ?? '', ids[1] ?? ''), link('Case', 'case')],
      },
    }),
  ]);
  const targets = rows.filter(({ outcome }) => outcome === 'memory').map(({ target }) => target);
  expect(new Set(targets).size).toBe(ids.length);
  expect(targets.slice(5)).toEqual(['Case', 'case']);
  expect(rows.map(({ key }) => key).slice(0, ids.length)).toEqual(ids);
  const page = await use((store) => store.list({ limit: 100 }));
  const originals = page.records.map(({ id, metadata }) => metadata['v1_id'] ?? id);
  expect(originals.toSorted()).toEqual(ids.toSorted());
  expect(rows.filter(({ outcome }) => outcome === 'edge')).toHaveLength(2);
});

test('a memory without an id is called by its place', async () => {
  const reading = memoryReading({ patterns: { rows: [{ ...pattern('', 'nameless'), id: null }] } });
  const { get } = await migrated([reading]);
  expect(await get('rowid:1')).toMatchObject({ content: 'nameless' });
});

test('of two stores with one id the first keeps it, and links follow their store', async () => {
  const first = memoryReading({
    patterns: patterns(pattern('same', 'equal'), pattern('a', 'one')),
    pattern_links: { key: LINK_KEY, rows: [link('a', 'same')] },
  });
  const second = memoryReading(
    {
      patterns: patterns(pattern('same', 'equal'), pattern('a', 'another')),
      pattern_links: { key: LINK_KEY, rows: [link('a', 'same', 'refines', 0.9)] },
    },
    { name: '.swarm/other.db' },
  );
  const { get, report, use } = await migrated([first, second]);
  expect(report).toMatchObject({ records: 3, edges: 2, quarantinedCount: 0 });
  expect(await get('a')).toMatchObject({ content: 'one' });
  const other = await get('a@.swarm/other.db');
  expect(other).toMatchObject({ content: 'another', metadata: { v1_id: 'a' } });
  const { neighbours } = await use((store) => store.graph.neighbours('a@.swarm/other.db'));
  expect(neighbours).toMatchObject([{ id: 'same', weight: 0.9 }]);
});

test('values of two tables with one key in a namespace both arrive', async () => {
  const entry = { id: 1, key: 'k', value: 'a value', namespace: 'default', expires_at: null };
  const { get, report } = await migrated([
    memoryReading({
      patterns: patterns(pattern('k', 'a pattern')),
      memory_entries: { key: 'id', rows: [entry, { ...entry, id: 2, value: 'another' }] },
    }),
  ]);
  expect(report.records).toBe(3);
  expect(await get('k')).toMatchObject({ content: 'a pattern' });
  expect(await get('k@.swarm/memory.db')).toMatchObject({ content: 'a value' });
  expect(await get('k@.swarm/memory.db/memory_entries')).toMatchObject({ content: 'another' });
});

test('namespaces that a store cannot carry are replaced', async () => {
  const names = ['', 'n'.repeat(300), 'a\u001fb', 'nul\0'];
  const rows = names.map((namespace, id): Row => ({ id, key: `k${id}`, value: 'v', namespace }));
  const { report, use } = await migrated([memoryReading({ memory_entries: { key: 'id', rows } })]);
  expect(report).toMatchObject({ records: 4, quarantinedCount: 0 });
  const { records } = await use((store) => store.list({ namespace: null }));
  const originals = records.map(({ namespace, metadata }) => metadata['v1_namespace'] ?? namespace);
  expect(originals.toSorted()).toEqual(['default', ...names.slice(1)].toSorted());
});

test('what has expired goes to quarantine, what will expire keeps its time', async () => {
  const entry = (id: number, expires: number | null): Row => {
    return { id, key: `k${id}`, value: 'v', namespace: 'n', expires_at: expires };
  };
  const later = NOW_MS / 1000 + 100;
  const { get, report } = await migrated([
    memoryReading({
      memory_entries: {
        key: 'id',
        rows: [entry(1, NOW_MS / 1000 - 1), entry(2, later), entry(3, null)],
      },
    }),
  ]);
  expect(report.quarantined).toEqual([
    {
      store: '.swarm/memory.db',
      table: 'memory_entries',
      key: '1',
      reason: 'expired',
      sentence: `expired in v1 at ${new Date(NOW_MS - 1000).toISOString()}`,
    },
  ]);
  expect(await get('k2', 'n')).toMatchObject({ expiresAt: later * 1000 });
  expect(await get('k3', 'n')).toMatchObject({ expiresAt: null });
});

test('each reason of quarantine', async () => {
  const poisoned = link('a', 'b', 'contradicts', 0.75);
  const { report } = await migrated([
    memoryReading(
      {
        patterns: patterns(pattern('a', 'one'), pattern('b', 'two')),
        pattern_links: {
          key: LINK_KEY,
          rows: [
            poisoned,
            link('a', 'gone'),
            link('a', 'b', ''),
            { ...link('a', 'b'), src_id: Uint8Array.of(1) },
            link('a', 'b', 'x', -3.5),
            link('a', 'b', 'y', 'heavy'),
          ],
        },
        pattern_embeddings: {
          key: 'id',
          rows: [
            { id: 'gone', model: 'm', dims: 384, vector: new Uint8Array(1536), created_at: '' },
          ],
        },
        vectors: {
          key: 'id',
          rows: [
            { id: 'v', embedding: new Uint8Array(4), norm: 1, metadata: '{"n":1}', timestamp: 1 },
          ],
        },
        exp_nodes: { key: 'id', rows: [{ id: 1, kind: 'task', label: 'l' }] },
        exp_edges: {
          key: 'id',
          rows: [1, 2, 3].map((id): Row => {
            const weight = id === 3 ? 0.5 : 1;
            return { id, src_node_id: 1, dst_node_id: 1, relationship: 'part_of', weight };
          }),
        },
      },
      { poisoned: ['a\u001fb\u001fcontradicts'] },
    ),
  ]);
  const reasons = report.quarantined.map(({ table, reason, sentence }) => [
    table,
    reason,
    sentence,
  ]);
  expect(reasons).toEqual([
    ['vectors', 'no-text', 'the vector has no text with it, so no other model can make it again'],
    ['pattern_embeddings', 'vector-without-memory', 'the embedding of "gone", which is no memory'],
    ['pattern_links', 'link-from-faulty-consolidation', expect.stringContaining('consolidate()')],
    ['pattern_links', 'link-end-missing', 'no memory has the id "gone"'],
    ['pattern_links', 'link-without-name', expect.stringContaining('no name')],
    ['pattern_links', 'link-without-name', expect.stringContaining('no name')],
    ['pattern_links', 'link-weight-out-of-range', expect.stringContaining('-3.5')],
    ['pattern_links', 'link-weight-out-of-range', expect.stringContaining('string')],
    ['exp_edges', 'link-twice', expect.stringContaining('with the weight 1 and not 0.5')],
  ]);
  expect(report.edges).toBe(1);
});

test('rows that cannot be read are counted apart', async () => {
  const lost = [{ table: 'patterns', count: 4, reason: 'page 7 is damaged' }];
  const reading = memoryReading({ patterns: patterns(pattern('a', 'one')) }, { lost });
  const { report } = await migrated([reading]);
  expect(report.tables).toMatchObject([{ table: 'patterns', v1: 1, migrated: 1, lost: 4 }]);
});

test('numbers, bytes and broken texts in metadata', async () => {
  const { get } = await migrated([
    memoryReading(
      {
        strange: {
          key: 'id',
          rows: [
            {
              id: 'r',
              big: 2n ** 60n,
              infinite: Infinity,
              blob: Uint8Array.of(1),
              broken: Uint8Array.of(0x61, 0xff),
              agentic_flow_text_bytes: 'broken',
              json: '{"a":[1]}',
              note: 'a text of some words',
            },
          ],
        },
      },
      { family: 'unknown', name: 'x.db' },
    ),
  ]);
  const record = await get('r', 'unknown/strange');
  expect(record?.metadata).toEqual({
    id: 'r',
    big: String(2n ** 60n),
    infinite: 'Infinity',
    broken: 'a\ufffd',
    json: { a: [1] },
    note: 'a text of some words',
  });
});

test('what the hive has packed is readable', async () => {
  const packed = `__compressed__${Buffer.from('{"agents":["a"]}').toString('base64')}`;
  const { get } = await migrated([
    memoryReading(
      {
        session_checkpoints: {
          key: 'id',
          rows: [{ id: 'c', session_id: 's', checkpoint_name: 'auto', checkpoint_data: packed }],
        },
      },
      { family: 'hive', name: '.hive-mind/hive.db' },
    ),
  ]);
  expect(await get('c', 'hive/session_checkpoints')).toMatchObject({
    content: 'auto\n{"agents":["a"]}',
    metadata: { checkpoint_data: { agents: ['a'] } },
  });
});
