import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  openUntil,
  nextOpening,
  openingToSay,
  parseWindow,
} from '../../../nodes/rollout/windows.js';
import { windowText, windowsFault } from '../../../nodes/rollout/windows.js';
import type { MaintenanceWindow } from '../../../nodes/rollout/state.js';
import { started } from './rollouts.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`maintenance windows: SEED=${seed}`);

const at = (text: string): number => Date.parse(text);
const iso = (timeMs: number | null): string | null =>
  timeMs === null ? null : new Date(timeMs).toISOString().slice(0, 16);

const WEEKDAYS = 'Mon-Fri 01:00-05:00 UTC';
const NIGHTS = 'Sat,Sun 22:00-04:00 UTC+02:00';

/** Window, time, until when it is open (or not), when one opens next. 2026-01-05 is a Monday. */
const TABLE: readonly [string, string, string | null, string][] = [
  [WEEKDAYS, '2026-01-05T00:59:59.999Z', null, '2026-01-05T01:00'],
  [WEEKDAYS, '2026-01-05T01:00:00Z', '2026-01-05T05:00', '2026-01-06T01:00'],
  [WEEKDAYS, '2026-01-05T04:59:59.999Z', '2026-01-05T05:00', '2026-01-06T01:00'],
  [WEEKDAYS, '2026-01-05T05:00:00Z', null, '2026-01-06T01:00'],
  [WEEKDAYS, '2026-01-09T05:00:00Z', null, '2026-01-12T01:00'],
  [WEEKDAYS, '2026-01-10T02:00:00Z', null, '2026-01-12T01:00'],
  // The night of Sunday to Monday, 22:00 to 04:00 two hours east of UTC.
  [NIGHTS, '2026-01-04T20:00:00Z', '2026-01-05T02:00', '2026-01-10T20:00'],
  [NIGHTS, '2026-01-05T01:59:00Z', '2026-01-05T02:00', '2026-01-10T20:00'],
  [NIGHTS, '2026-01-05T02:00:00Z', null, '2026-01-10T20:00'],
  ['Mon 00:00-24:00 UTC', '2026-01-05T23:59:00Z', '2026-01-06T00:00', '2026-01-12T00:00'],
  ['Mon 01:00-02:00 UTC-05:30', '2026-01-05T06:45:00Z', '2026-01-05T07:30', '2026-01-12T06:30'],
  ['Sun 23:00-01:00 UTC', '1970-01-01T00:00:00Z', null, '1970-01-04T23:00'],
];

describe('a maintenance window', () => {
  it.each(TABLE)('%s at %s', (text, time, end, next) => {
    const windows = [parseWindow(text)];
    expect(iso(openUntil(windows, at(time)))).toBe(end);
    expect(iso(nextOpening(windows, at(time)))).toBe(next);
  });

  it('of several is the one that is open longest, or opens first', () => {
    const windows = [WEEKDAYS, 'Mon 04:00-06:00 UTC', 'Sun 12:00-13:00 UTC'].map(parseWindow);
    expect(iso(openUntil(windows, at('2026-01-05T04:30Z')))).toBe('2026-01-05T06:00');
    expect(iso(nextOpening(windows, at('2026-01-10T00:00Z')))).toBe('2026-01-11T12:00');
    expect(openUntil([], 0)).toBeNull();
    expect(nextOpening([], 0)).toBeNull();
  });

  it.each([
    ['Fri-Mon 01:00-02:00 UTC', 'Mon,Fri-Sun 01:00-02:00 UTC'],
    ['Tue,Mon 01:00-02:00 UTC+0', 'Mon,Tue 01:00-02:00 UTC'],
    ['Mon-Sun 00:00-24:00 UTC-3', 'daily 00:00-24:00 UTC-03:00'],
    [NIGHTS, NIGHTS],
  ])('%s is %s', (text, canonical) => {
    expect(windowText(parseWindow(text))).toBe(canonical);
  });

  it.each([
    '',
    'Mon',
    'Mon 1:00-2:00 UTC',
    'Mon 01:00-01:00 UTC',
    'Mon 24:00-02:00 UTC',
    'Mon 01:60-02:00 UTC',
    'Mon 01:00-25:00 UTC',
    'Mon 01:00-02:00',
    'Mon 01:00-02:00 CET',
    'Mon 01:00-02:00 UTC+15',
    'Mon 01:00-02:00 UTC+01:75',
    'Mo 01:00-02:00 UTC',
    'Mon-Tue-Wed 01:00-02:00 UTC',
    'Mon,,Tue 01:00-02:00 UTC',
  ])('is not made of %j', (text) => {
    expect(() => parseWindow(text)).toThrow(/no maintenance window; write it as/);
  });

  it('is read as it is written, and is open exactly from its opening to its end', () => {
    const window = fc
      .record({
        days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        fromMinute: fc.integer({ min: 0, max: 1_439 }),
        lengthMinutes: fc.integer({ min: 1, max: 1_439 }),
        offsetMinutes: fc.integer({ min: -840, max: 840 }),
      })
      .map((each): MaintenanceWindow => ({ ...each, days: each.days.sort((a, b) => a - b) }));
    const time = fc.integer({ min: 0, max: Date.UTC(2100, 0) });
    fc.assert(
      fc.property(window, time, (one, timeMs) => {
        expect(windowsFault([one])).toBeNull();
        expect(parseWindow(windowText(one))).toEqual(one);
        const nextMs = nextOpening([one], timeMs) ?? 0;
        expect(nextMs).toBeGreaterThan(timeMs);
        expect(openUntil([one], nextMs)).toBe(nextMs + one.lengthMinutes * 60_000);
        const before = openUntil([one], nextMs - 1);
        if (before !== null) expect(before).toBeGreaterThanOrEqual(nextMs);
        const endMs = openUntil([one], timeMs);
        if (endMs === null) expect(openUntil([one], nextMs - 60_000)).toBeNull();
        else expect(endMs - timeMs).toBeLessThanOrEqual(one.lengthMinutes * 60_000);
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('what a leader says of it', () => {
  const windows = [parseWindow('Mon 01:00-02:00 UTC')];
  const inside = at('2026-01-05T01:30Z');
  const outside = at('2026-01-05T02:00Z');

  it('is until when it is open on the replicated clock, and that it is over', () => {
    const rollout = started(2, { windows });
    expect(openingToSay(rollout, 5_000, outside)).toBeUndefined();
    expect(openingToSay(rollout, 5_000, inside)).toBe(5_000 + 1_800_000);
    rollout.openUntilMs = 5_000 + 1_800_000;
    expect(openingToSay(rollout, 6_000, inside + 1_000)).toBeUndefined();
    // A swarm without a leader counts no time: the clock is behind the time of day.
    expect(openingToSay(rollout, 6_000, inside + 600_000)).toBe(6_000 + 1_200_000);
    expect(openingToSay(rollout, 6_000, outside)).toBe(0);
  });

  it('is nothing when every node has begun, or the plan has no windows', () => {
    const rollout = started(1, { windows });
    rollout.nodes[0]!.step = 'drain';
    expect(openingToSay(rollout, 0, inside)).toBeUndefined();
    expect(openingToSay(started(1), 0, inside)).toBeUndefined();
  });
});
