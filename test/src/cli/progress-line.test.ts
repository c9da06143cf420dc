import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { progressBar, progressLine } from '../../../src/cli/progress-line.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function shown(isTTY: boolean): { tell: ReturnType<typeof progressLine>; written: string[] } {
  const written: string[] = [];
  const out = { isTTY, write: (text: string) => written.push(text) };
  return { tell: progressLine('rows', out), written };
}

describe('the line of progress', () => {
  it('is silent for what is done within a second', () => {
    const { tell, written } = shown(false);
    tell(5, 10);
    vi.advanceTimersByTime(999);
    tell(10, 10);
    expect(written).toEqual([]);
  });

  it('comes at most four times a second, and at the end', () => {
    const { tell, written } = shown(false);
    vi.advanceTimersByTime(1000);
    for (const done of [1, 2]) tell(done, 10);
    vi.advanceTimersByTime(250);
    tell(3, 10);
    tell(10, 10);
    expect(written).toEqual(['rows 1 of 10\n', 'rows 3 of 10\n', 'rows 10 of 10\n']);
  });

  it('is redrawn on a terminal, and tells no total that nobody knows', () => {
    const { tell, written } = shown(true);
    vi.advanceTimersByTime(1000);
    tell(7, 0);
    expect(written).toEqual([`${'rows 7'.padEnd(78)}\r`]);
  });

  it('has a bar with the rate and the time that is left, where the total is known', () => {
    const written: string[] = [];
    const tell = progressBar('data', { isTTY: false, write: (text) => written.push(text) });
    tell(0, 100);
    vi.advanceTimersByTime(2000);
    tell(50, 100);
    tell(100, 100);
    expect(written).toEqual([
      'data [############------------] 50 of 100, 25/s, 2 s left\n',
      'data [########################] 100 of 100, 50/s\n',
    ]);
  });
});
