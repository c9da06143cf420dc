/** The bench of searches by vector, text and both in small, on the packages of bench/peers. */
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runBench } from '../../bench/harness.js';
import { memoryModesBench } from '../../bench/memory-modes.js';
import { readWordnet } from '../../bench/vectors/wordnet.js';

it('finds meanings by their words, with vectors that are made once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-wordnet-'));
  const before = process.env['AGENTIC_FLOW_BENCH_CACHE'];
  process.env['AGENTIC_FLOW_BENCH_CACHE'] = folder;
  try {
    const result = await runBench(memoryModesBench({ memories: 120, queries: 20 }), 1);
    const of = (metric: string, subject: string): number =>
      result.rows.find((row) => row.metric === metric && row.subject === subject)!.median;
    expect(of('found', 'vector')).toBeGreaterThan(0.7);
    expect(of('ndcg', 'vector')).toBeGreaterThan(of('ndcg', 'text'));
    expect(of('found', 'hybrid by rank')).toBeGreaterThan(0.7);
    const file = join(folder, 'wordnet-minilm.f32');
    expect(readdirSync(folder).sort()).toEqual(['wordnet-minilm.f32', 'wordnet-minilm.json']);
    expect(statSync(file).size).toBe(120 * 384 * 4);

    // Cut within a row, as by a crash: the rest is made again, and the same.
    const vectors = await readWordnet(120);
    truncateSync(file, 100 * 384 * 4 + 10);
    const again = await readWordnet(120);
    const differences = again.map((value, at) => Math.abs(value - vectors[at]!));
    expect(Math.max(...differences)).toBeLessThan(1e-6);
    for (let row = 0; row < 120; row += 1) {
      expect(Math.hypot(...again.subarray(row * 384, (row + 1) * 384))).toBeCloseTo(1, 5);
    }
    await expect(readWordnet(1_000_000)).rejects.toThrow('WordNet has 117791 glosses');
  } finally {
    if (before === undefined) delete process.env['AGENTIC_FLOW_BENCH_CACHE'];
    else process.env['AGENTIC_FLOW_BENCH_CACHE'] = before;
    rmSync(folder, { recursive: true });
  }
});
