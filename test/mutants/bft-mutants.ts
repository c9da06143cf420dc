import type { SourceMistake } from './source-mutant.js';

const BFT = 'consensus/bft';

/** A mistake of the Tendermint core, and what has to notice it. */
export interface BftMutant extends SourceMistake {
  /** The scenario of the simulator that finds it, null if it is harmless to safety. */
  readonly scenario: 'bft' | 'bft-twins' | 'bft-forks' | null;
  /** Whether traces of the specification differ from it. */
  readonly differsFromTraces: boolean;
}

/** One line of the core made wrong. The first five are those that twins must find within a minute. */
export const BFT_MUTANTS: readonly BftMutant[] = [
  {
    name: 'a lock does not keep from prevoting another value',
    file: `${BFT}/machine/transition.ts`,
    source: 'const isFree = state.lockedRound === -1 || state.lockedValue === value;',
    replacement: 'const isFree = state.lockedRound >= -1 || value === state.lockedValue;',
    scenario: 'bft-twins',
    differsFromTraces: true,
  },
  {
    name: '2f votes are a quorum',
    file: `${BFT}/quorum.ts`,
    source: 'return 3 * weight > 2 * total;',
    replacement: 'return 2 * weight >= total;',
    scenario: 'bft-twins',
    differsFromTraces: true,
  },
  {
    name: 'a lock is forgotten in a crash',
    file: `${BFT}/node.ts`,
    source: '{ restored: state });',
    replacement: '{ restored: { ...state, lockedRound: NO_ROUND, lockedValue: null } });',
    scenario: 'bft-twins',
    differsFromTraces: false,
  },
  {
    name: 'a polka of an earlier round than that of the lock opens it',
    file: `${BFT}/machine/transition.ts`,
    source: 'const isFree = state.lockedRound <= validRound ||',
    replacement: 'const isFree = state.lockedRound >= validRound ||',
    scenario: 'bft-twins',
    differsFromTraces: true,
  },
  {
    name: 'a validator that votes twice counts twice',
    file: `${BFT}/votes/vote-count.ts`,
    source: '    this.#keep(own, vote);\n    return own.length > 1',
    replacement: '    this.#keep(own, vote);\n    this.#count(vote);\n    return own.length > 1',
    scenario: 'bft-twins',
    differsFromTraces: false,
  },
  {
    name: 'a third of the weight makes others skip a round only when it is a quorum',
    file: `${BFT}/quorum.ts`,
    source: 'return 3 * weight > total;',
    replacement: 'return 3 * weight > 2 * total;',
    scenario: null,
    differsFromTraces: true,
  },
  {
    name: 'a precommit does not lock',
    file: `${BFT}/machine/transition.ts`,
    source: 'lockedRound: state.round };',
    replacement: 'lockedRound: state.lockedRound };',
    scenario: 'bft-twins',
    differsFromTraces: true,
  },
  {
    name: 'a valid value is noted with the round before',
    file: `${BFT}/machine/transition.ts`,
    source: 'validRound: state.round };',
    replacement: 'validRound: state.round - 1 };',
    scenario: null,
    differsFromTraces: true,
  },
  {
    name: 'a proposal that meets precommits of another round decides nothing',
    file: `${BFT}/driver.ts`,
    source: "if (this.keeper.hasQuorumFor('precommit', round, value)) {",
    replacement: "if (isCurrent && this.keeper.hasQuorumFor('precommit', round, value)) {",
    scenario: null,
    differsFromTraces: true,
  },
  {
    name: 'nobody proposes',
    file: `${BFT}/driver.ts`,
    source: 'const isProposer = this.proposerOf(height, round) === self;',
    replacement: 'const isProposer = this.proposerOf(height, round) === height + self;',
    scenario: 'bft',
    differsFromTraces: true,
  },
  {
    name: 'a certificate accuses nobody',
    file: `${BFT}/votes/vote-count.ts`,
    source: 'if (isDouble) doubles.push([...own]);',
    replacement: '',
    scenario: null,
    differsFromTraces: true,
  },
  {
    name: 'messages of others are evidence against the one',
    file: `${BFT}/votes/keeper.ts`,
    source: 'if (doubles !== null) this.#accuse(doubles);',
    replacement: 'this.#accuse([vote, { ...vote, value: null }]);',
    scenario: 'bft-twins',
    differsFromTraces: true,
  },
  {
    name: 'a change of validators counts one height too early',
    file: `${BFT}/set-schedule.ts`,
    source: 'this.#present = this.#coming;',
    replacement: 'this.#present = next;',
    scenario: 'bft',
    differsFromTraces: false,
  },
  {
    name: 'what the height before moved is not added up',
    file: `${BFT}/set-schedule.ts`,
    source: 'const all = this.#movedBefore + moved;',
    replacement: 'const all = moved;',
    scenario: 'bft',
    differsFromTraces: false,
  },
  {
    name: 'half of the weight may move',
    file: `${BFT}/set-schedule.ts`,
    source: 'if (moved > 0 && 3 * all > most) {',
    replacement: 'if (moved > 0 && 2 * all > most) {',
    scenario: 'bft',
    differsFromTraces: false,
  },
  {
    name: 'one message twice is a proof against its signer',
    file: `${BFT}/equivocation.ts`,
    source: 'place[at]) && !isSameContent(a, b);',
    replacement: 'place[at]) || !isSameContent(a, b);',
    scenario: 'bft',
    differsFromTraces: false,
  },
  {
    name: 'what is signed is not stored before it leaves',
    file: `${BFT}/node.ts`,
    source:
      '    this.#persist(this.#driver === null ? null : polkaFor(this.#driver, message));\n' +
      "    this.#emit({ type: 'broadcast', message });",
    replacement: "    this.#emit({ type: 'broadcast', message });",
    scenario: 'bft-twins',
    differsFromTraces: false,
  },
  {
    name: 'the polka that allowed a prevote against a lock is not kept',
    file: `${BFT}/justification.ts`,
    source: 'if (state.lockedValue === null || state.lockedValue === value) return null;',
    replacement: 'if (state.lockedValue !== value || round >= 0) return null;',
    scenario: 'bft-twins',
    differsFromTraces: false,
  },
  {
    name: 'a polka of the round of the lock is no answer',
    file: `${BFT}/accountability.ts`,
    source: 'isWithin(first, precommit.round, prevote.round - 1);',
    replacement: 'isWithin(first, precommit.round + 1, prevote.round - 1);',
    scenario: 'bft-forks',
    differsFromTraces: false,
  },
  {
    name: 'all who precommitted the early decision are said to have forgotten it',
    file: `${BFT}/accountability.ts`,
    source: 'return match === undefined ? [] : [[vote, match] as const];',
    replacement: 'return [[vote, match ?? { ...(other[0] as Vote), from: vote.from }] as const];',
    scenario: 'bft-forks',
    differsFromTraces: false,
  },
  {
    name: 'prevotes that came before the own one start no timeout',
    file: `${BFT}/rules.ts`,
    source: "!driver.hasExecuted('polkaAny', step);",
    replacement: "!driver.hasExecuted('polkaAny');",
    scenario: 'bft',
    differsFromTraces: false,
  },
];
