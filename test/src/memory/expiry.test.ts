/** Memories that expire, on both engines: what is due, what is found, and what a late command deletes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { MemoryEngine } from '../../../src/memory/engine.js';
import { stageV2 } from '../../../src/memory/stage.js';
import {
  applyAll,
  at,
  edge,
  engines,
  fakeEmbedder,
  insert,
  recordsOf,
  scratch,
} from './support.js';

const expire = (id: string, timestampMs: number) =>
  ({ type: 'expireMemory', id, timestampMs }) as const;

describe.each(['v1', 'v2'] as const)('a %s engine', (version) => {
  let path: string;
  let engine: MemoryEngine;

  beforeEach(() => {
    path = scratch('memory.db');
    engine = engines[version](path, { create: true });
  });
  afterEach(() => engine.close());

  it('keeps when a memory expires, and knows what is due', () => {
    applyAll(engine, insert('a', 'x', { expiresAtMs: 200 }), insert('b', 'x'));
    applyAll(engine, insert('c', 'x', { expiresAtMs: 100 }));
    expect(engine.get('a')).toMatchObject({ id: 'a', expiresAtMs: 200 });
    expect(engine.get('b')).not.toHaveProperty('expiresAtMs');
    expect(engine.expired(99, 10)).toEqual([]);
    expect(engine.expired(100, 10)).toEqual(['c']);
    expect(engine.expired(1000, 10)).toEqual(['c', 'a']);
    expect(engine.expired(1000, 1)).toEqual(['c']);
    engine.close();
    engine = engines[version](path);
    expect(engine.expired(1000, 10)).toEqual(['c', 'a']);
  });

  it('deletes what is due with its edges, and nothing that was put anew', () => {
    applyAll(
      engine,
      insert('a', 'x', { expiresAtMs: 100 }),
      insert('b', 'x', { expiresAtMs: 100 }),
    );
    applyAll(engine, insert('c', 'x'), edge('a', 'c'), edge('c', 'a'));
    expect(applyAll(engine, expire('a', 99), expire('c', 999), expire('nobody', 999))).toEqual([
      'not-found',
      'not-found',
      'not-found',
    ]);
    expect(applyAll(engine, expire('a', 100))).toEqual(['ok']);
    expect(engine.get('a')).toBeUndefined();
    expect(engine.edges('c')).toEqual([]);
    // Between the look of the leader and its command somebody wants it for longer, or for ever.
    expect(applyAll(engine, insert('b', 'x', { expiresAtMs: 300 }), expire('b', 200))).toEqual([
      'ok',
      'not-found',
    ]);
    expect(applyAll(engine, insert('b', 'x'), expire('b', 999))).toEqual(['ok', 'not-found']);
    expect(engine.get('b')).toBeDefined();
    expect(engine.expired(1e12, 10)).toEqual([]);
    expect(applyAll(engine, insert('d', 'x', { expiresAtMs: 0.5 }))).toEqual(['invalid']);
  });

  it('finds in its place what has not expired', () => {
    const vector = at(0);
    applyAll(engine, insert('a', 'red', { vector, expiresAtMs: 100 }));
    applyAll(
      engine,
      insert('b', 'red', { vector: at(10) }),
      insert('c', 'red', { vector: at(20) }),
    );
    for (const mode of [undefined, 'vector', 'text', 'hybrid'] as const) {
      const search = (aliveAtMs?: number): string[] =>
        engine.search({ text: 'red', vector, limit: 2, mode, aliveAtMs }).map(({ id }) => id);
      expect(search()).toEqual(['a', 'b']);
      expect(search(99)).toEqual(['a', 'b']);
      expect(search(100)).toEqual(['b', 'c']);
      expect(search()).toEqual(['a', 'b']);
    }
    const memories = { filter: {}, limit: 9, text: 'red', vector };
    applyAll(engine, insert('c', 'red', { vector, expiresAtMs: 50 }));
    expect(engine.search({ ...memories, aliveAtMs: 99 }).map(({ id }) => id)).toEqual(['a', 'b']);
    applyAll(engine, expire('c', 99), insert('a', 'red', { vector }));
    expect(engine.search({ ...memories, aliveAtMs: 999 }).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('hands expiry over in a dump, and forgets its own in a restore', () => {
    applyAll(engine, insert('a', 'x', { expiresAtMs: 200, vector: at(0) }), insert('b', 'x'));
    for (const to of ['v1', 'v2'] as const) {
      const other = engines[to](scratch('other.db'), { create: true });
      applyAll(other, insert('old', 'x', { expiresAtMs: 1 }));
      other.restore(recordsOf(engine), engine.appliedIndex);
      expect(other.expired(1000, 10)).toEqual(['a']);
      expect(other.get('a')).toEqual(engine.get('a'));
      expect(applyAll(other, expire('a', 200))).toEqual(['ok']);
      other.close();
    }
  });
});

it('a store that is staged for a rollout has the expiry of the v1 file', async () => {
  const v1 = engines.v1(scratch('v1.db'), { create: true });
  applyAll(v1, insert('a', 'x', { expiresAtMs: 200 }), insert('b', 'x'));
  const path = scratch('v2.db');
  await stageV2({ source: v1, path, embedder: fakeEmbedder() });
  const v2 = engines.v2(path);
  expect(v2.expired(1000, 10)).toEqual(['a']);
  expect(v2.get('a')).toEqual(v1.get('a'));
  v1.close();
  v2.close();
});
