import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Latencies } from '../../../nodes/health/latency.js';
import {
  LATENCY_BINS_MAX,
  LATENCY_MS_MAX,
  LATENCY_MS_MIN,
  REPORT_BYTES_MAX,
} from '../../../nodes/health/limits.js';
import { decodeReport, encodeReport } from '../../../nodes/health/report.js';
import type { HealthReport } from '../../../nodes/health/report.js';
import { decode, encode } from '../../../nodes/wire/fields.js';

function latenciesOf(...values: readonly number[]): Latencies {
  const latencies = new Latencies();
  for (const value of values) latencies.add(value);
  return latencies;
}

function reportWith(latencies: Latencies): HealthReport {
  return {
    nodeId: 3,
    engine: 'v2',
    release: '2.1.0+ab12cd34ef56',
    serving: true,
    incarnation: '6f1c',
    uptimeMs: 12_345,
    windowMs: 5_000,
    requests: latencies.count,
    faults: 1,
    latencies,
    appliedIndex: 900,
    rssBytes: 300_000_000,
    heapUsedBytes: 80_000_000,
    eventLoopDelayMs: 4,
    diskFreeBytes: null,
  };
}

/** Two latencies of 1 ms and one of 250 ms. */
const GOLDEN =
  'dc001001' + // 16 fields, version 1
  '03a27632b2322e312e302b616231326364333465663536c3a436663163' + // 3 v2 2.1.0+… true 6f1c
  'cd3039cd13880301' + // uptime, window, 3 requests, 1 fault
  '9292000292cc8b01' + // bins: key 0 twice, key 139 once
  'cd0384ce11e1a300ce04c4b40004c0'; // applied, memory, heap, delay, no disk

function plain(report: HealthReport): object {
  return { ...report, latencies: report.latencies.bins() };
}

describe('a report on the wire', () => {
  it('has these bytes', () => {
    const report = reportWith(latenciesOf(1, 1, 250));
    expect(Buffer.from(encodeReport(report)).toString('hex')).toBe(GOLDEN);
    expect(plain(decodeReport(Buffer.from(GOLDEN, 'hex')))).toEqual(plain(report));
  });

  it('is read by a release that knows fewer fields', () => {
    const values = decode(Buffer.from(GOLDEN, 'hex'), 'golden') as unknown[];
    const later = encode([2, ...values.slice(1), 'a field of a later release']);
    expect(decodeReport(later).appliedIndex).toBe(900);
  });

  it('comes back as it was, whatever the latencies', () => {
    const latency = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 500 }), (values) => {
        const report = reportWith(latenciesOf(...values));
        expect(plain(decodeReport(encodeReport(report)))).toEqual(plain(report));
      }),
    );
  });

  it('is bounded, whatever the latencies', () => {
    const all = new Latencies();
    for (let ms = LATENCY_MS_MIN / 2; ms < LATENCY_MS_MAX * 2; ms *= 1.005) all.add(ms);
    expect(all.bins().length).toBeLessThanOrEqual(LATENCY_BINS_MAX);
    expect(encodeReport(reportWith(all)).length).toBeLessThan(REPORT_BYTES_MAX);
  });

  it.each<[string, (values: unknown[]) => unknown]>([
    ['no bytes', () => 'text'],
    ['too many bytes', () => new Uint8Array(REPORT_BYTES_MAX + 1)],
    ['another version', (values) => encode([0, ...values.slice(1)])],
    ['too few fields', (values) => encode(values.slice(0, 9))],
    ['more faults than requests', (values) => encode(values.with(9, 4))],
    ['latencies that are not as many as the requests', (values) => encode(values.with(8, 4))],
    [
      'a bin without a count',
      (values) =>
        encode(
          values
            .with(10, [[0, 0]])
            .with(8, 0)
            .with(9, 0),
        ),
    ],
    ['a bin that no latency falls into', (values) => encode(values.with(10, [[9_999, 3]]))],
    ['a bin that is no pair', (values) => encode(values.with(10, [7]))],
    [
      'more bins than there are',
      (values) =>
        encode(
          values.with(
            10,
            Array.from({ length: 600 }, () => [0, 1]),
          ),
        ),
    ],
  ])('is refused with a sentence: %s', (_what, change) => {
    const values = decode(Buffer.from(GOLDEN, 'hex'), 'golden') as unknown[];
    expect(() => decodeReport(change(values))).toThrow(/report of a member|bin of latencies/);
  });

  it('never throws anything else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeReport(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: 'NodeError', code: 'malformed' });
        }
      }),
    );
  });

  it('merges latencies of several members as if one had measured them all', () => {
    const some = fc.array(fc.double({ min: 0.01, max: 60_000, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(some, some, (a, b) => {
        const merged = Latencies.merged([latenciesOf(...a), latenciesOf(...b)]);
        expect(merged.bins()).toEqual(latenciesOf(...a, ...b).bins());
      }),
    );
  });
});
