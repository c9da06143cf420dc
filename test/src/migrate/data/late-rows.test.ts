import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Row } from '../../../../src/memory/exact-row.js';
import { checkStore, type MemoryStore, openMemoryStore } from '../../../../src/memory/index.js';
import {
  addLateRows,
  type DataReport,
  exportSince,
  migrateData,
  openArchive,
  planData,
} from '../../../../src/migrate/data/index.js';
import type { V1Reading } from '../../../../src/v1/index.js';
import { fakeEmbedder, scratch } from '../../memory/support.js';
import { generated, NOW_MS, slowEmbedder } from './generated.js';
import { link, LINK_KEY, memoryReading, pattern } from './support.js';

function reading(
  patterns: readonly Row[],
  links: readonly Row[] = [],
  entries: readonly Row[] = [],
): V1Reading {
  return memoryReading({
    patterns: { key: 'id', columns: Object.keys(pattern('', '')), rows: patterns },
    pattern_links: { key: LINK_KEY, columns: Object.keys(link('', '')), rows: links },
    memory_entries: { key: 'id', columns: Object.keys(entry(0, '', '')), rows: entries },
  });
}

function entry(id: number, key: string, value: string): Row {
  return { id, key, value, namespace: 'n', expires_at: null };
}

class Installation {
  readonly work = scratch('late');
  readonly store = join(this.work, 'memory.v2.db');
  readonly archive = join(this.work, 'v1-rows.db');
  readonly embedder = fakeEmbedder();

  async migrate(from: V1Reading): Promise<DataReport> {
    const { work, embedder } = this;
    return migrateData({ readings: [from], work, embedder, nowMs: NOW_MS });
  }

  async late(from: V1Reading): Promise<DataReport> {
    const { work, embedder, store, archive } = this;
    const report = await addLateRows({
      readings: [from],
      work,
      embedder,
      store,
      archive,
      nowMs: NOW_MS,
    });
    expect(await checkStore(store)).toMatchObject({ isWhole: true, problems: [] });
    return report;
  }

  async use<T>(work: (store: MemoryStore) => Promise<T>): Promise<T> {
    const store = await openMemoryStore(this.store, { embedder: this.embedder });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** Contents by id in a namespace. */
  async contents(namespace = 'default'): Promise<Record<string, string>> {
    const { records } = await this.use((store) => store.list({ namespace }));
    return Object.fromEntries(records.map(({ id, content }) => [id, content]));
  }
}

test('rows that v1 wrote since arrive, and what was there stays', async () => {
  const installation = new Installation();
  const links = [link('a', 'b'), link('a', 'c')];
  const before = [pattern('a', 'one'), pattern('b', 'two')];
  const first = await installation.migrate(reading(before, links, [entry(1, 'k', 'v')]));
  expect(first).toMatchObject({ edges: 1, quarantinedCount: 1 });
  await installation.use(async (store) => {
    await store.put({ id: 'mine', content: 'of v2' });
    await store.search('one');
  });

  const now = reading([...before, pattern('c', 'three')], links, [entry(2, 'k', 'another')]);
  const report = await installation.late(now);
  // The new memory, the link that waited for it, and the value that took the place of another.
  expect(report).toMatchObject({ late: 3, edges: 2, quarantinedCount: 0, embedded: 2 });
  expect(await installation.contents()).toEqual({ a: 'one', b: 'two', c: 'three', mine: 'of v2' });
  expect(await installation.contents('n')).toEqual({ k: 'another' });
  const hits = await installation.use((store) => store.search('three'));
  expect(hits[0]).toMatchObject({ id: 'c', matchedBy: 'vector' });
  expect(await installation.late(now)).toMatchObject({ late: 0, embedded: 0 });
  const changed = reading([...before, pattern('c', 'three')], links, [entry(2, 'k', 'a third')]);
  expect(await installation.late(changed)).toMatchObject({ late: 1, quarantinedCount: 0 });
  expect(await installation.contents('n')).toEqual({ k: 'a third' });
});

test('equal rows of two stores part when one of them changes', async () => {
  const { work, embedder, store, archive } = new Installation();
  const other = (row: Row): V1Reading => {
    return memoryReading({ patterns: { key: 'id', rows: [row] } }, { name: 'other.db' });
  };
  const equal = pattern('a', 'equal');
  const first = reading([equal]);
  const options = { work, embedder, store, archive, nowMs: NOW_MS };
  const before = await migrateData({ ...options, readings: [first, other(equal)] });
  expect(before).toMatchObject({ records: 1, embedded: 1 });
  const readings = [first, other(pattern('a', 'another'))];
  expect(await addLateRows({ ...options, readings })).toMatchObject({ late: 1, records: 2 });
  const opened = await openMemoryStore(store, { embedder });
  expect(await opened.get('a')).toMatchObject({ content: 'equal' });
  expect(await opened.get('a@other.db')).toMatchObject({ content: 'another' });
  await opened.close();
});

test('what changed on one side is taken, what changed on both is not', async () => {
  const installation = new Installation();
  const links = [link('a', 'b'), link('b', 'c')];
  const rows = ['a', 'b', 'c', 'd'].map((id) => pattern(id, `${id} as it was`));
  await installation.migrate(reading(rows, links));
  await installation.use(async (store) => {
    await store.put({ id: 'b', content: 'b as v2 has it' });
    await store.put({ id: 'c', content: 'c as v2 has it' });
    await store.delete('d');
    await store.link({ from: 'b', to: 'c', type: 'refines', weight: 0.25 });
  });
  const changed = ['a', 'b', 'd'].map((id) => pattern(id, `${id} as v1 has it`));
  const now = reading(
    [...changed, pattern('c', 'c as it was')],
    [link('a', 'b', 'refines', 0.75), link('b', 'c', 'refines', 0.8)],
  );
  const report = await installation.late(now);
  expect(report.late).toBe(5);
  const refused = report.quarantined.map(({ table, key, reason }) => [table, key, reason]);
  expect(refused).toEqual([
    ['patterns', 'b', 'changed-on-both-sides'],
    ['patterns', 'd', 'changed-on-both-sides'],
    ['pattern_links', 'b\u001fc\u001frefines', 'changed-on-both-sides'],
  ]);
  expect(await installation.contents()).toEqual({
    a: 'a as v1 has it',
    b: 'b as v2 has it',
    c: 'c as v2 has it',
  });
  for (const [id, to, weight] of [
    ['a', 'b', 0.75],
    ['b', 'c', 0.25],
  ] as const) {
    const { neighbours } = await installation.use((store) => store.graph.neighbours(id));
    expect(neighbours).toMatchObject([{ id: to, weight }]);
  }
  expect(await installation.late(now)).toMatchObject({ late: 0 });
  const archive = openArchive(installation.archive);
  expect([...archive.find({ table: 'patterns', key: 'a' })]).toMatchObject([
    { row: pattern('a', 'a as v1 has it') },
  ]);
  expect(archive.count({ table: 'patterns', key: 'b' })).toBe(2);
  archive.close();
});

test('a store that is open, or of another model, is left alone', async () => {
  const installation = new Installation();
  await installation.migrate(reading([pattern('a', 'one')]));
  await installation.use(async () => {
    await expect(installation.late(reading([]))).rejects.toMatchObject({ code: 'locked' });
  });
  const { work, store, archive } = installation;
  const options = { readings: [reading([])], work, store, archive, embedder: slowEmbedder(0) };
  await expect(addLateRows(options)).rejects.toMatchObject({ code: 'invalid' });
});

test('an export since holds what v2 wrote, and only that', async () => {
  const installation = new Installation();
  const { store, archive } = installation;
  const rows = ['a', 'b', 'c'].map((id) => pattern(id, `content of ${id}`));
  await installation.migrate(reading(rows, [link('a', 'b')], [entry(1, 'k', 'v')]));
  const to = scratch('since.jsonl');
  expect(await exportSince({ store, archive, to })).toBe(0);

  await installation.use(async (open) => {
    await open.put({ id: 'b', content: 'another content' });
    await open.put({ id: 'new', content: 'of v2', namespace: 'team' });
    await open.link({ from: 'a', to: 'c', type: 'refines', weight: 0.5 });
    await open.delete('c');
    await open.link({ from: 'a', to: 'b', type: 'refines', weight: 0.9 });
  });
  expect(await exportSince({ store, archive, to })).toBe(3);
  const lines = readFileSync(to, 'utf8').trim().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({ end: { records: 2, edges: 1 } });

  // What a rolled-back v1 was migrated to once more takes it in.
  const again = new Installation();
  await again.migrate(reading(rows, [link('a', 'b')]));
  const counts = await again.use((open) => open.importFrom(to));
  expect(counts).toEqual({ records: 2, edges: 1, skipped: 0 });
  expect(await again.contents()).toEqual({
    a: 'content of a',
    b: 'another content',
    c: 'content of c',
  });
  expect(await again.contents('team')).toEqual({ new: 'of v2' });
});

test('a plan counts as the migration does, and leaves nothing', async () => {
  const work = scratch('plan');
  const readings = generated(200, 7);
  const embedder = slowEmbedder(1);
  const plan = await planData({ readings, work, embedder, nowMs: NOW_MS });
  const report = await migrateData({ readings, work, embedder, nowMs: NOW_MS });
  expect(plan.tables).toEqual(report.tables);
  expect(plan.quarantined).toEqual(report.quarantined);
  expect(plan).toMatchObject({ records: report.records, edges: report.edges, embedded: 0 });
  expect(plan.textsToEmbed).toBe(report.embedded);
  expect(plan.embedRate).toBeGreaterThan(0);
  expect(plan.storeBytes).toBeGreaterThan(10_000);
  expect(plan.estimatedSeconds).toBeGreaterThan(plan.seconds.rows);
});

test('vectors of v1 are kept where they are what our model makes', async () => {
  const embedder = fakeEmbedder();
  const rows = Array.from({ length: 40 }, (_, at) =>
    pattern(`p${at}`, `words number ${at} of many`),
  );
  const texts = rows.map((_, at) => `title of p${at}\nwords number ${at} of many`);
  const vectors = await embedder.embed(texts);
  const embeddings = (made: (at: number) => Float32Array): Row[] =>
    rows.map((_, at) => {
      const vector = new Uint8Array(Float32Array.from(made(at)).buffer);
      return { id: `p${at}`, model: 'any', dims: 384, vector, created_at: '' };
    });
  const of = (made: (at: number) => Float32Array): V1Reading =>
    memoryReading({
      patterns: { key: 'id', rows },
      pattern_embeddings: { key: 'id', rows: embeddings(made) },
    });
  const good = new Installation();
  const kept = await good.migrate(of((at) => vectors[at] ?? new Float32Array()));
  expect(kept).toMatchObject({ vectorsKept: 40, embedded: 0 });
  const fake = new Installation();
  const none = await fake.migrate(of((at) => new Float32Array(384).fill(at + 1)));
  expect(none).toMatchObject({ vectorsKept: 0, embedded: 40 });
});
