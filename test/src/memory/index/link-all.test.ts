/** Linking by threads: the same graph however many they are, searches meanwhile, and its ends. */
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';

import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { saveSnapshot } from '../../../../src/memory/index/snapshot-file.js';
import { scratch, seed } from '../support.js';
import { recall, rungs, useBuild, VectorSource } from './support.js';

const DIMENSIONS = 24;
const settings = { dimensions: DIMENSIONS, neighbours: 12, buildBreadth: 60 };

/** Vectors of which some are copies, and an index where they wait; some of the graph are removed. */
function waiting(start: number, count: number): { index: HnswIndex; vectors: Float32Array[] } {
  const source = new VectorSource(start, DIMENSIONS);
  const vectors: Float32Array[] = [];
  for (let at = 0; at < count; at += 1) {
    vectors.push(at % 23 === 7 ? vectors[at - 5]! : source.next());
  }
  const index = HnswIndex.create(settings);
  for (const [at, values] of vectors.entries()) index.put(String(at), values);
  index.link(1500);
  for (let at = 1; at < 400; at += 1) index.delete(String(count - 3 * at));
  return { index, vectors };
}

/** The recall of an index that `link` has linked. */
function oneByOne(start: number, queries: readonly Float32Array[]): number {
  const { index } = waiting(start, 5000);
  index.link(5000);
  const found = recall(index, queries);
  index.close();
  return found;
}

const invalid = expect.objectContaining({ code: 'invalid' });

// Generous: plain JavaScript takes its time, and the machine may be busy with other tests.
describe.each(rungs)('linkAll, $name', (build) => {
  beforeEach(() => useBuild(build));

  it('links everything, the same for any number of threads', async () => {
    const start = seed();
    const graphs: Buffer[] = [];
    for (const threads of [1, 2, 5]) {
      const { index } = waiting(start, 5000);
      const left: number[] = [];
      await index.linkAll({ threads, onProgress: (number) => left.push(number) });
      expect(left.at(-1)).toBe(0);
      expect(left).toEqual(left.toSorted((a, b) => b - a));
      expect(index.describe()).toMatchObject({ pendingCount: 0, linkedCount: index.size });
      const source = new VectorSource(start + 1, DIMENSIONS);
      const queries = Array.from({ length: 40 }, () => source.next());
      expect(recall(index, queries)).toBeGreaterThanOrEqual(oneByOne(start, queries) - 0.02);
      const path = scratch('linked.index');
      saveSnapshot(index, path);
      graphs.push(readFileSync(path));
      index.close();
    }
    expect(graphs.every((graph) => graph.equals(graphs[0]!))).toBe(true);
  });

  it('lets searches find every vector meanwhile, and refuses what would change the index', async () => {
    const start = seed();
    const { index, vectors } = waiting(start, 5000);
    const state = { isDone: false };
    const linking = index.linkAll({ threads: 3 }).then(() => {
      state.isDone = true;
    });
    expect(() => index.put('new', vectors[0]!)).toThrow(invalid);
    expect(() => index.delete('0')).toThrow(invalid);
    expect(() => index.link(1)).toThrow(invalid);
    expect(() => saveSnapshot(index, scratch('busy.index'))).toThrow(invalid);
    await expect(index.linkAll()).rejects.toThrow(invalid);
    const missed: number[] = [];
    let asked = 0;
    for (let at = 0; !state.isDone; at = (at + 1) % vectors.length) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!index.has(String(at))) continue;
      asked += 1;
      const hits = index.search(vectors[at]!, { limit: 4, breadth: 100 });
      if (!hits.some(({ id }) => id === String(at))) missed.push(at);
    }
    await linking;
    expect(asked).toBeGreaterThan(0);
    expect(missed.length).toBeLessThanOrEqual(0.02 * asked);
    index.put('new', vectors[0]!);
    index.close();
  });

  it('ends by its signal and goes on later, or with the index', async () => {
    const { index } = waiting(seed(), 5000);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort(new Error('enough'));
    await expect(index.linkAll({ signal: controller.signal, onProgress })).rejects.toThrow(
      'enough',
    );
    expect(index.describe().pendingCount).toBeGreaterThan(0);
    await index.linkAll();
    expect(index.describe().pendingCount).toBe(0);
    index.close();
    const closed = waiting(seed(), 5000).index;
    const linking = closed.linkAll({ threads: 4 });
    await new Promise((resolve) => setTimeout(resolve, 3));
    closed.close();
    await expect(linking).rejects.toThrow(invalid);
    await expect(waiting(seed(), 2000).index.linkAll({ threads: 65 })).rejects.toThrow(invalid);
  });
});
