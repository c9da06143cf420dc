/** What the tests of the vector index share: the rungs, recall. */
import { execFileSync } from 'node:child_process';
import { afterAll, expect } from 'vitest';

import { HnswIndex, type HnswHit } from '../../../../src/memory/index/hnsw-index.js';
import { PART } from '../../../../src/memory/index/kernel.js';
import { type Addon, loadAddon } from '../../../../src/memory/index/native-kernel.js';
import { RUNG_VARIABLE, type Rung } from '../../../../src/memory/index/rung.js';

export { VectorSource } from './vector-source.js';

/** A build of the kernel: a rung, and of the addon one set of instructions. */
export interface Build {
  readonly name: string;
  readonly rung: Rung;
  /** Of the addon: 0 plain, 1 AVX2, 2 the best for this processor. */
  readonly instructions?: number;
}

// The addon is part of what is tested: built here where the install step has not done it.
execFileSync(process.execPath, ['native/install.mjs']);
const addon = addonOfThisMachine();
const before = process.env[RUNG_VARIABLE];

afterAll(() => {
  addon?.use(2);
  if (before === undefined) delete process.env[RUNG_VARIABLE];
  else process.env[RUNG_VARIABLE] = before;
});

const native: readonly Build[] = [
  { name: 'native', rung: 'native', instructions: 2 },
  { name: 'native, plain', rung: 'native', instructions: 0 },
  { name: 'native, AVX2', rung: 'native', instructions: 1 },
];

/** Every build that can run here; WebAssembly and JavaScript always can. */
export const builds: readonly Build[] = [
  ...native.filter(({ instructions = 0 }) => addon?.use(instructions) === true),
  { name: 'wasm', rung: 'wasm' },
  { name: 'js', rung: 'js' },
];

/** One build of each rung. */
export const rungs: readonly Build[] = builds.filter(({ name, rung }) => name === rung);

/** Makes the next indexes with this build. */
export function useBuild({ rung, instructions }: Build): void {
  process.env[RUNG_VARIABLE] = rung;
  addon?.use(instructions ?? 2);
}

/** Whoever has no compiler has no addon either, and tests the others; the gate must have it. */
function addonOfThisMachine(): Addon | undefined {
  try {
    return loadAddon();
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error;
    console.warn('not tested here: the native kernel could not be built, see native/build.log');
    return undefined;
  }
}

/** Share of the exact best that the graph finds, over many queries. */
export function recall(index: HnswIndex, queries: readonly Float32Array[], limit = 10): number {
  let found = 0;
  let wanted = 0;
  for (const query of queries) {
    const exact = new Set(index.search(query, { limit, exact: true }).map(({ id }) => id));
    found += index.search(query, { limit }).filter(({ id }) => exact.has(id)).length;
    wanted += exact.size;
  }
  return found / wanted;
}

export function idsOf(hits: readonly HnswHit[]): string[] {
  return hits.map(({ id }) => id);
}

/** Checksums of what the kernel holds. */
export function checksumsOf(
  index: HnswIndex,
  parts: readonly ('blocks' | 'originals' | 'rows')[],
): number[] {
  const { kernel } = index.parts();
  const { slotCount, rowCount, blockBytes, originalBytes, rowBytes } = index.describe();
  const sizes = {
    blocks: [slotCount, blockBytes],
    originals: [slotCount, originalBytes],
    rows: [rowCount, rowBytes],
  } as const;
  return parts.map((part) => {
    const [count, each] = sizes[part];
    const bytes = new Uint8Array(count * each);
    expect(kernel.read(PART[part], 0, count, bytes)).toBe(0);
    return kernel.checksum(bytes, 7);
  });
}
