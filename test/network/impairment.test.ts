import { describe, expect, it } from 'vitest';
import { BAD_PATH, clean, Link, WORST_PATH } from './impairment.js';

const SEED = 3;

function arrivals(link: Link, count: number, everyMs: number, bytes = 1_000): number[][] {
  return Array.from({ length: count }, (_, index) => link.enter(index * everyMs, bytes));
}

describe('a link', () => {
  it('that is clean passes everything at once, up to its longest packet', () => {
    const link = new Link(clean(1_500), SEED, 'up');
    expect(link.enter(5, 1_472)).toEqual([5]);
    expect(link.enter(6, 1_473)).toEqual([]);
    expect(link.tooLongCount).toBe(1);
  });

  it('does the same again with the same seed, and something else with another', () => {
    const run = (seed: number): number[][] => arrivals(new Link(BAD_PATH, seed, 'up'), 500, 2);
    expect(run(SEED)).toEqual(run(SEED));
    expect(run(SEED)).not.toEqual(run(SEED + 1));
  });

  it('loses, doubles and reorders the shares that it was told', () => {
    const count = 20_000;
    for (const path of [BAD_PATH, WORST_PATH]) {
      const { lossShare, duplicateShare, reorderShare, delayMs, jitterMs } = path;
      const link = new Link({ ...path, bitsPerSecond: 0, reorderMs: 30 }, SEED, 'up');
      const all = arrivals(link, count, 1);
      const share = (isCounted: (times: number[], enteredAtMs: number) => boolean): number =>
        all.filter(isCounted).length / count;
      expect(share((times) => times.length === 0)).toBeCloseTo(lossShare, 2);
      expect(share((times) => times.length === 2)).toBeCloseTo(duplicateShare, 2);
      const isEarly = (times: number[], atMs: number): boolean => {
        return times[0] !== undefined && times[0] - atMs < delayMs - jitterMs;
      };
      expect(share(isEarly)).toBeCloseTo(reorderShare, 2);
      const latest = all.flatMap((times, atMs) => times.map((time) => time - atMs));
      expect(Math.max(...latest)).toBeLessThanOrEqual(delayMs + jitterMs);
    }
  });

  it('keeps the order of what is only jittered, when jitter is that of a queue', () => {
    const ordered = new Link({ ...BAD_PATH, reorderShare: 0, duplicateShare: 0 }, SEED, 'up');
    const times = arrivals(ordered, 2_000, 2).flat();
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const free = new Link({ ...WORST_PATH, reorderShare: 0, duplicateShare: 0 }, SEED, 'up');
    const mixed = arrivals(free, 2_000, 2).flat();
    expect(mixed).not.toEqual(mixed.toSorted((a, b) => a - b));
  });

  it('with a rate sends one after another, and loses what its queue has no room for', () => {
    const policy = { ...clean(1_500), bitsPerSecond: 8_000_000, queueBytesMax: 10_281 };
    const link = new Link(policy, SEED, 'up');
    const times = arrivals(link, 20, 0).flat();
    // 1,028 bytes at 1,000 bytes a millisecond.
    expect(times).toHaveLength(10);
    expect(times[9]).toBeCloseTo(10.28, 6);
    expect(link.overflowCount).toBe(10);
    expect(link.enter(11, 1_000)).toHaveLength(1);
  });

  it('that is cut passes nothing', () => {
    const link = new Link(clean(1_500), SEED, 'up');
    link.isCut = true;
    expect(link.enter(0, 10)).toEqual([]);
    link.isCut = false;
    expect(link.enter(1, 10)).toEqual([1]);
  });
});
