/** What the tests of the store share. */
import { afterEach, expect } from 'vitest';

import {
  type MemoryErrorCode,
  type MemoryStore,
  type MemoryStoreOptions,
  openMemoryStore,
} from '../../../../src/memory/index.js';
import { scratch } from '../support.js';

const open = new Set<MemoryStore>();

afterEach(async () => {
  await Promise.all([...open].map((store) => store.terminate()));
  open.clear();
});

export const MODEL = 'three';

/** A store that commits at once and embeds nothing; ended after the test. */
export async function openStore(
  path: string = scratch('store.db'),
  options: MemoryStoreOptions = {},
): Promise<MemoryStore> {
  const groupCommit = { maxBatch: 100, maxDelayMs: 0 };
  const store = await openMemoryStore(path, {
    embedder: null,
    model: MODEL,
    groupCommit,
    ...options,
  });
  open.add(store);
  return store;
}

/** A direction of three components that belongs to a number. */
export function direction(number: number): number[] {
  return [Math.cos(number), Math.sin(number), 1 + (number % 5)];
}

/** Matches an error of the store. */
export function memoryError(code: MemoryErrorCode, words: RegExp = /./): Error {
  const matcher = { name: 'MemoryError', code, message: expect.stringMatching(words) as string };
  return expect.objectContaining(matcher) as Error;
}
