/** Who has signed an aggregated decision. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AggregatedDecision,
  ValidatorSet,
  expandDecision,
  isDecision,
  signersOf,
} from '../../../consensus/bft/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bft aggregate: SEED=${seed}`);

function decisionBy(set: ValidatorSet, signers: Uint8Array): AggregatedDecision {
  const from = set.proposerOf(7, 2);
  const signature = new Uint8Array(64);
  const proposal = { from, height: 7, round: 2, value: 'v', validRound: -1, signature };
  return { proposal, signers, aggregate: new Uint8Array(96) };
}

const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });

describe('the bitmap of an aggregated decision', () => {
  it('stands for those who voted, each with its weight, in the order of their names', () => {
    fc.assert(
      fc.property(weights, fc.infiniteStream(fc.boolean()), (each, chosen) => {
        const set = new ValidatorSet(each.map((weight, at) => ({ id: `v${at}`, weight })));
        const voters = set.validators.filter(() => chosen.next().value === true);
        const votes = voters.map(({ id: from }) => {
          return { type: 'precommit', from, height: 7, round: 2, value: 'v' } as const;
        });
        // In whatever order they came.
        const signers = signersOf(votes.toReversed(), set);
        const expanded = expandDecision(decisionBy(set, signers), set)!;
        expect(expanded.certificate.map(({ from }) => from)).toEqual(votes.map(({ from }) => from));
        expect(expanded.certificate).toMatchObject(votes);
        const weight = voters.reduce((sum, { weight: own }) => sum + own, 0);
        expect(isDecision(expanded, set)).toBe(3 * weight > 2 * set.totalWeight);
      }),
      { seed },
    );
  });

  it('is of no other set: longer, shorter, or with a bit beyond the last one', () => {
    const set = new ValidatorSet([0, 1, 2, 3].map((at) => ({ id: `v${at}`, weight: 1 })));
    expect(expandDecision(decisionBy(set, Buffer.from([0b1111])), set)).not.toBeNull();
    for (const wrong of [[], [0b10111], [0b1111, 0], [0x80 | 0b111]]) {
      expect(expandDecision(decisionBy(set, Buffer.from(wrong)), set)).toBeNull();
    }
  });
});
