/** Pages of memories and namespaces of both engines, against a list that is sorted by hand. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Memory, MemoryEngine, PageQuery } from '../../../src/memory/engine.js';
import { LISTED_ROWS_MAX } from '../../../src/memory/limits.js';
import { memoryKey, namespaceOf } from '../../../src/memory/memory-key.js';
import { SeededRandom } from '../../../src/memory/seeded-random.js';
import { applyAll, engines, insert, scratch, seed } from './support.js';

const START = 1_760_000_000_000;
const LONG = 'x'.repeat(5000);
const NAMESPACES = ['default', 'team', 'téam', 'z'];

describe.each(['v1', 'v2'] as const)('a %s engine', (version) => {
  let engine: MemoryEngine;

  beforeEach(() => {
    engine = engines[version](scratch('memory.db'), { create: true });
  });
  afterEach(() => engine.close());

  /** All pages of a query; each but the last is as long as it may be. */
  function allOf(query: Omit<PageQuery, 'limit'>, limit: number): Memory[] {
    const memories: Memory[] = [];
    for (let after: string | undefined; ;) {
      const page = engine.list({ ...query, limit, after });
      expect(page.memories.length).toBeLessThanOrEqual(limit);
      memories.push(...page.memories);
      if (page.next === null) return memories;
      after = page.next;
    }
  }

  it('lists what a namespace and a time have, in whatever pages', () => {
    const random = new SeededRandom(seed());
    const all: { key: string; timestampMs: number }[] = [];
    for (const namespace of NAMESPACES) {
      for (const id of ['a', 'b', 'ä', '\u001fodd', ' space', '~', '😀', 'b\n']) {
        const timestampMs = START + Math.floor(random.fraction() * 100);
        all.push({ key: memoryKey(namespace, id), timestampMs });
      }
    }
    applyAll(engine, ...all.map(({ key, timestampMs }) => insert(key, 'text', { timestampMs })));
    const sorted = all.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    for (const namespace of [undefined, ...NAMESPACES, 'nobody']) {
      for (const created of [
        undefined,
        { fromMs: START + 50 },
        { fromMs: START + 20, toMs: START + 60 },
      ]) {
        const { fromMs = 0, toMs = Infinity } = created ?? {};
        const expected = sorted.filter(({ key, timestampMs }) => {
          const isHere = namespace === undefined || namespaceOf(key) === namespace;
          return isHere && timestampMs >= fromMs && timestampMs <= toMs;
        });
        for (const limit of [1, 3, 1000]) {
          const ids = allOf({ namespace, created }, limit).map(({ id }) => id);
          expect(ids).toEqual(expected.map(({ key }) => key));
        }
      }
    }
  });

  it('reads a bounded number of memories for a page that finds none', () => {
    const some = Array.from({ length: LISTED_ROWS_MAX + 5 }, (_, i) => {
      const timestampMs = i === LISTED_ROWS_MAX + 2 ? START + 1 : START;
      return insert(String(i).padStart(5, '0'), 'text', { timestampMs });
    });
    applyAll(engine, ...some);
    const query = { created: { fromMs: START + 1 } };
    const first = engine.list({ ...query, limit: 10 });
    expect(first).toMatchObject({ memories: [], next: expect.any(String) });
    expect(allOf(query, 10).map(({ id }) => id)).toEqual(['01002']);
  });

  it('knows whether anybody uses namespaces', () => {
    applyAll(engine, insert('a', 'text'), insert('~', 'text'));
    expect(engine.hasNamespaces()).toBe(false);
    applyAll(engine, insert(memoryKey('team', 'a'), 'text'));
    expect(engine.hasNamespaces()).toBe(true);
    applyAll(engine, { type: 'deleteMemory', id: memoryKey('team', 'a'), timestampMs: START });
    expect(engine.hasNamespaces()).toBe(false);
  });

  it.each([
    [{ limit: 0 }, /1 to 1000 memories, not 0/],
    [{ limit: 1.5 }, /not 1.5/],
    [{ limit: 1, namespace: '' }, /a namespace is/],
    [{ limit: 1, created: { fromMs: Number.NaN } }, /a time range is/],
    [{ limit: 1, after: LONG }, /begins behind an id/],
  ])('refuses %#', (query, message) => {
    expect(() => engine.list(query)).toThrow(message);
  });
});
