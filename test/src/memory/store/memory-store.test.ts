import { describe, expect, it } from 'vitest';

import { createEmbedder, openMemoryStore, openV2Engine } from '../../../../src/memory/index.js';
import { applyAll, insert, scratch } from '../support.js';
import { direction, memoryError, MODEL, openStore } from './support.js';

const US = '\u001f';

describe('a store', () => {
  it('gives back what was put, by namespace, also after it was opened again', async () => {
    const path = scratch('store.db');
    const store = await openStore(path);
    const metadata = { kind: 'bug', tags: ['a', 'b'], deep: { n: [1, null] } };
    const content = 'NUL \0, half \ud800, é, "quotes"\nand lines';
    await store.put({ id: 'a', content, metadata, vector: [1, 2, 3], timestamp: 5 });
    await store.put({ id: 'a', namespace: 'n', content: 'other' });
    await store.put({ id: `${US}n${US}a`, content: 'odd id' });
    await store.close();
    const again = await openStore(path);
    const vector = { model: MODEL, values: Float32Array.from([1, 2, 3]) };
    expect(await again.get('a', { vector: true })).toEqual({
      id: 'a',
      namespace: 'default',
      content,
      metadata,
      timestamp: 5,
      expiresAt: null,
      vector,
    });
    expect(await again.get('a', { namespace: 'n' })).toMatchObject({ content: 'other' });
    expect(await again.get(`${US}n${US}a`)).toMatchObject({ content: 'odd id' });
    expect(await again.get('a', { namespace: 'm' })).toBeNull();
    expect(await again.namespaces()).toEqual([
      { namespace: 'default', records: 2 },
      { namespace: 'n', records: 1 },
    ]);
    expect(again.model).toEqual({ model: MODEL, dimensions: 3 });
  });

  it('replaces and deletes, and tells what was not there', async () => {
    const store = await openStore();
    await store.putMany([
      { id: 'a', content: 'one', vector: [1, 0, 0] },
      { id: 'b', content: 'two', vector: [0, 1, 0] },
    ]);
    await store.link({ from: 'a', to: 'b', type: 'refines', weight: 0.5 });
    await store.put({ id: 'a', content: 'three', vector: null });
    expect(await store.get('a', { vector: true })).toMatchObject({
      content: 'three',
      vector: null,
    });
    expect((await store.graph.neighbours('a')).neighbours).toEqual([
      { id: 'b', namespace: 'default', type: 'refines', weight: 0.5, direction: 'out' },
    ]);
    expect(await store.unlink({ from: 'a', to: 'b', type: 'refines' })).toBe(true);
    expect(await store.unlink({ from: 'a', to: 'b', type: 'refines' })).toBe(false);
    expect(await store.delete('a')).toBe(true);
    expect(await store.delete('a')).toBe(false);
    await expect(store.link({ from: 'a', to: 'b', type: 't' })).rejects.toThrow(
      memoryError('not-found', /"a" or "b"/),
    );
    expect(await store.stats()).toMatchObject({ records: 1, edges: 0, vectors: 1 });
  });

  it('writes in the order of the calls, however long a text takes to embed', async () => {
    const embedder = createEmbedder({
      model: 'slow',
      dimensions: 2,
      batchTexts: 1,
      callsUnderWay: 8,
      embed: async (texts) => {
        const waitMs = texts[0] === 'slow' ? 60 : 1;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        return texts.map(() => [1, 1]);
      },
    });
    const store = await openStore(undefined, { embedder });
    const puts = [
      store.put({ id: 'a', content: 'slow' }),
      store.put({ id: 'a', content: 'fast' }),
      store.put({ id: 'b', content: 'fast' }),
      store.delete('b'),
    ];
    expect((await Promise.all(puts))[3]).toBe(true);
    expect(await store.get('a')).toMatchObject({ content: 'fast' });
    expect(await store.get('b')).toBeNull();
  });

  it('searches by vector, text, filter, namespace and time', async () => {
    const store = await openStore();
    for (let i = 0; i < 30; i += 1) {
      const namespace = i % 3 === 0 ? 'third' : 'default';
      const metadata = { even: i % 2 === 0 };
      const content = `record ${i} of many`;
      await store.put({
        id: `r${i}`,
        namespace,
        content,
        metadata,
        vector: direction(i),
        timestamp: i,
      });
    }
    const ids = async (query: Parameters<typeof store.search>[0]): Promise<string[]> =>
      (await store.search(query)).map(({ id }) => id).sort();
    expect(await ids({ vector: direction(4), limit: 1 })).toEqual(['r4']);
    expect(await ids({ vector: direction(6), limit: 1, namespace: 'third' })).toEqual(['r6']);
    expect(await ids({ vector: direction(6), limit: 1, namespace: null })).toEqual(['r6']);
    expect((await ids({ vector: direction(6), limit: 1 }))[0]).not.toBe('r6');
    expect(await ids({ text: '7', mode: 'text' })).toEqual(['r7']);
    expect(await ids({ text: '7', namespace: 'third' })).toEqual([]);
    const created = { fromMs: 10, toMs: 14 };
    expect(await ids({ text: 'many', created })).toEqual(['r10', 'r11', 'r13', 'r14']);
    expect(await ids({ text: 'many', created, filter: { even: true } })).toEqual(['r10', 'r14']);
    expect(await ids({ text: 'many', created, namespace: 'third' })).toEqual(['r12']);
    const [hit] = await store.search({ text: '8', vector: direction(8), mode: 'hybrid' });
    expect(hit).toMatchObject({ id: 'r8', namespace: 'default', timestamp: 8, matchedBy: 'both' });
    await expect(store.search({ text: 'x', limit: 0 })).rejects.toThrow(memoryError('invalid'));
  });

  it('answers traversals and pattern queries', async () => {
    const store = await openStore();
    const put = (id: string, namespace = 'default'): Promise<void> =>
      store.put({ id, namespace, content: id, vector: null });
    await Promise.all([put('a'), put('b'), put('c'), put('x', 'n')]);
    await store.link({ from: 'a', to: 'b', type: 't', weight: 0.5 });
    await store.link({ from: 'b', to: 'c', type: 't' });
    await store.link({ from: 'c', to: 'x', toNamespace: 'n', type: 'u' });
    const place = (id: string, namespace = 'default'): object => ({ id, namespace });
    expect((await store.graph.kHops('a', { hops: 3 })).records).toEqual([
      { ...place('b'), hops: 1 },
      { ...place('c'), hops: 2 },
      { ...place('x', 'n'), hops: 3 },
    ]);
    expect(await store.graph.path('a', 'x', { toNamespace: 'n' })).toMatchObject({
      records: [place('a'), place('b'), place('c'), place('x', 'n')],
      edges: [{ type: 't' }, { type: 't' }, { from: 'c', to: 'x', toNamespace: 'n', type: 'u' }],
    });
    expect((await store.graph.traverse('a')).records[0]).toMatchObject(place('b'));
    const found = await store.query('MATCH (a {id: $from})-[:t*1..2]->(b) RETURN b.id', {
      from: 'a',
    });
    expect(found.rows.flat().sort()).toEqual(['b', 'c']);
    await expect(store.graph.neighbours('nobody')).rejects.toThrow(
      expect.objectContaining({ name: 'GraphError', code: 'unknown-memory' }),
    );
    await expect(store.query('MATCH (a RETURN a')).rejects.toThrow(
      expect.objectContaining({
        name: 'GraphError',
        code: 'syntax',
        position: { line: 1, column: 10 },
      }),
    );
  });

  it('lists page by page, in each order, within each namespace and time', async () => {
    const store = await openStore();
    const records = Array.from({ length: 25 }, (_, i) => {
      const namespace = ['default', 'n', 'm'][i % 3]!;
      const id = i === 12 ? `${US}odd` : `r${i}`;
      return { id, namespace, content: `${i}`, vector: null, timestamp: 1000 - (i % 7) };
    });
    await store.putMany(records);
    const all = async (query: Parameters<typeof store.list>[0]): Promise<typeof records> => {
      const found: (typeof records)[number][] = [];
      for (let cursor: string | null = null; ;) {
        const page = await store.list({ ...query, limit: 4, cursor });
        found.push(...(page.records as unknown as typeof records));
        ({ cursor } = page);
        if (cursor === null) return found;
      }
    };
    for (const namespace of ['default', 'n', 'm', null]) {
      for (const created of [{}, { fromMs: 996 }, { fromMs: 995, toMs: 998 }]) {
        const expected = records.filter((record) => {
          const isOf = namespace === null || record.namespace === namespace;
          const { fromMs = 0, toMs = Infinity } = created as { fromMs?: number; toMs?: number };
          return isOf && record.timestamp >= fromMs && record.timestamp <= toMs;
        });
        const ids = expected.map(({ id }) => id).sort();
        for (const order of ['id', 'oldest', 'newest'] as const) {
          const found = await all({ namespace, created, order });
          expect(found.map(({ id }) => id).sort()).toEqual(ids);
          const times = found.map(({ timestamp }) => timestamp);
          if (order === 'oldest') expect(times).toEqual([...times].sort((a, b) => a - b));
          if (order === 'newest') expect(times).toEqual([...times].sort((a, b) => b - a));
        }
      }
    }
    const { cursor } = await store.list({ order: 'newest', limit: 1 });
    for (const bad of [cursor!, 'nonsense', 'x'.repeat(50_000)]) {
      await expect(store.list({ cursor: bad })).rejects.toThrow(memoryError('invalid', /cursor/));
    }
    await expect(store.list({ limit: 1001 })).rejects.toThrow(memoryError('invalid', /1001/));
  });

  it('deletes a namespace and nothing else', async () => {
    const store = await openStore();
    const of = (namespace: string, count: number): Promise<void> =>
      store.putMany(
        Array.from({ length: count }, (_, i) => ({
          id: `${i}`,
          namespace,
          content: '',
          vector: null,
        })),
      );
    await Promise.all([of('n', 600), of('n ', 3), of('default', 2)]);
    const told: number[] = [];
    expect(await store.deleteNamespace('n', { onProgress: (done) => told.push(done) })).toBe(600);
    expect(told.at(-1)).toBe(600);
    expect(await store.namespaces()).toEqual([
      { namespace: 'default', records: 2 },
      { namespace: 'n ', records: 3 },
    ]);
  });

  it('has one model', async () => {
    const path = scratch('store.db');
    const store = await openStore(path);
    await store.put({ id: 'a', content: 'a', vector: [1, 2, 3] });
    const other = { model: 'other', values: Float32Array.from([1, 2, 3]) };
    for (const vector of [[1, 2], other]) {
      const words = /"three"; a store has one model/;
      await expect(store.put({ id: 'b', content: 'b', vector })).rejects.toThrow(
        memoryError('invalid', words),
      );
      await expect(store.search({ vector })).rejects.toThrow(memoryError('invalid', words));
    }
    await store.close();
    const embedder = createEmbedder({ model: 'two', dimensions: 2, embed: async () => [[1, 1]] });
    await expect(openMemoryStore(path, { embedder })).rejects.toThrow(
      memoryError('invalid', /embedder makes 2 of "two"/),
    );
    const usual = await openStore(path, { embedder: undefined });
    await expect(usual.put({ id: 'c', content: 'c' })).rejects.toThrow(
      memoryError('invalid', /open it with an embedder of that model/),
    );
  });

  it('takes over a file of the engine only when told to', async () => {
    const path = scratch('engine.db');
    const engine = openV2Engine(path, { create: true });
    applyAll(engine, insert('a', 'from a node'));
    engine.close();
    await expect(openMemoryStore(path)).rejects.toThrow(memoryError('invalid', /adopt/));
    const store = await openStore(path, { adopt: true });
    await store.put({ id: 'b', content: 'own', vector: null, expiresAt: Date.now() + 1e6 });
    await store.close();
    await (await openStore(path)).close();
    const beside = openV2Engine(path);
    applyAll(beside, insert('b', 'again from a node'));
    beside.close();
    await expect(openMemoryStore(path)).rejects.toThrow(memoryError('invalid', /adopt/));
    const again = await openStore(path, { adopt: true });
    expect(await again.get('b')).toMatchObject({ content: 'again from a node', expiresAt: null });
  });

  it('says that it is closed', async () => {
    const store = await openStore();
    await store.put({ id: 'a', content: '', vector: null });
    await Promise.all([store.close(), store.close()]);
    await expect(store.get('a')).rejects.toThrow(memoryError('closed'));
    await expect(store.put({ id: 'b', content: '', vector: null })).rejects.toThrow(
      memoryError('closed'),
    );
    await expect(openMemoryStore(scratch('none.db'), { create: false })).rejects.toThrow(
      memoryError('not-found', /does not exist/),
    );
  });
});
