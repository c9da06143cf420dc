import { describe, expect, it } from 'vitest';
import { runBench, type BenchResult } from '../../bench/harness.js';
import { memoryBench } from '../../bench/memory.js';
import { raftBench } from '../../bench/raft.js';
import { transportBench } from '../../bench/transport.js';
import type { Embedder } from '../../src/memory/index.js';

/** Every metric of every subject, as far as they have it, is a rate or a time. */
function expectMeasured(result: BenchResult, metricsBySubject: Record<string, string[]>): void {
  const measured: Record<string, string[]> = {};
  for (const { subject, metric, median } of result.rows) {
    (measured[subject] ??= []).push(metric);
    expect(median, `${metric} of ${subject}`).toBeGreaterThan(0);
  }
  expect(measured).toEqual(metricsBySubject);
}

/** Vectors without a model; counts the texts. */
function countingEmbedder(texts: string[]): Embedder {
  return {
    model: 'none',
    dimensions: 4,
    embed: async (asked) => {
      texts.push(...asked);
      return asked.map(() => new Float32Array(4));
    },
    close: async () => undefined,
  };
}

describe('the benches measure, in small,', () => {
  it('raft: entries that all three nodes have applied', async () => {
    const result = await runBench(raftBench(20_000), 2);
    expectMeasured(result, { 'by-reference': ['entries'], encoded: ['entries'] });
    expect(result.ratios).toHaveLength(1);
  });

  it('transport: ours and HTTP/2, each with a server in a process of its own', async () => {
    const size = { callsAlone: 40, callsTogether: 200, bulkBytes: 3_000_000 };
    const metrics = ['calls-alone', 'calls-64-in-flight', 'bulk'];
    const result = await runBench(transportBench(size), 1);
    expectMeasured(result, { 'agentic-flow': metrics, 'node:http2': metrics });
  });

  it('memory: both engines, and texts that no cache knows', async () => {
    const texts: string[] = [];
    const size = { memories: 600, batches: 4, searches: 3, texts: 5 };
    const result = await runBench(
      memoryBench(size, () => countingEmbedder(texts)),
      2,
    );
    expectMeasured(result, {
      v1: ['batches', 'searches'],
      v2: ['batches', 'searches'],
      'all-MiniLM-L6-v2': ['embed-10-words', 'embed-100-words'],
    });
    expect(new Set(texts).size).toBe(texts.length);
    const counts = texts.slice(1).map((text) => text.split(' ').length);
    expect(counts.filter((count) => count === 10)).toHaveLength(10);
    expect(counts.filter((count) => count === 100)).toHaveLength(10);
  });
});
