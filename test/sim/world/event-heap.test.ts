import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventHeap, RandomStream } from '../../../sim/world/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);

describe('EventHeap', () => {
  it(`gives items by time, then by the order of insertion (SEED=${seed})`, () => {
    const action = fc.option(fc.integer({ min: 0, max: 20 }), { freq: 3 });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const heap = new EventHeap<number>();
        const model: { time: number; item: number }[] = [];
        for (const [item, time] of actions.entries()) {
          if (time !== null) {
            heap.push(time, item);
            model.push({ time, item });
            continue;
          }
          model.sort((a, b) => a.time - b.time || a.item - b.item);
          expect(heap.nextMicroseconds).toBe(model[0]?.time ?? Infinity);
          expect(heap.pop()).toBe(model.shift()?.item);
          expect(heap.size).toBe(model.length);
        }
      }),
      { seed, numRuns: 500 },
    );
  });
});

const draw = (worldSeed: number, name: string): number[] => {
  const stream = new RandomStream(worldSeed, name);
  return Array.from({ length: 8 }, () => stream.uint32());
};

describe('RandomStream', () => {
  it('repeats itself for a seed and a name, and differs for others', () => {
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    const others = [
      draw(1, 'a'),
      draw(2, 'a'),
      draw(1, 'b'),
      draw(1 + 2 ** 32, 'a'),
      draw(-1, 'a'),
    ];
    expect(new Set(others.map(String)).size).toBe(others.length);
  });

  it('spreads evenly over its range', () => {
    const stream = new RandomStream(seed, 'dice');
    const counts = Array.from({ length: 6 }, () => 0);
    for (let index = 0; index < 60_000; index++) counts[stream.integer(1, 6) - 1]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('shuffles without losing anything', () => {
    const items = [...Array(20).keys()];
    const shuffled = new RandomStream(3, 'cards').shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
  });
});
