import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type MemoryStore, openMemoryStore, type StoreQuery } from '../src/memory/index.js';
import { RandomStream } from '../sim/world/random.js';
import type { Bench, Measurements } from './harness.js';

/** How much work a round is. */
export interface StoreBenchSize {
  /** Puts of a round that shares its syncs, and of one that has one for each. */
  readonly puts: number;
  readonly slowPuts: number;
  /** Records of the store that is compacted. */
  readonly compacted: number;
}

const usual: StoreBenchSize = { puts: 10_000, slowPuts: 500, compacted: 20_000 };
const dimensions = 384;
const turnResolutionMs = 5;
const model = 'bench';

interface Setting {
  readonly name: string;
  readonly maxBatch: number;
  readonly maxDelayMs: number;
  readonly writers: number;
  readonly isSlow?: boolean;
}

const settings: readonly Setting[] = [
  { name: 'one sync a put, 1 writer', maxBatch: 1, maxDelayMs: 0, writers: 1, isSlow: true },
  { name: 'as they come, 1 writer', maxBatch: 100, maxDelayMs: 0, writers: 1, isSlow: true },
  { name: 'as they come, 64 writers', maxBatch: 100, maxDelayMs: 0, writers: 64 },
  { name: '100 or 100 ms, 200 writers', maxBatch: 100, maxDelayMs: 100, writers: 200 },
];

/**
 * A store of its own in the temporary folder. `puts`: records with vectors of 384 components that are
 * acknowledged, so synced; `puts-a-sync`: how many share one; `turn-max`: the longest turn of the caller's
 * event loop meanwhile. `search-max`: the longest search while a store is compacted that has lost nine of
 * ten records, beside `search-usual`, the median of before. `search-namespace` and `search-time`: medians of
 * searches in one namespace of ten and in a tenth of the time, each after a write. `syncs`: what the disk does alone, 4 KiB each.
 */
export function storeBench(size: StoreBenchSize = usual): Bench {
  return {
    description: 'durable puts by group commit, and searches while a store is compacted',
    roundsDefault: 3,
    metrics: {
      puts: '1/s',
      'puts-a-sync': 'puts',
      'turn-max': 'ms',
      syncs: '1/s',
      'search-usual': 'ms',
      'search-max': 'ms',
      compaction: 's',
      'search-all': 'ms',
      'search-namespace': 'ms',
      'search-time': 'ms',
    },
    subjects: [
      diskSubject(),
      ...settings.map((setting) => putSubject(setting, size)),
      compactionSubject(size.compacted),
      conditionsSubject(size.compacted),
    ],
    ratios: [],
  };
}

function diskSubject(): Bench['subjects'][number] {
  return {
    name: 'the disk alone',
    run: () => {
      const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
      const file = openSync(join(folder, 'file'), 'w');
      const bytes = new Uint8Array(4096);
      const count = 200;
      const startedMs = performance.now();
      for (let at = 0; at < count; at += 1) {
        writeSync(file, bytes, 0, bytes.length, at * bytes.length);
        fdatasyncSync(file);
      }
      const seconds = (performance.now() - startedMs) / 1000;
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
      return { syncs: count / seconds };
    },
  };
}

function putSubject(setting: Setting, size: StoreBenchSize): Bench['subjects'][number] {
  const { name, writers, isSlow, ...groupCommit } = setting;
  const random = new RandomStream(1, name);
  return {
    name,
    run: async (): Promise<Measurements> => {
      return withStore(groupCommit, async (store) => {
        const count = isSlow === true ? size.slowPuts : size.puts;
        const records = Array.from({ length: count }, (_, at) => recordOf(random, at));
        const before = (await store.stats()).commits;
        // A loop that looks at the clock would take the processor from the thread that is measured.
        const turns = monitorEventLoopDelay({ resolution: turnResolutionMs });
        turns.enable();
        const startedMs = performance.now();
        let next = 0;
        const write = async (): Promise<void> => {
          while (next < count) {
            next += 1;
            await store.put(records[next - 1]!);
          }
        };
        await Promise.all(Array.from({ length: writers }, write));
        const seconds = (performance.now() - startedMs) / 1000;
        turns.disable();
        const after = (await store.stats()).commits;
        const shared = (after.operations - before.operations) / (after.syncs - before.syncs);
        return { puts: count / seconds, 'puts-a-sync': shared, 'turn-max': turns.max / 1e6 };
      });
    },
  };
}

function compactionSubject(records: number): Bench['subjects'][number] {
  const random = new RandomStream(1, 'compaction');
  return {
    name: 'compaction of nine tenths',
    run: () =>
      withStore({ maxBatch: 1000, maxDelayMs: 0 }, async (store) => {
        for (let from = 0; from < records; from += 500) {
          const some = Array.from({ length: 500 }, (_, at) => recordOf(random, from + at));
          await store.putMany(some);
        }
        const gone = Array.from({ length: records * 0.9 }, (_, at) => `r${at}`);
        for (let from = 0; from < gone.length; from += 500) {
          await Promise.all(gone.slice(from, from + 500).map((id) => store.delete(id)));
        }
        const search = async (): Promise<number> => {
          const startedMs = performance.now();
          const hits = await store.search({ vector: recordOf(random, 0).vector, limit: 10 });
          if (hits.length !== 10) throw new Error(`a search found ${hits.length} of 10`);
          return performance.now() - startedMs;
        };
        await search();
        const usual: number[] = [];
        for (let count = 0; count < 50; count += 1) usual.push(await search());
        const state = { isDone: false };
        const startedMs = performance.now();
        const compacting = store.compact().finally(() => (state.isDone = true));
        let longestMs = 0;
        while (!state.isDone) longestMs = Math.max(longestMs, await search());
        await compacting;
        return {
          'search-usual': usual.sort((a, b) => a - b)[25]!,
          'search-max': longestMs,
          compaction: (performance.now() - startedMs) / 1000,
        };
      }),
  };
}

/** Each search comes after a write, so that nothing is remembered. */
function conditionsSubject(records: number): Bench['subjects'][number] {
  const random = new RandomStream(1, 'conditions');
  const create = (number: number): ReturnType<typeof recordOf> & Placed => {
    const namespace = number % 10 === 0 ? 'default' : `n${number % 10}`;
    return { ...recordOf(random, number), namespace, timestamp: number };
  };
  return {
    name: 'one of ten namespaces',
    run: () =>
      withStore({ maxBatch: 1000, maxDelayMs: 0 }, async (store) => {
        for (let from = 0; from < records; from += 500) {
          await store.putMany(Array.from({ length: 500 }, (_, at) => create(from + at)));
        }
        const median = async (conditions: StoreQuery): Promise<number> => {
          const times: number[] = [];
          for (let count = 0; count < 21; count += 1) {
            const { vector } = recordOf(random, 0);
            await store.put(create(records));
            const startedMs = performance.now();
            const hits = await store.search({ vector, limit: 10, ...conditions });
            times.push(performance.now() - startedMs);
            if (hits.length !== 10) throw new Error(`a search found ${hits.length} of 10`);
          }
          return times.sort((a, b) => a - b)[10]!;
        };
        const created = { fromMs: 0, toMs: records / 10 };
        return {
          'search-all': await median({ namespace: null }),
          'search-namespace': await median({ namespace: 'n3' }),
          'search-time': await median({ namespace: null, created }),
        };
      }),
  };
}

interface Placed {
  readonly namespace: string;
  readonly timestamp: number;
}

async function withStore(
  groupCommit: { readonly maxBatch: number; readonly maxDelayMs: number },
  work: (store: MemoryStore) => Promise<Measurements>,
): Promise<Measurements> {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  const path = join(folder, 'store.db');
  const store = await openMemoryStore(path, { embedder: null, model, groupCommit });
  try {
    return await work(store);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function recordOf(
  random: RandomStream,
  number: number,
): { id: string; content: string; metadata: { number: number }; vector: Float32Array } {
  const vector = Float32Array.from({ length: dimensions }, () => random.fraction() - 0.5);
  const content = `record ${number} of a store that is measured, with about as many words as a note has`;
  return { id: `r${number}`, content, metadata: { number }, vector };
}
