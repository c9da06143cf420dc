import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkStore, openMemoryStore } from '../../../../src/memory/index.js';
import { migrateData, openArchive } from '../../../../src/migrate/data/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { link, LINK_KEY, memoryReading, pattern } from './support.js';

test('rows of schema A become records, edges and lines of the archive', async () => {
  const reading = memoryReading({
    patterns: {
      key: 'id',
      rows: [pattern('a', 'what helps'), pattern('b', 'what does not', { tags: ['x'] })],
    },
    pattern_links: {
      key: LINK_KEY,
      rows: [link('a', 'b'), link('a', 'gone'), link('b', 'a', 'refines', 7)],
    },
    metrics_log: {
      key: 'id',
      rows: [{ id: 1, metric_name: 'rb.k', value: 2.5, timestamp: '2026-11-22 15:20:59' }],
    },
  });
  const work = scratch('work');
  const embedder = fakeEmbedder();
  const report = await migrateData({ readings: [reading], work, embedder });

  expect(report.tables).toMatchObject([
    { table: 'patterns', v1: 2, migrated: 2, quarantined: 0, outcome: 'memory in default' },
    { table: 'pattern_links', v1: 3, migrated: 1, quarantined: 2, outcome: 'edge' },
    { table: 'metrics_log', v1: 1, migrated: 1, outcome: 'memory in reasoningbank/metrics_log' },
  ]);
  expect(report.quarantined.map(({ reason }) => reason)).toEqual([
    'link-end-missing',
    'link-weight-out-of-range',
  ]);
  expect(report).toMatchObject({ embedded: 2, records: 3, edges: 1, quarantinedCount: 2 });

  const path = join(work, 'memory.v2.db');
  expect(await checkStore(path)).toMatchObject({ isWhole: true, records: 3, vectors: 2, edges: 1 });
  const store = await openMemoryStore(path, { embedder });
  expect(await store.get('b')).toMatchObject({
    content: 'what does not',
    metadata: { title: 'title of b', tags: ['x'], type: 'reasoning_memory', usage_count: 3 },
    timestamp: Date.UTC(2026, 10, 22, 15, 20, 58),
    expiresAt: null,
  });
  expect((await store.search('what helps'))[0]).toMatchObject({ id: 'a' });
  const { neighbours } = await store.graph.neighbours('a');
  expect(neighbours).toEqual([
    { id: 'b', namespace: 'default', type: 'refines', weight: 0.5, direction: 'out' },
  ]);
  await store.close();

  const archive = openArchive(join(work, 'v1-rows.db'));
  expect(archive.count()).toBe(6);
  const row = archive.get({ table: 'patterns', key: 'b' });
  expect(row).toMatchObject({
    outcome: 'memory',
    target: 'b',
    row: pattern('b', 'what does not', { tags: ['x'] }),
  });
  archive.close();
});
