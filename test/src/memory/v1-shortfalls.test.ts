/** What a plan says v1 has no form for, counted in a store of either engine. */
import { describe, expect, it } from 'vitest';

import type { InsertMemory } from '../../../src/memory/engine.js';
import { memoryKey } from '../../../src/memory/memory-key.js';
import { countShortfalls, shortfallSentences } from '../../../src/memory/v1-shortfalls.js';
import { at, engines, scratch } from './support.js';

const PLAIN = {
  type: 'insertMemory',
  content: 'text',
  metadata: {},
  vector: null,
  timestampMs: 1,
} as const;

const MEMORIES: readonly InsertMemory[] = [
  { ...PLAIN, id: 'plain' },
  { ...PLAIN, id: 'known', metadata: { title: 't', tags: ['a'], confidence: 1, source: {} } },
  { ...PLAIN, id: 'own vector', vector: at(10) },
  { ...PLAIN, id: 'expires', expiresAtMs: 5 },
  { ...PLAIN, id: memoryKey('team', 'a') },
  { ...PLAIN, id: memoryKey('team', 'b'), expiresAtMs: 9 },
  { ...PLAIN, id: 'tags', metadata: { tags: ['a', 1] } },
  { ...PLAIN, id: 'tag', metadata: { tags: 'a' } },
  { ...PLAIN, id: 'sure', metadata: { confidence: 1.5 } },
  { ...PLAIN, id: 'title', metadata: { title: null } },
  { ...PLAIN, id: 'source', metadata: { source: ['x'] } },
  { ...PLAIN, id: 'model', vector: { model: 'other', values: new Float32Array(384).fill(0.1) } },
  { ...PLAIN, id: 'length', vector: { ...at(0), values: new Float32Array(16).fill(0.1) } },
];

describe.each(['v1', 'v2'] as const)('in a %s store', (version) => {
  it('each memory counts under what v1 has no form for', async () => {
    const engine = engines[version](scratch('store.db'), { create: true });
    const none = { expiring: 0, namespaced: 0, otherMetadata: 0, otherVectors: 0 };
    expect(await countShortfalls(engine)).toEqual(none);
    engine.apply(
      MEMORIES.map((command, i) => ({ index: i + 1, command })),
      MEMORIES.length,
    );
    const counted = await countShortfalls(engine);
    expect(counted).toEqual({ expiring: 2, namespaced: 2, otherMetadata: 5, otherVectors: 2 });
    engine.apply(
      [{ index: 100, command: { type: 'deleteMemory', id: 'tags', timestampMs: 2 } }],
      100,
    );
    expect(await countShortfalls(engine)).toEqual({ ...counted, otherMetadata: 4 });
    engine.close();
  });

  it('the count can be given up', async () => {
    const engine = engines[version](scratch('store.db'), { create: true });
    for (let index = 1; index <= 3_000; index += 1) {
      engine.apply([{ index, command: { ...PLAIN, id: `m-${index}` } }], index);
    }
    const abort = new AbortController();
    const counting = countShortfalls(engine, abort.signal);
    abort.abort(new Error('nobody waits any more'));
    await expect(counting).rejects.toThrow('nobody waits');
    engine.close();
  });
});

it('what a store holds is said with how much of it there is', () => {
  const counts = { expiring: 0, namespaced: 1, otherMetadata: 12, otherVectors: 0 };
  const sentences = shortfallSentences(counts);
  expect(sentences).toHaveLength(2);
  expect(sentences[0]).toMatch(/^1 memory has the namespace of a memory: programs of v1 see/);
  expect(sentences[1]).toMatch(/^12 memories have title, description/);
});
