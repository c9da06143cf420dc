import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_ENTRIES_MAX, REPLAY_WINDOW_MS } from '../../../transport/quic/limits.js';
import {
  ReplayRegister,
  earlyDataDelayMs,
} from '../../../transport/quic/quiche/replay-register.js';
import { fuzz } from '../seed.js';

function random(value: number): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32BE(value, 28);
  return bytes;
}

describe('the replay register', () => {
  it('takes a ClientHello once within the window', () => {
    const register = new ReplayRegister({ windowMs: 800, entriesMax: 10 });
    expect(register.isFresh(random(1), 0)).toBe(true);
    expect(register.isFresh(random(1), 0)).toBe(false);
    expect(register.isFresh(random(2), 400)).toBe(true);
    expect(register.isFresh(random(1), 799)).toBe(false);
    expect(register.isFresh(random(1), 900)).toBe(true);
    expect(register.isFresh(random(2), 1_199)).toBe(false);
  });

  it('takes none when it is full, and forgets with time', () => {
    const register = new ReplayRegister({ windowMs: 800, entriesMax: 2 });
    expect(register.isFresh(random(1), 0)).toBe(true);
    expect(register.isFresh(random(2), 0)).toBe(true);
    expect(register.isFresh(random(3), 0)).toBe(false);
    expect(register.isFresh(random(3), 700)).toBe(false);
    expect(register.isFresh(random(3), 900)).toBe(true);
    expect(register.size).toBe(1);
  });

  it('forgets nothing early when the clock is set back', () => {
    const register = new ReplayRegister({ windowMs: 800, entriesMax: 10 });
    expect(register.isFresh(random(1), 5_000)).toBe(true);
    expect(register.isFresh(random(2), 100)).toBe(true);
    expect(register.isFresh(random(1), 0)).toBe(false);
    expect(register.isFresh(random(2), 5_799)).toBe(false);
  });

  it('has a window longer than BoringSSL takes one ClientHello for fresh', () => {
    expect(REPLAY_WINDOW_MS).toBeGreaterThan(2 * 60_000 + 2_000);
  });

  it('holds what its limits say', () => {
    const register = new ReplayRegister({
      windowMs: REPLAY_WINDOW_MS,
      entriesMax: REPLAY_ENTRIES_MAX,
    });
    for (let value = 0; value < REPLAY_ENTRIES_MAX; value += 1) {
      if (!register.isFresh(random(value), value)) throw new Error(`${value} was not taken`);
    }
    expect(register.isFresh(random(REPLAY_ENTRIES_MAX), REPLAY_ENTRIES_MAX)).toBe(false);
    expect(register.size).toBe(REPLAY_ENTRIES_MAX);
  });

  it('agrees with a list of everything that was ever taken', () => {
    const windowMs = 80;
    const entriesMax = 12;
    const steps = fc.array(fc.tuple(fc.nat(20), fc.nat(30)), { minLength: 1, maxLength: 200 });
    fuzz(
      fc.property(steps, (list) => {
        const register = new ReplayRegister({ windowMs, entriesMax });
        const taken: { readonly value: number; readonly atMs: number }[] = [];
        let nowMs = 0;
        for (const [value, passedMs] of list) {
          nowMs += passedMs;
          const recent = taken.filter(({ atMs }) => nowMs - atMs < windowMs);
          const kept = taken.filter(({ atMs }) => nowMs - atMs < windowMs + windowMs / 8);
          const isFresh = register.isFresh(random(value), nowMs);
          // What is in the window is never taken again; what is long gone always is, with room.
          if (recent.some((entry) => entry.value === value)) expect(isFresh).toBe(false);
          if (recent.length >= entriesMax) expect(isFresh).toBe(false);
          if (kept.length < entriesMax && !kept.some((entry) => entry.value === value)) {
            expect(isFresh).toBe(true);
          }
          expect(register.size).toBeLessThanOrEqual(entriesMax);
          if (isFresh) taken.push({ value, atMs: nowMs });
        }
      }),
      300,
    );
  });
});

describe('the delay before early data', () => {
  it.each([
    ['keys that this process made', 1_000, 1_000, 0],
    ['keys that were used before', 999, 1_000, 180_000],
    ['keys of unknown age', undefined, 1_000, 180_000],
  ])('for %s', (_what, keysUsedSince, startedAt, expected) => {
    expect(earlyDataDelayMs({ keysUsedSince, startedAt, windowMs: 180_000 })).toBe(expected);
  });
});
