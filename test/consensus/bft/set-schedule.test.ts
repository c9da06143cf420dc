import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type OwnMessage,
  SetSchedule,
  ValidatorSet,
  type WeightChange,
  isEquivocation,
} from '../../../consensus/bft/index.js';
import { CHANGES_PER_HEIGHT_MAX, TOTAL_WEIGHT_MAX } from '../../../consensus/bft/limits.js';
import { isQuorum } from '../../../consensus/bft/quorum.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bft sets: SEED=${seed}`);

const setOf = (weights: Readonly<Record<string, number>>): ValidatorSet =>
  new ValidatorSet(Object.entries(weights).map(([id, weight]) => ({ id, weight })));
const textOf = (set: ValidatorSet): string =>
  set.validators.map(({ id, weight }) => `${id}${weight}`).join(' ');
const to = (id: string, weight: number): WeightChange => ({ id, weight });

describe('the validators of a height', () => {
  it('are changed two heights after a change is decided', () => {
    const schedule = new SetSchedule(setOf({ a: 3, b: 3, c: 3 }));
    const sets: string[] = [];
    const decided = [[to('d', 2)], [], [to('a', 2)], [to('d', 0)], []];
    for (const [at, changes] of decided.entries()) {
      sets.push(`${at + 1}: ${textOf(schedule.at(at + 1))}`);
      schedule.decide(changes);
    }
    sets.push(`6: ${textOf(schedule.at(6))}`, `7: ${textOf(schedule.at(7))}`);
    expect(sets).toEqual([
      '1: a3 b3 c3',
      '2: a3 b3 c3',
      '3: a3 b3 c3 d2',
      '4: a3 b3 c3 d2',
      '5: a2 b3 c3 d2',
      '6: a2 b3 c3',
      '7: a2 b3 c3',
    ]);
  });

  it('are known for the height under way and the next one, and asked for no other', () => {
    const schedule = new SetSchedule(setOf({ a: 1 }));
    expect(() => schedule.at(3)).toThrow('two heights after the last decision');
    schedule.decide([]);
    expect(() => schedule.at(1)).toThrow('two heights after the last decision');
  });

  const REFUSED: readonly (readonly [string, readonly WeightChange[], RegExp])[] = [
    ['more than a third', [to('a', 0), to('b', 0)], /moves weight 2, .* at most a third of 4/],
    ['one more and one less', [to('a', 0), to('e', 1)], /moves weight 2/],
    ['a removal of nobody', [to('x', 0)], /x is no validator/],
    ['half a vote', [to('a', 0.5)], /a whole number/],
    ['less than nothing', [to('a', -1)], /a whole number/],
    ['too much', [to('a', TOTAL_WEIGHT_MAX * 2)], /a whole number/],
    ['one validator twice', [to('a', 1), to('a', 1)], /changed twice/],
    ['a name without characters', [to('', 1)], /a name of 0 characters/],
    [
      'very many',
      Array.from({ length: CHANGES_PER_HEIGHT_MAX + 1 }, (_, at) => to(`n${at}`, 1)),
      /at most 16/,
    ],
  ];

  it.each(REFUSED)('are not changed by %s', (_, changes, sentence) => {
    const schedule = new SetSchedule(setOf({ a: 1, b: 1, c: 1, d: 1 }));
    expect(schedule.refusal(changes)).toMatch(sentence);
    expect(() => schedule.decide(changes)).toThrow(sentence);
    expect(schedule.decided).toBe(0);
  });

  it('never are nobody', () => {
    expect(new SetSchedule(setOf({ a: 1 })).refusal([to('a', 0)])).not.toBeNull();
    expect(new SetSchedule(setOf({ a: 2, b: 1 })).refusal([to('b', 0)])).toBeNull();
  });

  it('move by a third in two heights together, counted from who decides', () => {
    const schedule = new SetSchedule(setOf({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }));
    schedule.decide([to('a', 0)]);
    expect(schedule.refusal([to('b', 0), to('c', 0)])).toMatch('moves weight 2, with 1 of the');
    schedule.decide([to('b', 0)]);
    // One counts now, and one is on its way: two of five are more than a third.
    expect(schedule.refusal([to('c', 0)])).toMatch('moves weight 1, with 1 of the');
    schedule.decide([]);
    expect(schedule.refusal([to('c', 0)])).toBeNull();
  });

  it('allow no accusation of what was done before they were validators, or will be done', () => {
    const schedule = new SetSchedule(setOf({ a: 3, b: 3, c: 3 }));
    expect(schedule.canAccuse('c', 1)).toBe(true);
    expect(schedule.canAccuse('c', 2)).toBe(false);
    expect(schedule.canAccuse('x', 1)).toBe(false);
    schedule.decide([to('c', 0)]);
    expect(schedule.canAccuse('c', 1)).toBe(false);
    schedule.decide([]);
    schedule.decide([to('c', 2)]);
    expect([2, 3, 4].map((height) => schedule.canAccuse('c', height))).toEqual([
      false,
      false,
      false,
    ]);
    schedule.decide([]);
    expect(schedule.canAccuse('c', 5)).toBe(true);
    expect(schedule.canAccuse('c', 4)).toBe(false);
  });

  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
  const change = fc.record({ id: fc.constantFrom(...names), weight: fc.nat(9) });
  const history = fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 40 });

  it('never go over to others in whom those before have no correct one', () => {
    let changed = 0;
    const property = fc.property(weights, history, (first, heights) => {
      const genesis = first.map((weight, at) => ({ id: names[at]!, weight }));
      const schedule = new SetSchedule(new ValidatorSet(genesis));
      const other = new SetSchedule(new ValidatorSet(genesis.toReversed()));
      for (const wanted of heights) {
        const deciding = schedule.at(schedule.decided + 1);
        const changes = schedule.refusal(wanted) === null ? wanted : [];
        changed += changes.length;
        schedule.decide(changes);
        other.decide(changes);
        const { coming } = schedule;
        expect(leastOldWeightOfQuorum(deciding, coming) * 3).toBeGreaterThan(deciding.totalWeight);
        // Whoever follows the decisions has the same proposers, whenever it began.
        const fresh = new ValidatorSet(coming.validators);
        for (let round = 0; round < 12; round += 1) {
          const height = schedule.decided + 2;
          const proposer = coming.proposerOf(height, round);
          expect(other.coming.proposerOf(height, round)).toBe(proposer);
          expect(fresh.proposerOf(height, round)).toBe(proposer);
        }
      }
    });
    fc.assert(property, { seed, numRuns: 60 });
    expect(changed).toBeGreaterThan(20);
  });
});

/** The least weight in `old` of those who are a quorum in `next`. */
function leastOldWeightOfQuorum(old: ValidatorSet, next: ValidatorSet): number {
  const ids = next.validators.map(({ id }) => id);
  let least = Infinity;
  for (let mask = 0; mask < 2 ** ids.length; mask += 1) {
    const some = ids.filter((_, at) => (mask & (1 << at)) !== 0);
    const weight = some.reduce((sum, id) => sum + next.weightOf(id), 0);
    if (!isQuorum(weight, next.totalWeight)) continue;
    least = Math.min(
      least,
      some.reduce((sum, id) => sum + old.weightOf(id), 0),
    );
  }
  return least;
}

describe('two messages', () => {
  const vote = { type: 'prevote', from: 'a', height: 3, round: 1, value: 'v' } as const;
  const proposal = { from: 'a', height: 3, round: 1, value: 'v', validRound: -1 };
  const voted = (fields: object): OwnMessage => ({ type: 'vote', vote: { ...vote, ...fields } });
  const proposed = (fields: object): OwnMessage => ({
    type: 'proposal',
    proposal: { ...proposal, ...fields },
  });

  it.each([
    ['votes for two values', voted({}), voted({ value: 'w' }), true],
    ['a vote for a value and one for nil', voted({}), voted({ value: null }), true],
    ['proposals of two values', proposed({}), proposed({ value: 'w' }), true],
    ['proposals with two valid rounds', proposed({}), proposed({ validRound: 0 }), true],
    ['the same vote twice', voted({}), voted({}), false],
    ['votes of two rounds', voted({}), voted({ round: 2, value: 'w' }), false],
    ['votes of two heights', voted({}), voted({ height: 4, value: 'w' }), false],
    ['votes of two kinds', voted({}), voted({ type: 'precommit', value: 'w' }), false],
    ['votes of two validators', voted({}), voted({ from: 'b', value: 'w' }), false],
    ['a vote and a proposal', voted({}), proposed({ value: 'w' }), false],
    ['a malformed one', voted({}), voted({ value: '' }), false],
  ])('prove something, or not: %s', (_, one, other, isProof) => {
    expect(isEquivocation(one, other)).toBe(isProof);
    expect(isEquivocation(other, one)).toBe(isProof);
  });
});
