import { describe, expect, it } from 'vitest';

import type { Operation } from '../../examples/rolling-migration/history.js';
import type { Spans } from './measure.js';
import { longestGaps, tails } from './measure.js';

const ms = 1_000;
const second = 1_000 * ms;

/** Answered at that time, after so long. */
function answered(atMs: number, tookMs = 5, error: string | null = null): Operation {
  const returnMicroseconds = atMs * ms;
  const callMicroseconds = returnMicroseconds - tookMs * ms;
  const nothing = { content: null, edge: null, index: null, servedBy: '' };
  return {
    client: 0,
    kind: 'get',
    id: 'x',
    callMicroseconds,
    returnMicroseconds,
    error,
    ...nothing,
  };
}

/** Ten seconds steady, then twenty of rolling, with a kill from the 15th to the 17th. */
const spans: Spans = {
  steady: { fromMicroseconds: 0, toMicroseconds: 10 * second },
  rolling: { fromMicroseconds: 10 * second, toMicroseconds: 30 * second },
  kills: [{ fromMicroseconds: 15 * second, toMicroseconds: 17 * second }],
  partitions: [{ fromMicroseconds: 25 * second, toMicroseconds: 26 * second }],
  echoMicroseconds: second,
};

/** An answer every 10 ms, but for the stretches named. */
function load(...silent: readonly (readonly [number, number])[]): Operation[] {
  return Array.from({ length: 3_000 }, (_each, at) => at * 10)
    .filter((at) => !silent.some(([from, to]) => at > from && at < to))
    .map((at) => answered(at));
}

describe('the longest gap', () => {
  it('is laid to what went on at the time', () => {
    const silent = [
      [1_000, 1_040],
      [12_000, 12_070],
      [15_500, 16_000],
      [25_900, 26_200],
    ] as const;
    expect(longestGaps(load(...silent), spans)).toEqual({
      steady: 40,
      calm: 70,
      kill: 500,
      partition: 300,
    });
  });

  it('is laid to a kill for a second after its end, and not longer', () => {
    expect(longestGaps(load([17_900, 18_100]), spans)).toMatchObject({ kill: 200, calm: 10 });
    expect(longestGaps(load([18_100, 18_300]), spans)).toMatchObject({ kill: 10, calm: 200 });
  });

  it('does not end with a failure, and counts silence at the end', () => {
    const failures = [answered(29_000, 5, 'refused'), answered(29_500, 5, 'refused')];
    const operations = [...load([28_000, 30_000]), ...failures];
    expect(longestGaps(operations, spans).calm).toBe(2_000);
  });

  it('of nothing is all of the time', () => {
    expect(longestGaps([], spans)).toMatchObject({ kill: 30_000 });
  });
});

describe('tails', () => {
  it('compare the worst second of a moving rollout with steady load, faults apart', () => {
    const slow = [answered(20_500, 400), answered(20_510, 400), answered(15_500, 900)];
    const moving = [{ fromMicroseconds: 10 * second, toMicroseconds: 30 * second }];
    const found = tails([...load(), ...slow], spans, moving, 1.5);
    expect(found.steadyP99Ms).toBe(5);
    expect(found.steadyWorstSecondMs).toBe(5);
    expect(found.rollingWorstSecondMs).toBe(400);
    expect(found.secondsBeyond).toBe(1);
    // The kill touches five seconds with its echo, the partition four.
    expect(found.seconds).toBe(20 - 5 - 4);
  });

  it('leave out what no rollout moved in', () => {
    const slow = Array.from({ length: 9 }, (_each, at) => answered(20_500 + at, 400));
    const moving = [{ fromMicroseconds: 10 * second, toMicroseconds: 14 * second }];
    const found = tails([...load(), ...slow], spans, moving, 1.5);
    expect(found.rollingWorstSecondMs).toBe(5);
    expect(found.secondsBeyond).toBe(0);
  });
});
