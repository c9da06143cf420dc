import { describe, expect, it } from 'vitest';
import { CrdtError, HybridClock, compareTimes } from '../../../consensus/crdt/index.js';
import { TIME_COUNTER_MAX } from '../../../consensus/crdt/limits.js';

describe('a hybrid clock', () => {
  it('follows the time of day, and counts where that stands still or goes back', () => {
    const clock = new HybridClock(1_000);
    expect(clock.tick(500)).toEqual({ wallMs: 500, counter: 0 });
    expect(clock.tick(500)).toEqual({ wallMs: 500, counter: 1 });
    expect(clock.tick(100)).toEqual({ wallMs: 500, counter: 2 });
    expect(clock.tick(501)).toEqual({ wallMs: 501, counter: 0 });
  });

  it('is later than all that it has seen', () => {
    const clock = new HybridClock(1_000);
    clock.tick(500);
    const seen = { wallMs: 900, counter: 7 };
    clock.requireNear(seen, 500);
    clock.advance(seen);
    expect(clock.tick(500)).toEqual({ wallMs: 900, counter: 8 });
    clock.advance({ wallMs: 1, counter: 0 });
    expect(clock.tick(500)).toEqual({ wallMs: 900, counter: 9 });
  });

  it('refuses times beyond the bound, its own among them', () => {
    const clock = new HybridClock(1_000);
    expect(() => clock.requireNear({ wallMs: 1_500, counter: 0 }, 500)).not.toThrow();
    expect(() => clock.requireNear({ wallMs: 1_501, counter: 0 }, 500)).toThrow(CrdtError);
    clock.tick(5_000);
    expect(() => clock.tick(3_999)).toThrow(/1001 ms ahead of the clock of this machine/);
    expect(clock.tick(4_000)).toEqual({ wallMs: 5_000, counter: 1 });
  });

  it('goes on in the next millisecond when a counter is at its end', () => {
    const clock = new HybridClock(1_000, { wallMs: 10, counter: TIME_COUNTER_MAX });
    const next = clock.tick(10);
    expect(next).toEqual({ wallMs: 11, counter: 0 });
    expect(compareTimes(next, { wallMs: 10, counter: TIME_COUNTER_MAX })).toBeGreaterThan(0);
  });
});
