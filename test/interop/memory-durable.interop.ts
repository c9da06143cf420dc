/** The bench of durable inserts in small, on the packages of bench/peers. */
import { expect, it } from 'vitest';
import { cannotCount } from '../../bench/durable/syncs.js';
import { STORES } from '../../bench/durable/stores.js';
import { runBench } from '../../bench/harness.js';
import { memoryDurableBench } from '../../bench/memory-durable.js';

it('measures stores, and counts that ours and the one of SQLite sync each batch', async () => {
  const isCounting = cannotCount() === undefined;
  const result = await runBench(memoryDurableBench(3), 1);
  const missing = result.absent.map(({ subject }) => subject);
  // Only they build a graph.
  const linking = ['v2-engine', 'store', 'zvec'];
  for (const name of Object.keys(STORES).filter((store) => !missing.includes(store))) {
    const rows = result.rows.filter(({ subject }) => subject === name);
    expect(
      rows.map(({ metric }) => metric),
      name,
    ).toEqual([
      'inserts',
      'read',
      'batch-cpu',
      'sustained',
      ...(linking.includes(name) ? ['link-cpu'] : []),
      ...(isCounting ? ['syncs'] : []),
    ]);
    const of = (metric: string): number => rows.find((row) => row.metric === metric)!.median;
    expect(of('inserts')).toBeGreaterThan(0);
    if (isCounting && ['v2-engine', 'store', 'sqlite-vec'].includes(name)) {
      expect(of('syncs')).toBeGreaterThanOrEqual(1);
    }
  }
  expect(result.notes.some((note) => note.includes('strace is not installed'))).toBe(!isCounting);
});
