/** The bench of vector indexes in small, on the packages of bench/peers. */
import { expect, it } from 'vitest';
import { runBench } from '../../bench/harness.js';
import { memoryBench } from '../../bench/memory.js';

it('measures indexes on real data, each with the recall that it counts for', async () => {
  const size = { glove: { vectors: 2000, queries: 20 }, mnist: { vectors: 500, queries: 10 } };
  const oursAfter = (name: string): string[] => {
    const set = name.split('-')[0]!;
    const filtered = ['50', '10', '1'].map((part) => `${set}-filtered-${part}%`);
    return name.endsWith('memory') ? [`${set}-open`, ...filtered] : [];
  };
  const result = await runBench(memoryBench(size, ['native', 'wasm', 'js', 'hnswlib-node']), 1);
  const names = ['glove', 'mnist'].flatMap((set) =>
    ['queries', 'recall', 'build', 'memory'].map((metric) => `${set}-${metric}`),
  );
  for (const rung of ['native', 'wasm', 'js', 'hnswlib-node']) {
    const rows = result.rows.filter(({ subject }) => subject === rung);
    expect(rows.map(({ metric }) => metric)).toEqual(
      rung === 'hnswlib-node' ? names : names.flatMap((name) => [name, ...oursAfter(name)]),
    );
  }
  for (const { metric, median } of result.rows) {
    if (metric.endsWith('recall')) expect(median).toBeGreaterThanOrEqual(0.98);
  }
  // The three rungs find the same, so they have the same recall.
  const recalls = result.rows.filter(({ metric, subject }) => {
    return metric === 'glove-recall' && subject !== 'hnswlib-node';
  });
  expect(new Set(recalls.map(({ median }) => median)).size).toBe(1);
}, 240_000);
