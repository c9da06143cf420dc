/** How a value is spread. `SEED=n` repeats a run, `RUNS=n` makes more. */
import { describe, expect, it } from 'vitest';
import { PARTS_CALLS_PER_PEER_MAX, PART_BYTES } from '../../../../nodes/bft/limits.js';
import { fullBitmap } from '../../../../consensus/bitmap.js';
import { type Ask, Collecting } from '../../../../nodes/bft/parts/collecting.js';
import { RandomStream } from '../../../../sim/world/index.js';
import { type SpreadFault, Spreading } from './spreading.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['RUNS'] ?? 12);
console.log(`spreading a value: SEED=${seed} RUNS=${runs}`);

const namesOf = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `v${String(at).padStart(2, '0')}`);
const valueOf = (parts: number): Uint8Array =>
  Uint8Array.from({ length: parts * PART_BYTES - 3 }, (_, at) => (at * 7 + (at >> 16)) & 0xff);

describe('a value among correct validators', () => {
  it.each([4, 7, 10])('leaves the proposer of %i about once in all', (count) => {
    const value = valueOf(36);
    const names = namesOf(count);
    const random = new RandomStream(seed, `once ${count}`);
    const quiet = { random, faults: new Map(), lossShare: 0, delayMsMax: 20 };
    const spreading = new Spreading({ ...quiet, value, names });
    spreading.run(60_000);
    expect(spreading.correct.every(({ set }) => set.isWhole)).toBe(true);
    const copies = (name: string): number => (spreading.sentBytes.get(name) ?? 0) / value.length;
    expect(copies(names[0]!)).toBeGreaterThan(0.99);
    expect(copies(names[0]!)).toBeLessThan(1.2);
    // All others together give the rest, about the same each.
    for (const name of names.slice(1)) expect(copies(name)).toBeLessThan(1.5);
  });

  it('comes to all with half of them knowing nobody who has it, once it is decided', () => {
    const names = namesOf(7);
    const random = new RandomStream(seed, 'decided');
    const holders = new Set(names.slice(3));
    const lossy = { random, faults: new Map(), lossShare: 0.1, delayMsMax: 50 };
    const spreading = new Spreading({ ...lossy, value: valueOf(9), names, holders });
    spreading.run(120_000);
    expect(spreading.correct.every(({ set }) => set.isWhole)).toBe(true);
  });
});

describe('a value over a network that loses and repeats, among faulty ones', () => {
  it('comes to all correct ones, and nothing else does', () => {
    const kinds: readonly SpreadFault[] = ['withholds', 'lies', 'boasts', 'silent'];
    for (let run = 0; run < runs; run += 1) {
      const random = new RandomStream(seed + run, 'faults');
      const count = random.pick([4, 7, 10]);
      const names = namesOf(count);
      const faulty = names.slice(1).sort(() => random.fraction() - 0.5);
      const faults = new Map(
        faulty.slice(0, Math.floor((count - 1) / 3)).map((name) => [name, random.pick(kinds)]),
      );
      const value = valueOf(random.integer(2, 40));
      const lossShare = random.pick([0, 0.02, 0.1]);
      const options = { random, value, names, faults, lossShare };
      const spreading = new Spreading({ ...options, delayMsMax: random.pick([5, 100]) });
      spreading.run(120_000);
      const title = `SEED=${seed + run} RUNS=1: ${JSON.stringify([...faults])}, loss ${lossShare}`;
      for (const node of spreading.correct) {
        expect(node.set.isWhole, `${title}, ${node.name}`).toBe(true);
        expect(spreading.isSound(node), title).toBe(true);
      }
    }
  });

  it.each(['lies', 'withholds', 'boasts'] as const)(
    'comes to nobody from a proposer that %s, and costs no more than so many calls',
    (fault) => {
      const names = namesOf(4);
      const random = new RandomStream(seed, fault);
      const faults = new Map([[names[0]!, fault]]);
      const options = { random, value: valueOf(20), names, faults };
      const spreading = new Spreading({ ...options, lossShare: 0, delayMsMax: 20 });
      spreading.run(10_000);
      for (const node of spreading.correct) {
        expect(node.set.received).toBe(0);
        expect(spreading.isSound(node)).toBe(true);
        // Five calls ask for everything, at first and with each beat of 400 ms.
        expect(node.callCount).toBeLessThanOrEqual(5 * 27);
        if (fault === 'lies') expect(node.wrongCount).toBeGreaterThan(0);
      }
    },
  );
});

describe('who is asked', () => {
  const others = ['a', 'b', 'c'];
  const make = (from: string | null): Collecting =>
    new Collecting({ self: 'd', count: 9, from, others, nowMs: 0 });

  it('is the proposer for the own share, and others for what they tell', () => {
    const collecting = make('a');
    // Those who share are b, c and d: the places of d are 2, 5, 8.
    expect(collecting.next(0)).toEqual({ peer: 'a', places: [2, 5, 8] });
    expect(collecting.next(0)).toBeNull();
    collecting.told('b', Uint8Array.of(0b0000_1001, 0), 10);
    expect(collecting.next(10)).toEqual({ peer: 'b', places: [0, 3] });
    expect(collecting.next(10)).toBeNull();
  });

  it('is the proposer, too, for what others do not get done', () => {
    const collecting = make('a');
    const own = collecting.next(0)!;
    // The proposer is slow: so are the others, then.
    expect(collecting.next(540)).toBeNull();
    for (const place of own.places) collecting.got(place, 550);
    collecting.ended(own, false);
    collecting.told('b', Uint8Array.of(1, 0), 600);
    expect(collecting.next(600)?.peer).toBe('b');
    // For as long as that took nothing came of c: its places are 1, 4 and 7.
    expect(collecting.next(1_099)?.peer).not.toBe('a');
    expect(collecting.next(1_100)).toEqual({ peer: 'a', places: [1, 4, 7] });
  });

  it('is asked for so much at once, and for the same somewhere else when it does not answer', () => {
    const collecting = make(null);
    const asks: Ask[] = [];
    for (let ask = collecting.next(0); ask !== null; ask = collecting.next(0)) asks.push(ask);
    expect(asks.flatMap(({ places }) => places).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(collecting.next(499)).toBeNull();
    const again = collecting.next(500);
    const before = asks.find(({ places }) => places.includes(again!.places[0]!));
    expect(again!.peer).not.toBe(before!.peer);
    const perPeer = others.map((peer) => asks.filter((ask) => ask.peer === peer).length);
    for (const count of perPeer) expect(count).toBeLessThanOrEqual(PARTS_CALLS_PER_PEER_MAX);
  });

  it('is not asked again who sent something else, until nobody is left', () => {
    const collecting = make('a');
    const ask = collecting.next(0)!;
    collecting.ended(ask, true);
    expect(collecting.next(10)).toBeNull();
    collecting.revive(399);
    expect(collecting.next(399)).toBeNull();
    collecting.revive(400);
    expect(collecting.next(400)?.peer).toBe('a');
  });

  it('is whoever has it, for an own value that is lost here', () => {
    const collecting = make('d');
    expect(collecting.next(0)).toBeNull();
    collecting.told('c', fullBitmap(9), 0);
    const places: number[] = [];
    for (let ask = collecting.next(0); ask !== null; ask = collecting.next(0)) {
      places.push(...ask.places);
      for (const place of ask.places) collecting.got(place, 0);
      collecting.ended(ask, false);
    }
    expect(places.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is nobody once all is here', () => {
    const collecting = make('a');
    for (let place = 0; place < 9; place += 1) collecting.got(place, 0);
    collecting.told('b', fullBitmap(9), 0);
    expect(collecting.isWhole).toBe(true);
    expect(collecting.next(10_000)).toBeNull();
  });
});
