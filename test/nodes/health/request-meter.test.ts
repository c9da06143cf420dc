import { describe, expect, it } from 'vitest';

import { FLIGHTS_MAX, LATENCY_MS_MAX, WINDOW_MS_MAX } from '../../../nodes/health/limits.js';
import { RequestMeter } from '../../../nodes/health/request-meter.js';
import type { Outcome } from '../../../nodes/health/request-meter.js';

/** A meter, its clock, and requests that take so long on it. */
class Bench {
  nowMs = 1_000_000;
  readonly meter = new RequestMeter(() => this.nowMs);

  request(tookMs: number, outcome: Outcome = 'answered'): void {
    const flight = this.meter.begin(5_000);
    this.nowMs += tookMs;
    this.meter.end(flight, outcome);
  }

  figures(windowMs: number): { requests: number; faults: number } {
    const { requests, faults, latencies } = this.meter.window(windowMs);
    expect(latencies.count).toBe(requests);
    return { requests, faults };
  }
}

describe('a meter of requests', () => {
  it('counts what ended in the window, and faults among it', () => {
    const bench = new Bench();
    bench.request(3);
    bench.request(5, 'fault');
    bench.request(7, 'void');
    expect(bench.figures(5_000)).toEqual({ requests: 2, faults: 1 });
    bench.nowMs += 5_300;
    expect(bench.figures(5_000)).toEqual({ requests: 0, faults: 0 });
    expect(bench.figures(10_000)).toEqual({ requests: 2, faults: 1 });
  });

  it('gives the same to everybody who asks', () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i += 1) bench.request(100);
    expect(bench.figures(60_000)).toEqual(bench.figures(60_000));
  });

  it('forgets what is older than the longest window', () => {
    const bench = new Bench();
    bench.request(1);
    bench.nowMs += WINDOW_MS_MAX;
    bench.request(1);
    bench.nowMs += 1_000;
    expect(bench.figures(WINDOW_MS_MAX)).toEqual({ requests: 1, faults: 0 });
  });

  it('tells latencies to two in a hundred', () => {
    const bench = new Bench();
    for (let i = 1; i <= 100; i += 1) bench.request(i);
    const { latencies } = bench.meter.window(WINDOW_MS_MAX);
    for (const [quantile, exactMs] of [
      [0.5, 50.5],
      [0.99, 99],
    ] as const) {
      expect(Math.abs((latencies.quantileMs(quantile) ?? 0) - exactMs)).toBeLessThan(2.5);
    }
  });

  it('counts a request that hangs as a fault, once, from its deadline on', () => {
    const bench = new Bench();
    const hanging = bench.meter.begin(2_000);
    bench.nowMs += 1_999;
    expect(bench.figures(5_000)).toEqual({ requests: 0, faults: 0 });
    bench.nowMs += 1;
    expect(bench.figures(5_000)).toEqual({ requests: 1, faults: 1 });
    bench.meter.end(hanging, 'answered');
    expect(bench.figures(5_000)).toEqual({ requests: 1, faults: 1 });
  });

  it('keeps a bounded number of requests that hang', () => {
    const bench = new Bench();
    for (let i = 0; i < FLIGHTS_MAX + 500; i += 1) bench.meter.begin(1_000);
    bench.nowMs += LATENCY_MS_MAX;
    expect(bench.figures(1_000)).toEqual({ requests: FLIGHTS_MAX, faults: FLIGHTS_MAX });
  });
});
