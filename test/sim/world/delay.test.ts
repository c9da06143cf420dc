import { describe, expect, it } from 'vitest';
import { checkDelay, drawDelay } from '../../../sim/world/delay.js';
import { RandomStream, SimulationError, type Delay } from '../../../sim/world/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const range = { minimumMicroseconds: 100, maximumMicroseconds: 50_000 } as const;

function draws(delay: Delay): number[] {
  checkDelay(delay);
  const random = new RandomStream(seed, 'delays');
  return Array.from({ length: 20_000 }, () => drawDelay(delay, random)).sort((a, b) => a - b);
}

describe(`delays (SEED=${seed})`, () => {
  const kinds: readonly Delay[] = [
    { kind: 'uniform', ...range },
    { kind: 'exponential', ...range, meanMicroseconds: 2000 },
    { kind: 'lognormal', ...range, medianMicroseconds: 2000, sigma: 1 },
    {
      kind: 'spiky',
      ...range,
      usualMaximumMicroseconds: 1000,
      spikeProbability: 0.1,
      spikeMinimumMicroseconds: 40_000,
    },
  ];

  it.each(kinds)('%j stay whole and in their range', (delay) => {
    const drawn = draws(delay);
    expect(drawn.every(Number.isSafeInteger)).toBe(true);
    expect(drawn[0]).toBeGreaterThanOrEqual(100);
    expect(drawn.at(-1)).toBeLessThanOrEqual(50_000);
  });

  it('have the median, the mean and the spikes asked for', () => {
    const [, exponential, lognormal, spiky] = kinds.map(draws);
    const mean = exponential!.reduce((sum, each) => sum + each) / exponential!.length;
    expect(Math.abs(mean - 2000)).toBeLessThan(100);
    expect(Math.abs(lognormal![10_000]! - 2000)).toBeLessThan(100);
    // One standard deviation above the median lies at e times it.
    expect(Math.abs(lognormal![16_827]! / 2000 - Math.E)).toBeLessThan(0.2);
    const spikes = spiky!.filter((each) => each >= 40_000);
    expect(Math.abs(spikes.length - 2000)).toBeLessThan(200);
    expect(spiky!.filter((each) => each <= 1000)).toHaveLength(20_000 - spikes.length);
  });

  const impossible = [
    { kind: 'uniform', minimumMicroseconds: -1, maximumMicroseconds: 5 },
    { kind: 'uniform', minimumMicroseconds: 0.5, maximumMicroseconds: 5 },
    { kind: 'uniform', minimumMicroseconds: 0, maximumMicroseconds: 2 ** 40 },
    { kind: 'exponential', ...range, meanMicroseconds: 99 },
    { kind: 'lognormal', ...range, medianMicroseconds: 1, sigma: 1 },
    { kind: 'lognormal', ...range, medianMicroseconds: 1000, sigma: 9 },
    {
      kind: 'spiky',
      ...range,
      usualMaximumMicroseconds: 9,
      spikeProbability: 0,
      spikeMinimumMicroseconds: 200,
    },
    {
      kind: 'spiky',
      ...range,
      usualMaximumMicroseconds: 900,
      spikeProbability: 2,
      spikeMinimumMicroseconds: 200,
    },
    { kind: 'gaussian', ...range },
  ] as readonly unknown[] as readonly Delay[];

  it.each(impossible)('refuses %j', (delay) => {
    expect(() => checkDelay(delay)).toThrow(SimulationError);
  });
});
