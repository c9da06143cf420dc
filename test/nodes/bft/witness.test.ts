import { describe, expect, it } from 'vitest';
import type { SignedVote } from '../../../consensus/bft/index.js';
import { WITNESSED_MAX } from '../../../nodes/bft/limits.js';
import { type OfOne, Witness } from '../../../nodes/bft/witness.js';

const vote = (about: Partial<SignedVote>): OfOne => {
  const usual = { type: 'prevote', from: 'a', height: 1, round: 0, value: 'v' } as const;
  return { type: 'vote', vote: { ...usual, signature: new Uint8Array(64), ...about } };
};
const PRECOMMIT = vote({ type: 'precommit' });
const PREVOTE = vote({ round: 1, value: 'w' });

function seen(...messages: readonly OfOne[]): Witness {
  const witness = new Witness();
  for (const message of messages) witness.note(message);
  return witness;
}

describe('two votes of one validator', () => {
  it.each([
    ['the precommit first', PRECOMMIT, PREVOTE],
    ['the prevote first', PREVOTE, PRECOMMIT],
  ])('accuse it when it prevoted another value later: %s', (_, known, message) => {
    const found = seen(vote({ round: 0 }), known).amnesia(message);
    expect(found).toMatchObject({ type: 'amnesia', accused: 'a' });
    expect([found?.precommit.value, found?.prevote.value]).toEqual(['v', 'w']);
  });

  it.each([
    ['for the same value', { value: 'v' }],
    ['for none', { value: null }],
    ['of the same round', { round: 0 }],
    ['of another height', { height: 2 }],
    ['of somebody else', { from: 'b' }],
    ['that are both precommits', { type: 'precommit' as const }],
  ])('do not, %s', (_, about) => {
    const message = vote({ round: 1, value: 'w', ...about });
    expect(seen(PRECOMMIT).amnesia(message)).toBeNull();
    expect(seen(message).amnesia(PRECOMMIT)).toBeNull();
  });

  it('do not where it precommitted none', () => {
    expect(seen(vote({ type: 'precommit', value: null })).amnesia(PREVOTE)).toBeNull();
  });

  it('are known as long as others are', () => {
    const witness = seen(PRECOMMIT);
    const noteOthers = (from: number, to: number): void => {
      for (let height = from; height < to; height += 1) witness.note(vote({ height }));
    };
    noteOthers(2, WITNESSED_MAX + 1);
    expect(witness.amnesia(PREVOTE)).not.toBeNull();
    noteOthers(WITNESSED_MAX + 1, WITNESSED_MAX + 2);
    expect(witness.amnesia(PREVOTE)).toBeNull();
    witness.note(PRECOMMIT);
    expect(witness.amnesia(PREVOTE)).not.toBeNull();
  });
});
