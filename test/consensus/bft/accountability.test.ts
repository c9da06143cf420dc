import { describe, expect, it } from 'vitest';
import {
  type Accusation,
  type Certificate,
  type Decision,
  type Fork,
  NO_ROUND,
  ValidatorSet,
  type Vote,
  type VoteType,
  amnesiaOf,
  isAccusation,
  isAnswer,
  isFork,
  judgeFork,
} from '../../../consensus/bft/index.js';

const HEIGHT = 5;
const validators = new ValidatorSet(['a', 'b', 'c', 'd'].map((id) => ({ id, weight: 1 })));

const vote = (type: VoteType, from: string, round: number, value: string | null): Vote => {
  return { type, from, height: HEIGHT, round, value };
};
const votes = (type: VoteType, from: string, round: number, value: string): Certificate =>
  [...from].map((each) => vote(type, each, round, value));
const polka = (from: string, round: number, value: string): Certificate =>
  votes('prevote', from, round, value);
const decision = (from: string, round: number, value: string): Decision => ({
  proposal: {
    from: validators.proposerOf(HEIGHT, round),
    height: HEIGHT,
    round,
    value,
    validRound: NO_ROUND,
  },
  certificate: votes('precommit', from, round, value),
});

/** How it is judged, in a few words: what for and who. */
function judged(fork: Fork, polkas: readonly Certificate[], set = validators): string {
  expect(isFork(fork, set)).toBe(true);
  const judgement = judgeFork(fork, polkas, set);
  const named = judgement.type === 'proven' ? judgement.culprits : judgement.accusations;
  const kinds = new Set(named.map(({ type }) => type));
  return `${[...kinds].join()}: ${named.map(({ accused }) => accused).join('')}`;
}

describe('a fork', () => {
  const v0 = decision('abc', 0, 'v');

  it('in one round is proven by the decisions alone', () => {
    expect(judged([v0, decision('bcd', 0, 'w')], [])).toBe('equivocation: bc');
  });

  it('of two rounds leads from the late decision to the first polka against the lock', () => {
    const fork: Fork = [v0, decision('bcd', 3, 'w')];
    const rows: readonly (readonly [string, readonly Certificate[], string])[] = [
      ['nobody shows anything', [], 'unfounded: bcd'],
      ['the polka of the late round', [polka('bcd', 3, 'w')], 'amnesia: bc'],
      [
        'and an earlier one, which justifies it',
        [polka('bcd', 3, 'w'), polka('acd', 1, 'w')],
        'amnesia: ac',
      ],
      ['in any order', [polka('acd', 1, 'w'), polka('bcd', 3, 'w')], 'amnesia: ac'],
      ['a polka in the round of the lock', [polka('bcd', 0, 'w')], 'unfounded: abc'],
      [
        'and the one that made the lock',
        [polka('bcd', 0, 'w'), polka('abc', 0, 'v')],
        'equivocation: bc',
      ],
    ];
    for (const [what, polkas, expected] of rows) {
      expect(judged(fork, polkas), what).toBe(expected);
      expect(judged([fork[1], fork[0]], polkas), `${what}, the other way round`).toBe(expected);
    }
  });

  it('is not judged by what is no polka, or of something else', () => {
    const fork: Fork = [v0, decision('bcd', 3, 'w')];
    const noise: readonly Certificate[] = [
      [],
      polka('cd', 1, 'w'),
      [...polka('cd', 1, 'w'), ...polka('d', 1, 'w')],
      polka('bce', 1, 'w'),
      votes('precommit', 'bcd', 1, 'w'),
      polka('bcd', 4, 'w'),
      polka('bcd', 1, 'x'),
      polka('bcd', 1, 'w').map((each) => ({ ...each, height: HEIGHT + 1 })),
      ['b', 'c', 'd'].map((from) => vote('prevote', from, 1, null)),
    ];
    expect(judged(fork, noise)).toBe('unfounded: bcd');
    expect(judged(fork, [...noise, polka('bcd', 3, 'w')])).toBe('amnesia: bc');
  });

  it('is weighed, not counted', () => {
    const weights = { a: 5, b: 2, c: 2, d: 2, e: 2 };
    const weighted = new ValidatorSet(
      Object.entries(weights).map(([id, weight]) => ({ id, weight })),
    );
    const at = (from: string, round: number, value: string): Decision => {
      const { proposal, certificate } = decision(from, round, value);
      return {
        proposal: { ...proposal, from: weighted.proposerOf(HEIGHT, round) },
        certificate,
      };
    };
    const fork: Fork = [at('abc', 0, 'v'), at('ade', 2, 'w')];
    // One alone, but more than a third of 13.
    expect(judged(fork, [polka('ade', 2, 'w')], weighted)).toBe('amnesia: a');
  });

  it('is two proven decisions of one height for different values', () => {
    expect(isFork([v0, decision('bcd', 3, 'v')], validators)).toBe(false);
    expect(isFork([v0, decision('cd', 3, 'w')], validators)).toBe(false);
    const { proposal, certificate } = decision('bcd', 3, 'w');
    const isElsewhere: Decision = { proposal: { ...proposal, height: HEIGHT + 1 }, certificate };
    expect(isFork([v0, isElsewhere], validators)).toBe(false);
  });
});

describe('an accusation', () => {
  const precommit = vote('precommit', 'a', 2, 'v');
  const prevote = vote('prevote', 'a', 5, 'w');
  const amnesia = amnesiaOf(precommit, prevote) as Accusation;
  const unfounded: Accusation = { type: 'unfounded', accused: 'a', precommit };

  it('of amnesia is made of a precommit and a later prevote for something else', () => {
    expect(amnesia).toEqual({ type: 'amnesia', accused: 'a', precommit, prevote });
    expect(amnesiaOf(prevote, precommit)).toEqual(amnesia);
    for (const [one, other] of [
      [precommit, { ...prevote, value: 'v' }],
      [precommit, { ...prevote, value: null }],
      [{ ...precommit, value: null }, prevote],
      [precommit, { ...prevote, round: 2 }],
      [precommit, { ...prevote, from: 'b' }],
      [precommit, { ...prevote, height: HEIGHT + 1 }],
      [precommit, { ...prevote, type: 'precommit' }],
      [prevote, prevote],
      [precommit, { ...prevote, round: Number.NaN }],
    ] satisfies [Vote, Vote][]) {
      expect(amnesiaOf(one, other), JSON.stringify([one, other])).toBe(null);
    }
  });

  it('is none against somebody whose votes these are not', () => {
    expect(isAccusation({ ...amnesia, accused: 'b' })).toBe(false);
    expect(isAccusation({ ...unfounded, accused: 'b' })).toBe(false);
    expect(isAccusation(unfounded)).toBe(true);
    expect(isAccusation({ ...unfounded, precommit: { ...precommit, value: null } })).toBe(false);
    expect(isAccusation({ ...unfounded, precommit: prevote })).toBe(false);
  });

  it('is answered by a polka for what was prevoted, from the round of the lock on', () => {
    const answers = [0, 1, 2, 3, 4, 5, 6].filter((round) =>
      isAnswer(amnesia, polka('bcd', round, 'w'), validators),
    );
    expect(answers).toEqual([2, 3, 4]);
    for (const wrong of [
      [],
      polka('bcd', 3, 'v'),
      polka('cd', 3, 'w'),
      votes('precommit', 'bcd', 3, 'w'),
      polka('bcd', 3, 'w').map((each) => ({ ...each, height: HEIGHT - 1 })),
    ]) {
      expect(isAnswer(amnesia, wrong, validators), JSON.stringify(wrong)).toBe(false);
    }
  });

  it('that a precommit is unfounded is answered by the polka of its round', () => {
    expect(isAnswer(unfounded, polka('abc', 2, 'v'), validators)).toBe(true);
    expect(isAnswer(unfounded, polka('abc', 1, 'v'), validators)).toBe(false);
    expect(isAnswer(unfounded, polka('abc', 2, 'w'), validators)).toBe(false);
    expect(isAnswer(unfounded, votes('precommit', 'abc', 2, 'v'), validators)).toBe(false);
  });
});
