import { describe, expect, it } from 'vitest';

import { bytesOf, durationMsOf, durationText, timeOfDayMsOf } from '../../../src/cli/quantity.js';

describe('times of options', () => {
  it.each([
    ['0', 0],
    ['500ms', 500],
    ['15s', 15_000],
    ['1.5m', 90_000],
    ['1h30m', 5_400_000],
    ['72h', 259_200_000],
    ['3d', 259_200_000],
  ])('%s', (text, ms) => expect(durationMsOf(text)).toBe(ms));

  it.each(['', '15', 's', '15 s', '-1s', '1h foo', '1w', 'Infinitys', '99999999999999999d'])(
    'refuses %j',
    (text) => expect(() => durationMsOf(text)).toThrow(/is no time; write it as/),
  );

  it('a time of day is a date, a number of milliseconds, or so long from now', () => {
    expect(timeOfDayMsOf('2026-01-31T02:00Z')).toBe(Date.UTC(2026, 0, 31, 2));
    expect(timeOfDayMsOf('1700000000000')).toBe(1_700_000_000_000);
    expect(timeOfDayMsOf('+2h') - Date.now()).toBeGreaterThan(7_199_000);
    for (const wrong of ['', 'soon', '-5', '+soon']) {
      expect(() => timeOfDayMsOf(wrong)).toThrow(/is no time/);
    }
  });

  it('what is left is said in its two largest units', () => {
    expect([-5, 0, 59_400, 61_000, 5_400_000, 259_199_000].map(durationText)).toEqual([
      '0 s',
      '0 s',
      '59 s',
      '1 min 1 s',
      '1 h 30 min',
      '2 d 23 h',
    ]);
  });
});

describe('sizes of options', () => {
  it('have a unit or are bytes', () => {
    expect(['7', '1KiB', '1.5MiB', '2GiB'].map(bytesOf)).toEqual([7, 1024, 1_572_864, 2 ** 31]);
    for (const wrong of ['', '2GB', 'GiB', '-1', '1 KiB', '9999999999TiB']) {
      expect(() => bytesOf(wrong)).toThrow(/is no size/);
    }
  });
});
