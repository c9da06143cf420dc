import { describe, expect, it } from 'vitest';
import {
  type BftEffect,
  type BftMessage,
  BftNode,
  type BftRecord,
  ValidatorSet,
  type Vote,
  type VotedValue,
  type VoteType,
  isDecision,
} from '../../../consensus/bft/index.js';
import { FUTURE_ROUNDS_PER_VALIDATOR_MAX } from '../../../consensus/bft/limits.js';

const ids = ['a', 'b', 'c', 'd'];
const validators = new ValidatorSet(ids.map((id) => ({ id, weight: 1 })));
const self = 'a';
const proposer = (round: number): string => validators.proposerOf(1, round);

function vote(type: VoteType, from: string, round: number, value: VotedValue): BftMessage {
  return { type: 'vote', vote: { type, from, height: 1, round, value } };
}

function proposal(round: number, value: string, validRound = -1): BftMessage {
  return {
    type: 'proposal',
    proposal: { from: proposer(round), height: 1, round, value, validRound },
  };
}

/** A validator whose own messages come back to it, and what it said. */
class Bench {
  readonly node: BftNode;
  readonly effects: BftEffect[] = [];

  constructor(record: BftRecord | null = null) {
    this.node = new BftNode(self, record);
    this.do(this.node.step({ type: 'start', height: 1, validators }));
  }

  give(...messages: readonly BftMessage[]): this {
    for (const message of messages)
      this.do(this.node.step({ type: 'message', message, isValid: true }));
    return this;
  }

  timeout(kind: 'propose' | 'prevote' | 'precommit', round: number): this {
    this.do(this.node.step({ type: 'timeout', timeout: { kind, height: 1, round } }));
    return this;
  }

  private do(effects: readonly BftEffect[]): void {
    this.effects.push(...effects);
    for (const effect of effects) if (effect.type === 'broadcast') this.give(effect.message);
  }

  get votes(): string[] {
    const votes: Vote[] = [];
    for (const effect of this.effects) {
      if (effect.type === 'broadcast' && effect.message.type === 'vote')
        votes.push(effect.message.vote);
    }
    return votes.map(({ type, round, value }) => `${type} ${round} ${value ?? 'nil'}`);
  }

  of<Type extends BftEffect['type']>(type: Type): Extract<BftEffect, { type: Type }>[] {
    return this.effects.filter((effect) => effect.type === type) as never;
  }

  get record(): BftRecord {
    return this.of('persist').at(-1)!.record;
  }
}

/** Locked on `x` in round 0, and in round 1 now. */
function locked(): Bench {
  const bench = new Bench().give(proposal(0, 'x'));
  bench.give(vote('prevote', 'b', 0, 'x'), vote('prevote', 'c', 0, 'x'));
  bench.give(vote('precommit', 'b', 0, null), vote('precommit', 'c', 0, null));
  return bench.timeout('precommit', 0);
}

describe('a validator', () => {
  it('waits for more prevotes when a quorum for nothing was there before its own', () => {
    const bench = new Bench();
    const [others, from] = [ids.filter((id) => id !== self), proposer(0)];
    expect(from).not.toBe(self);
    // In the step before, three prevotes that are not for one value have no effect.
    for (const [at, other] of others.entries()) {
      bench.give(vote('prevote', other, 0, at === 0 ? 'x' : null));
    }
    expect(bench.votes).toEqual([]);
    bench.give(proposal(0, 'x'));
    const scheduled = bench.effects.flatMap((effect) =>
      effect.type === 'schedule' ? [effect.timeout] : [],
    );
    expect(scheduled).toContainEqual({ kind: 'prevote', height: 1, round: 0 });
    bench.timeout('prevote', 0);
    expect(bench.votes.at(-1)).toMatch(/precommit/);
  });

  it('begins no height in which it has no weight', () => {
    const others = new ValidatorSet(['b', 'c'].map((id) => ({ id, weight: 1 })));
    const start = { type: 'start', height: 1, validators: others } as const;
    expect(() => new BftNode(self, null).step(start)).toThrow('by its validators');
  });

  it('decides with the precommits of a quorum, and can prove it', () => {
    const bench = new Bench().give(proposal(0, 'x'));
    bench.give(...['b', 'c'].map((from) => vote('prevote', from, 0, 'x')));
    bench.give(...['b', 'c'].map((from) => vote('precommit', from, 0, 'x')));
    expect(bench.votes).toEqual(['prevote 0 x', 'precommit 0 x']);
    const [{ decision }] = bench.of('decide') as [Extract<BftEffect, { type: 'decide' }>];
    expect(isDecision(decision, validators)).toBe(true);
    expect(
      isDecision({ ...decision, certificate: decision.certificate.slice(1) }, validators),
    ).toBe(false);
    const double = [...decision.certificate.slice(1), decision.certificate[1]!];
    expect(isDecision({ ...decision, certificate: double }, validators)).toBe(false);
  });

  it('takes the decision of another one only with its proof', () => {
    const decision = {
      proposal: { from: proposer(2), height: 1, round: 2, value: 'x', validRound: -1 },
      certificate: ['b', 'c', 'd'].map((from): Vote => ({
        type: 'precommit',
        from,
        height: 1,
        round: 2,
        value: 'x',
      })),
    };
    const forged = { ...decision, certificate: decision.certificate.slice(1) };
    expect(new Bench().give({ type: 'decision', decision: forged }).of('decide')).toEqual([]);
    expect(new Bench().give({ type: 'decision', decision }).of('decide')).toHaveLength(1);
  });

  it('stores what it signs before it says it', () => {
    const { effects } = locked();
    const own = effects.flatMap((effect, at) =>
      effect.type === 'broadcast' && effect.message.type === 'vote' ? [at] : [],
    );
    expect(own.length).toBeGreaterThan(1);
    for (const at of own) expect(effects[at - 1]!.type).toBe('persist');
  });

  it('prevotes nil for another value than the one it is locked on, also after a crash', () => {
    expect(locked().give(proposal(1, 'y')).votes).toContain('prevote 1 nil');
    const again = new Bench(locked().record);
    again.give(vote('prevote', 'b', 1, null), vote('prevote', 'c', 1, null));
    expect(
      again.give(proposal(1, 'y')).votes.filter((each) => each.startsWith('prevote 1')),
    ).toEqual(['prevote 1 nil']);
  });

  it('leaves its lock for a value that a later quorum prevoted', () => {
    const bench = locked().give(proposal(1, 'y'));
    bench.give(...['b', 'c', 'd'].map((from) => vote('prevote', from, 1, 'y')));
    bench.give(...['b', 'c', 'd'].map((from) => vote('precommit', from, 1, null)));
    bench.timeout('precommit', 1).give(proposal(2, 'y', 1));
    expect(proposer(2)).not.toBe(self);
    expect(bench.votes).toContain('prevote 2 y');
  });

  it('signs nothing else for a place that it has signed for, whatever its log says', () => {
    const { record } = locked();
    // As after the restoration of an older copy, beside what was signed last.
    const rewound = { ...record, state: { ...record.state, step: 'propose' as const } };
    const bench = new Bench(rewound).timeout('propose', record.state.round);
    expect(bench.of('withheld').length).toBeGreaterThan(0);
    expect(bench.of('persist')).toEqual([]);
  });

  it('refuses the log of another one, and one of a height to come', () => {
    const { record } = locked();
    expect(() => new BftNode('b', record)).toThrow('not one of validator b');
    const ahead = { ...record, state: { ...record.state, height: 5 } };
    expect(() => new Bench(ahead)).toThrow('height 5, and height 1 is to begin');
  });

  it('goes to the last round in which somebody correct is, though no round has f + 1 votes', () => {
    const bench = new Bench();
    bench.give(vote('prevote', 'b', 7, null));
    expect(bench.node.driver!.state.round).toBe(0);
    bench.give(vote('prevote', 'c', 5, null));
    expect(bench.node.driver!.state.round).toBe(5);
  });

  it('keeps votes of few rounds ahead of each, and accuses who votes twice', () => {
    const bench = new Bench();
    for (let round = 1; round < 100; round += 1) bench.give(vote('prevote', 'b', round, null));
    expect(bench.node.driver!.keeper.rounds.size).toBeLessThanOrEqual(
      FUTURE_ROUNDS_PER_VALIDATOR_MAX + 1,
    );
    for (let i = 0; i < 100; i += 1) bench.give(vote('prevote', 'c', 0, `${i}`));
    expect(new Set(bench.of('evidence').map(({ evidence }) => evidence.culprit))).toEqual(
      new Set('c'),
    );
    expect(bench.of('evidence').length).toBeLessThan(5);
  });

  it.each([
    ['of nobody', vote('prevote', 'z', 0, null)],
    ['of a negative round', vote('prevote', 'b', -1, null)],
    ['of half a round', vote('prevote', 'b', 0.5, null)],
    ['for a name without end', vote('prevote', 'b', 0, 'x'.repeat(10_000))],
  ])('ignores a vote %s', (_, message) => {
    const bench = new Bench();
    const before = bench.effects.length;
    bench.give(message);
    expect(bench.node.driver!.keeper.rounds.size).toBe(0);
    expect(bench.effects.length).toBe(before);
  });
});

describe('validators', () => {
  it('propose as often as they weigh, evenly', () => {
    const set = new ValidatorSet([
      { id: 'x', weight: 300 },
      { id: 'y', weight: 100 },
    ]);
    const turns = Array.from({ length: 8 }, (_, round) => set.proposerOf(0, round)).join('');
    expect(turns).toBe('xxyxxxyx');
  });

  it.each([
    [[], 'no validator'],
    [[{ id: 'x', weight: 0 }], 'weight 0'],
    [
      [
        { id: 'x', weight: 1 },
        { id: 'x', weight: 1 },
      ],
      'named twice',
    ],
    [
      [
        { id: 'x', weight: 1 },
        { id: 'y', weight: 999_983 },
      ],
      'round them',
    ],
  ])('refuse %j', (list, message) => {
    expect(() => new ValidatorSet(list)).toThrow(message);
  });
});
