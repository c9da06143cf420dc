import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { spearman } from '../../bench/embeddings/spearman.js';
import { runBench } from '../../bench/harness.js';
import { readPairs, stsBench } from '../../bench/sts.js';

const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-sts-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('rank correlation', () => {
  it.each([
    [[1, 2, 3], [10, 20, 30], 1],
    [[1, 2, 3], [3, 2, 1], -1],
    // Intelligence and hours of television, the example of many books: 1 - 6 * 194 / 990.
    [
      [106, 100, 86, 101, 99, 103, 97, 113, 112, 110],
      [7, 27, 2, 50, 28, 29, 20, 12, 6, 17],
      -29 / 165,
    ],
    // Two share the ranks 1 and 2: Pearson of [1.5, 1.5, 3] and [1, 2, 3].
    [[5, 5, 9], [1, 2, 3], Math.sqrt(3) / 2],
  ])('of %j and %j', (a, b, expected) => {
    expect(spearman(a, b)).toBeCloseTo(expected, 12);
  });

  it('refuses lists of other lengths', () => {
    expect(() => spearman([1, 2], [1])).toThrow('2 and 1 values have no rank correlation');
  });
});

describe('the STS bench', () => {
  const line = (score: string, a: string, b: string): string =>
    ['main-captions', 'MSRvid', '2012test', '0024', score, a, b].join('\t');

  it('measures pairs of the file', async () => {
    const path = join(folder, 'sts-test.csv');
    const lines = [
      line('5.000', 'A man is playing a guitar.', 'A man plays the guitar.'),
      line('2.5', 'A girl is styling her hair.', 'A girl is brushing her hair.'),
      line('0', 'A plane is taking off.', 'The bank raised its rates.'),
    ];
    writeFileSync(path, `${lines.join('\r\n')}\n`);
    expect(readPairs(path)).toHaveLength(3);
    const result = await runBench(stsBench(path), 1);
    const web = result.rows.find(({ metric, subject }) => {
      return metric === 'spearman' && subject === 'web';
    });
    expect(web?.median).toBe(1);
    expect(result.notes).toContain('3 pairs.');
  });

  it('names the line that is no pair', () => {
    const path = join(folder, 'other.csv');
    writeFileSync(path, `${line('1', 'a', 'b')}\n${line('6', 'a', 'b')}\n`);
    expect(() => readPairs(path)).toThrow(/^line 2 of .*other.csv is no pair/);
  });

  it('measures nothing without the file, and says what to do', async () => {
    const result = await runBench(stsBench(), 1);
    expect(result.rows).toEqual([]);
    expect(result.absent.map(({ subject }) => subject)).toEqual(['web', 'node']);
    expect(result.absent[0]!.reason).toContain('--file');
  });
});
