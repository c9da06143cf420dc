import { describe, expect, it } from 'vitest';
import { bftBench } from '../../bench/bft.js';
import { bftCertificatesBench } from '../../bench/bft-certificates.js';
import { Verification } from '../../bench/bft/certificates.js';
import { simulatedDecisionsMs } from '../../bench/bft/simulated.js';
import { formatResult, runBench } from '../../bench/harness.js';

const small = { warmUp: 4, alone: 4, inFlight: 8, loadMs: 100, submitters: 2, verified: 2 };

describe('the bench of Byzantine consensus', () => {
  it('measures processes, a simulated decision and verification, and says which goals are met', async () => {
    const result = await runBench(bftBench(small), 1);
    const medianOf = (metric: string, subject: string): number =>
      result.rows.find((row) => row.metric === metric && row.subject === subject)?.median ?? 0;
    const metrics = ['decided-p50', 'decided-p99', 'commands', 'commands-a-height', 'cpu-alone'];
    for (const metric of [...metrics, 'cpu-of-many']) {
      expect(medianOf(metric, '4 processes'), metric).toBeGreaterThan(0);
    }
    // No decision is faster than four messages.
    expect(medianOf('decided-p50', '31 simulated')).toBeGreaterThan(200);
    for (const subject of ['4 validators', '100 validators']) {
      expect(medianOf('verified-votes', subject), subject).toBeGreaterThan(0);
      expect(medianOf('verified-decision', subject), subject).toBeGreaterThan(0);
    }
    expect(result.goals).toHaveLength(5);
    for (const { metric, subject, bound, value, isGoalMet } of result.goals) {
      const median = medianOf(metric, subject);
      expect(isGoalMet).toBe(bound === 'at most' ? median <= value : median >= value);
    }
    expect(formatResult(result)).toMatch(
      /^decided-p50 of 4 processes: the goal is at most 10 ms: /m,
    );
  });

  it.each([
    [4, 3],
    [100, 67],
  ])('verifies for %d validators certificates of %d votes', (validators, votes) => {
    expect(new Verification(validators, 2).votes).toEqual([votes, votes]);
  });

  it('measures what proves a decision, aggregated or not', async () => {
    const { rows } = await runBench(bftCertificatesBench([4, 100], 2), 1);
    const bytesOf = (subject: string): number =>
      rows.find((row) => row.metric === 'decision-bytes' && row.subject === subject)!.median;
    // 67 signatures with what they sign, against one and 13 bytes of who has signed.
    expect(bytesOf('100 validators')).toBeGreaterThan(67 * 100);
    expect(bytesOf('100 aggregated')).toBeLessThan(500);
    expect(bytesOf('100 aggregated') - bytesOf('4 aggregated')).toBe(12);
    for (const { metric, median } of rows) expect(median, metric).toBeGreaterThan(0);
  });

  it('counts three messages for who proposes and four for the others', () => {
    const ms = simulatedDecisionsMs(4, 50, 4, 1).toSorted((a, b) => a - b);
    const [proposer, ...others] = ms.map((each) => Math.floor(each / 50));
    expect(proposer).toBe(3);
    expect(others).toEqual([4, 4, 4]);
  });
});
