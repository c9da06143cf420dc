import { expect, it } from 'vitest';
import { LeaseClock } from '../../nodes/lease-clock.js';

function clocks() {
  const at = { monotonic: 1_000, wall: 50_000 };
  const clock = new LeaseClock(
    () => at.monotonic,
    () => at.wall,
  );
  return { at, clock };
}

it('goes with the monotonic clock', () => {
  const { at, clock } = clocks();
  at.monotonic += 10;
  at.wall += 11;
  expect(clock.nowMs()).toBe(1_010);
});

it('takes over what the wall clock gained while the machine was suspended', () => {
  const { at, clock } = clocks();
  at.monotonic += 10;
  at.wall += 60_010;
  expect(clock.nowMs()).toBe(61_010);
  at.monotonic += 10;
  at.wall += 10;
  expect(clock.nowMs()).toBe(61_020);
});

it('never goes back, though the wall clock is set back', () => {
  const { at, clock } = clocks();
  at.monotonic += 10;
  at.wall -= 3_600_000;
  expect(clock.nowMs()).toBe(1_010);
  at.monotonic += 10;
  at.wall += 10;
  expect(clock.nowMs()).toBe(1_020);
});
