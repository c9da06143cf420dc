/** States that are made piece by piece while they change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Replica } from '../../../consensus/crdt/index.js';
import type { Mutation } from '../../../consensus/crdt/index.js';
import { SEED, mutation } from './support.js';

const NOTHING = { snapshot: null, records: [] };

class Changing {
  readonly replica: Replica;
  #token = 0;

  constructor(readonly id: string) {
    this.replica = new Replica({ id, members: ['a', 'b'], recordsPerSnapshot: Infinity }, NOTHING);
  }

  change(asked: Mutation): void {
    this.#token += 1;
    const effects = this.replica.step({
      type: 'mutate',
      token: this.#token,
      mutation: asked,
      nowMs: 1_000,
    });
    for (const { type, ...write } of effects) {
      if (type === 'append' && 'number' in write) {
        this.replica.step({ type: 'persisted', number: write.number });
      }
    }
  }
}

/** Gives `to` the whole state of `from`, which joins it with its own. */
function join(from: Changing, to: Changing): void {
  const bytes = Uint8Array.of(1, 2, ...from.replica.state);
  to.replica.step({ type: 'message', from: from.id, bytes, nowMs: 1_000 });
}

describe('a cut of a state', () => {
  it('has the bytes of its moment, whatever changes while it is made', () => {
    const property = fc.property(
      fc.array(mutation, { maxLength: 25 }),
      fc.array(mutation, { maxLength: 25 }),
      fc.array(mutation, { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 40 }),
      (before, during, others, itemsAtOnce, pieceBytes) => {
        const [one, other] = [new Changing('a'), new Changing('b')];
        for (const asked of others) other.change(asked);
        for (const asked of before) one.change(asked);
        const { state } = one.replica;
        const cut = one.replica.cut(pieceBytes, Uint8Array.of(7));
        const again = one.replica.cut(pieceBytes);
        for (const [at, asked] of during.entries()) {
          cut.advance(itemsAtOnce);
          if (at === 3) join(other, one);
          one.change(asked);
        }
        while (!cut.isDone) expect(cut.advance(itemsAtOnce)).toBeLessThanOrEqual(itemsAtOnce);
        expect(Buffer.concat(cut.pieces)).toEqual(Buffer.from([7, ...state]));
        expect(cut.bytes).toBe(1 + state.length);
        for (const piece of cut.pieces.slice(0, -1)) expect(piece).toHaveLength(pieceBytes);
        while (!again.isDone) again.advance(1);
        expect(Buffer.concat(again.pieces)).toEqual(Buffer.from(state));
      },
    );
    fc.assert(property, { seed: SEED, numRuns: 200 });
  });

  it('that nobody wants has no pieces', () => {
    const one = new Changing('a');
    one.change({ type: 'count', path: [{ kind: 'counter', key: 'n' }], by: 1 });
    const cut = one.replica.cut(4);
    cut.advance(2);
    cut.abandon();
    expect([cut.isDone, cut.pieces, cut.advance(1)]).toEqual([true, [], 0]);
  });
});
