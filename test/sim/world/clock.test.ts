import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeClock } from '../../../sim/world/clock.js';
import { recordedWorld } from './recorder.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);

describe('NodeClock', () => {
  it(`never goes back, and a timer meets the first moment of its deadline (SEED=${seed})`, () => {
    const step = fc.record({
      passed: fc.integer({ min: 0, max: 10_000_000_000 }),
      drift: fc.integer({ min: -500_000, max: 1_000_000 }),
      delay: fc.integer({ min: 0, max: 1_000_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const clock = new NodeClock();
        let now = 0;
        let shown = 0;
        for (const { passed, drift, delay } of steps) {
          now += passed;
          clock.setDrift(drift, now);
          const local = clock.monotonic(now);
          expect(Number.isSafeInteger(local)).toBe(true);
          expect(local).toBeGreaterThanOrEqual(shown);
          shown = local;
          const due = clock.trueTimeOf(local + delay, now);
          expect(clock.monotonic(due)).toBeGreaterThanOrEqual(local + delay);
          if (due > now) expect(clock.monotonic(due - 1)).toBeLessThan(local + delay);
        }
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('the clock of a node', () => {
  it('drifts, and its timers with it, until it is set right', () => {
    const { world, notes, context } = recordedWorld();
    world.setClockDrift('a', 500_000);
    world.setClockDrift('b', -500_000);
    for (const name of ['a', 'b', 'c']) context(name).setTimer(3000, 'x');
    world.run();
    expect(notes).toEqual(['2000 a tick x', '3000 c tick x', '6000 b tick x']);
    expect(context('a').clockMicroseconds).toBe(9000);
    expect(context('b').clockMicroseconds).toBe(3000);
    expect(context('c').clockMicroseconds).toBe(6000);
    expect(world.clockOf('a')).toEqual({
      clockMicroseconds: 9000,
      wallMicroseconds: 9000,
      driftPartsPerMillion: 500_000,
    });
    world.setClockDrift('a', 0);
    context('a').setTimer(1000, 'y');
    world.run();
    expect(notes.at(-1)).toBe('7000 a tick y');
    expect(context('a').clockMicroseconds).toBe(10_000);
  });

  it('takes running timers along when its speed changes', () => {
    const { world, notes, context } = recordedWorld();
    context('a').setTimer(10_000, 'x');
    context('a').setTimer(10_000, 'cleared');
    world.run({ untilMicroseconds: 4000 });
    world.setClockDrift('a', 1_000_000);
    context('a').clearTimer('cleared');
    world.run();
    expect(notes).toEqual(['7000 a tick x']);
  });

  it('jumps on its wall side only, forward and back, and can be set to true time again', () => {
    const { world, notes, context } = recordedWorld();
    context('a').setTimer(5000, 'x');
    world.jumpClock('a', 1_000_000);
    expect(context('a').wallMicroseconds).toBe(1_000_000);
    world.jumpClock('a', -3_000_000);
    expect(context('a').wallMicroseconds).toBe(-2_000_000);
    world.run();
    expect(notes).toEqual(['5000 a tick x']);
    expect(context('a').clockMicroseconds).toBe(5000);
    world.setClockDrift('a', 100_000);
    world.run({ untilMicroseconds: 15_000 });
    world.setClockOffset('a', 70);
    expect(context('a').wallMicroseconds).toBe(15_070);
    expect(context('a').clockMicroseconds).toBe(16_000);
    world.setClockOffset('a', 0);
    expect(context('a').wallMicroseconds).toBe(15_000);
  });

  it('outlives a crash', () => {
    const { world, context } = recordedWorld();
    world.jumpClock('a', 500);
    world.setClockDrift('a', 500_000);
    world.crash('a');
    world.restart('a');
    world.run({ untilMicroseconds: 2000 });
    expect(context('a').clockMicroseconds).toBe(3000);
    expect(context('a').wallMicroseconds).toBe(3500);
  });

  it.each([
    [Number.NaN, 'NaN'],
    [-500_001, '-500001'],
    [1_000_001, '1000001'],
  ])('refuses a drift of %s', (partsPerMillion, shown) => {
    const { world } = recordedWorld();
    expect(() => world.setClockDrift('a', partsPerMillion)).toThrow(shown.replace('-', ''));
  });
});
