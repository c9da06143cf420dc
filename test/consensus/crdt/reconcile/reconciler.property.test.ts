/** Two sets find exactly their differences, in bytes by what differs and not by what there is. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CrdtError } from '../../../../consensus/crdt/error.js';
import { ItemSet } from '../../../../consensus/crdt/reconcile/item-set.js';
import { Reconciler } from '../../../../consensus/crdt/reconcile/reconciler.js';
import { SEED } from '../support.js';

const parameters = { seed: SEED, numRuns: 100 };

const idOf = (item: number): string =>
  createHash('sha256').update(String(item)).digest().toString('latin1');

function reconcile(own: ItemSet, other: ItemSet, bytesMax?: number) {
  const [initiator, responder] = [new Reconciler(own, bytesMax), new Reconciler(other, bytesMax)];
  const here: string[] = [];
  const there: string[] = [];
  let [bytes, rounds, longest] = [0, 0, 0];
  let message: Uint8Array | null = initiator.start();
  while (message !== null) {
    const answer = responder.answer(message);
    bytes += message.length + answer.length;
    longest = Math.max(longest, message.length, answer.length);
    rounds += 1;
    if (rounds > 10_000) throw new Error('it does not end');
    const found = initiator.take(answer);
    here.push(...found.here);
    there.push(...found.there);
    ({ message } = found);
  }
  return { here: here.sort(), there: there.sort(), bytes, rounds, longest };
}

describe('two peers', () => {
  it('find what each lacks, with messages of any length', () => {
    const items = fc.array(fc.nat(3_000), { maxLength: 2_500 });
    fc.assert(
      fc.property(items, items, fc.constantFrom(4_096, 65_536), (a, b, bytesMax) => {
        const [own, other] = [new Set(a.map(idOf)), new Set(b.map(idOf))];
        const found = reconcile(new ItemSet(own), new ItemSet(other), bytesMax);
        expect(found.here).toEqual([...own].filter((id) => !other.has(id)).sort());
        expect(found.there).toEqual([...other].filter((id) => !own.has(id)).sort());
        expect(found.longest).toBeLessThan(bytesMax + 2_000);
      }),
      { ...parameters, numRuns: 30 },
    );
  });

  it('pay for the differences, not for the size', () => {
    const base = Array.from({ length: 100_000 }, (_, item) => idOf(item));
    const set = new ItemSet(base);
    const costOf = (differences: number): { bytes: number; rounds: number } => {
      const other = new ItemSet(base.slice(differences));
      const found = reconcile(other, set);
      expect(found.there).toHaveLength(differences);
      expect(found.here).toEqual([]);
      return found;
    };
    expect(costOf(0)).toMatchObject({ rounds: 1 });
    const [one, ten, hundred] = [costOf(1), costOf(10), costOf(100)];
    // 100,000 ids are 3,200,000 bytes.
    expect(one.bytes).toBeLessThan(8_000);
    expect(ten.bytes).toBeLessThan(70_000);
    expect(hundred.bytes).toBeLessThan(600_000);
    expect(one.rounds).toBeLessThan(6);
  });

  it('agree at once when both have nothing, and when one has', () => {
    expect(reconcile(new ItemSet(), new ItemSet())).toMatchObject({ here: [], there: [] });
    const some = Array.from({ length: 5_000 }, (_, item) => idOf(item));
    expect(reconcile(new ItemSet(), new ItemSet(some)).there).toHaveLength(5_000);
    expect(reconcile(new ItemSet(some), new ItemSet()).here).toHaveLength(5_000);
  });
});

describe('a set of items', () => {
  it('has the fingerprints of one that was made at once, whatever was added and removed', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(1_500)), { maxLength: 3_000 });
    fc.assert(
      fc.property(steps, fc.nat(1_500), fc.nat(1_500), (all, from, to) => {
        const set = new ItemSet();
        const model = new Set<string>();
        for (const [isAdded, item] of all) {
          const id = idOf(item);
          expect(isAdded ? set.add(id) : set.remove(id)).toBe(model.has(id) !== isAdded);
          if (isAdded) model.add(id);
          else model.delete(id);
        }
        const [lower, upper] = [idOf(from), idOf(to)].sort() as [string, string];
        const inRange = [...model].filter((id) => id >= lower && id < upper).sort();
        expect(set.size).toBe(model.size);
        expect([...set.ids(lower, upper)]).toEqual(inRange);
        expect(set.fingerprint(lower, upper)).toEqual(new ItemSet(inRange).fingerprint('', null));
      }),
      { ...parameters, numRuns: 20 },
    );
  });
});

describe('the bytes', () => {
  it('of the first message are these', () => {
    const bytes = new Reconciler(new ItemSet([idOf(1)])).start();
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '01000201' + Buffer.from(idOf(1), 'latin1').toString('hex'),
    );
  });

  it('that nobody writes are refused', () => {
    const reconciler = new Reconciler(new ItemSet([idOf(1)]));
    const texts = ['', '02', '0100', '010003', '010002ff7f', '0102610202610200', '0100010000'];
    for (const hex of texts) {
      expect(() => reconciler.answer(Buffer.from(hex, 'hex')), hex).toThrow(CrdtError);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const message = Uint8Array.of(1, ...bytes);
        try {
          reconciler.answer(message);
        } catch (error) {
          expect(error).toBeInstanceOf(CrdtError);
        }
      }),
      parameters,
    );
  });
});
