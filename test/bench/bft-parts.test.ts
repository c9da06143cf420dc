import { expect, it } from 'vitest';
import { bftPartsBench } from '../../bench/bft-parts.js';
import { runBench } from '../../bench/harness.js';

it('measures that the proposer sends less where values are passed on in parts', async () => {
  const result = await runBench(bftPartsBench(['1-mib'], [4]), 1);
  const medianOf = (metric: string, subject: string): number =>
    result.rows.find((row) => row.metric === metric && row.subject === subject)?.median ?? 0;
  for (const subject of ['4 in parts', '4 whole']) {
    expect(medianOf('decided-1-mib', subject)).toBeGreaterThan(0);
    expect(medianOf('heights-1-mib', subject)).toBeGreaterThanOrEqual(1);
  }
  const [inParts, whole] = ['4 in parts', '4 whole'].map((each) =>
    medianOf('proposer-1-mib', each),
  );
  expect(whole).toBeGreaterThan(3);
  expect(inParts).toBeGreaterThan(1);
  expect(inParts).toBeLessThan(whole!);
  expect(medianOf('others-1-mib', '4 in parts')).toBeGreaterThan(0.3);
});
