/** Our words for the state machine and the vote keeper in those of the Quint specification, and back. */
import type { ConsensusInput } from '../../consensus/bft/machine/input.js';
import type { ConsensusOutput } from '../../consensus/bft/machine/output.js';
import type { ConsensusState, Step } from '../../consensus/bft/machine/state.js';
import type {
  Proposal,
  TimeoutKind,
  Vote,
  VotedValue,
  VoteType,
} from '../../consensus/bft/types.js';
import { ValidatorSet } from '../../consensus/bft/validators.js';
import type { VoteKeeper } from '../../consensus/bft/votes/keeper.js';
import type { KeeperOutput } from '../../consensus/bft/votes/output.js';
import type { VoteCount } from '../../consensus/bft/votes/vote-count.js';
import {
  type ItfRecord,
  type ItfValue,
  ItfMap,
  ItfSet,
  canonical,
  entriesOf,
  field,
} from './itf.js';

const STEPS: Readonly<Record<Step, string>> = {
  initial: 'NoStep',
  unstarted: 'UnstartedStep',
  propose: 'ProposeStep',
  prevote: 'PrevoteStep',
  precommit: 'PrecommitStep',
  commit: 'CommitStep',
};
const TIMEOUTS: Readonly<Record<TimeoutKind, string>> = {
  propose: 'ProposeTimeout',
  prevote: 'PrevoteTimeout',
  precommit: 'PrecommitTimeout',
};

/** A variant of the specification; without a value it carries the unit. */
export function variant(tag: string, value: ItfValue = []): ItfRecord {
  return { tag, value };
}

/** The tag and the value of a variant. */
export function parts(value: ItfValue): { readonly tag: string; readonly value: ItfValue } {
  return { tag: text(field(value, 'tag')), value: field(value, 'value') };
}

export function text(value: ItfValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new Error(`${value === undefined ? 'nothing' : canonical(value)} is no string`);
}

export function number(value: ItfValue | undefined): number {
  if (typeof value === 'number') return value;
  throw new Error(`${value === undefined ? 'nothing' : canonical(value)} is no number`);
}

/** The members of a tuple. */
export function tuple(value: ItfValue): readonly ItfValue[] {
  if (Array.isArray(value)) return value as readonly ItfValue[];
  throw new Error(`${canonical(value)} is no tuple`);
}

function keyOf<Key extends string>(words: Readonly<Record<Key, string>>, word: string): Key {
  const found = (Object.keys(words) as Key[]).find((key) => words[key] === word);
  if (found === undefined) throw new Error(`the specification has no ${word} that we know`);
  return found;
}

function toValue(value: VotedValue): ItfRecord {
  return value === null ? variant('Nil') : variant('Val', value);
}

function fromValue(value: ItfValue): VotedValue {
  const { tag, value: inner } = parts(value);
  return tag === 'Nil' ? null : text(inner);
}

/** A value that cannot be nil. */
function fromSomeValue(value: ItfValue): string {
  const known = fromValue(value);
  if (known === null) throw new Error('a proposed value is nil');
  return known;
}

export function toStep(step: Step | null): ItfRecord {
  return variant(step === null ? 'NoStep' : STEPS[step]);
}

export function fromTimeout(value: ItfValue): TimeoutKind {
  return keyOf(TIMEOUTS, parts(value).tag);
}

export function toVote({ type, from, height, round, value }: Vote): ItfRecord {
  const voteType = variant(type === 'prevote' ? 'Prevote' : 'Precommit');
  return { voteType, srcAddress: from, height, round, valueId: toValue(value) };
}

export function fromVote(value: ItfValue): Vote {
  const type: VoteType =
    parts(field(value, 'voteType')).tag === 'Prevote' ? 'prevote' : 'precommit';
  return {
    type,
    from: text(field(value, 'srcAddress')),
    height: number(field(value, 'height')),
    round: number(field(value, 'round')),
    value: fromValue(field(value, 'valueId')),
  };
}

export function toProposal({ from, height, round, value, validRound }: Proposal): ItfRecord {
  return { srcAddress: from, height, round, proposal: value, validRound };
}

export function fromProposal(value: ItfValue): Proposal {
  return {
    from: text(field(value, 'srcAddress')),
    height: number(field(value, 'height')),
    round: number(field(value, 'round')),
    value: text(field(value, 'proposal')),
    validRound: number(field(value, 'validRound')),
  };
}

export function fromValidators(value: ItfValue): ValidatorSet {
  return new ValidatorSet(
    entriesOf(value).map(([id, weight]) => ({ id: text(id), weight: number(weight) })),
  );
}

export function toState(state: ConsensusState): ItfRecord {
  const { self, height, round, step, lockedRound, lockedValue, validRound, validValue } = state;
  return {
    p: self,
    height,
    round,
    step: toStep(step),
    lockedRound,
    lockedValue: toValue(lockedValue),
    validRound,
    validValue: toValue(validValue),
  };
}

const TIMEOUT_INPUTS: Readonly<Record<TimeoutKind, string>> = {
  propose: 'TimeoutProposeCInput',
  prevote: 'TimeoutPrevoteCInput',
  precommit: 'TimeoutPrecommitCInput',
};

/** The input of the state machine; null for what stands before the first one. */
export function fromConsensusInput(input: ItfValue): ConsensusInput | null {
  const { tag, value } = parts(input);
  const at = (place: number): ItfValue => tuple(value)[place] ?? '';
  switch (tag) {
    case 'NoConsensusInput':
      return null;
    case 'NewRoundCInput':
      return { type: 'newRound', round: number(value) };
    case 'NewRoundProposerCInput':
      return { type: 'newRoundAsProposer', round: number(value) };
    case 'ProposeValueCInput':
      return { type: 'proposeValue', value: text(value) };
    case 'ProposalCInput':
      return { type: 'proposal', value: fromSomeValue(at(1)) };
    case 'ProposalAndPolkaPreviousAndValidCInput':
      return {
        type: 'proposalWithPreviousPolka',
        value: fromSomeValue(at(0)),
        validRound: number(at(1)),
      };
    case 'ProposalInvalidCInput':
      return { type: 'invalidProposal' };
    case 'ProposalAndPolkaAndInvalidCInput':
      return { type: 'invalidProposalWithPreviousPolka', value: fromSomeValue(value) };
    case 'PolkaNilCInput':
      return { type: 'polkaNil' };
    case 'PolkaAnyCInput':
      return { type: 'polkaAny' };
    case 'ProposalAndPolkaAndValidCInput':
      return { type: 'proposalWithPolka', value: fromSomeValue(value) };
    case 'PrecommitAnyCInput':
      return { type: 'precommitAny' };
    case 'ProposalAndCommitAndValidCInput':
      return { type: 'proposalWithCommit', round: number(at(0)), value: text(at(1)) };
    case 'RoundSkipCInput':
      return { type: 'roundSkip', round: number(value) };
    default: {
      const kind = keyOf(TIMEOUT_INPUTS, tag);
      return { type: 'timeout', kind, height: number(at(0)), round: number(at(1)) };
    }
  }
}

/** `round` is the one in which the input was given: the specification names it in proposals. */
export function toConsensusInput(input: ConsensusInput, round: number): ItfRecord {
  switch (input.type) {
    case 'newRound':
      return variant('NewRoundCInput', input.round);
    case 'newRoundAsProposer':
      return variant('NewRoundProposerCInput', input.round);
    case 'proposeValue':
      return variant('ProposeValueCInput', input.value);
    case 'proposal':
      return variant('ProposalCInput', [round, toValue(input.value)]);
    case 'proposalWithPreviousPolka': {
      const { value, validRound } = input;
      return variant('ProposalAndPolkaPreviousAndValidCInput', [toValue(value), validRound]);
    }
    case 'invalidProposal':
      return variant('ProposalInvalidCInput');
    case 'invalidProposalWithPreviousPolka':
      return variant('ProposalAndPolkaAndInvalidCInput', toValue(input.value));
    case 'polkaAny':
      return variant('PolkaAnyCInput');
    case 'polkaNil':
      return variant('PolkaNilCInput');
    case 'proposalWithPolka':
      return variant('ProposalAndPolkaAndValidCInput', toValue(input.value));
    case 'precommitAny':
      return variant('PrecommitAnyCInput');
    case 'proposalWithCommit':
      return variant('ProposalAndCommitAndValidCInput', [input.round, input.value]);
    case 'roundSkip':
      return variant('RoundSkipCInput', input.round);
    case 'timeout':
      return variant(TIMEOUT_INPUTS[input.kind], [input.height, input.round]);
  }
}

/** What was put out. Reasons of refusals are for people: any is as good as any. */
export function toOutput(output: ConsensusOutput): ItfRecord {
  switch (output.type) {
    case 'none':
      return variant('NoConsensusOutput');
    case 'proposal':
      return variant('ProposalOutput', toProposal(output.proposal));
    case 'getValue': {
      const { height, round } = output;
      return variant('GetValueAndScheduleTimeoutOutput', [
        height,
        round,
        variant(TIMEOUTS.propose),
      ]);
    }
    case 'vote':
      return variant('VoteOutput', toVote(output.vote));
    case 'scheduleTimeout':
      return variant('TimeoutOutput', [output.round, variant(TIMEOUTS[output.kind])]);
    case 'decided':
      return variant('DecidedOutput', [output.round, output.value]);
    case 'skipRound':
      return variant('SkipRoundOutput', output.round);
    case 'refused':
      return variant('ErrorOutput');
  }
}

/** An output of a trace, without the reason of a refusal. */
export function withoutReason(output: ItfValue): ItfValue {
  return parts(output).tag === 'ErrorOutput' ? variant('ErrorOutput') : output;
}

export function toKeeperOutput(output: KeeperOutput): ItfRecord {
  switch (output.type) {
    case 'none':
      return variant('NoVKOutput');
    case 'polkaAny':
      return variant('PolkaAnyVKOutput', output.round);
    case 'polkaNil':
      return variant('PolkaNilVKOutput', output.round);
    case 'polkaValue':
      return variant('PolkaValueVKOutput', [output.round, output.value]);
    case 'precommitAny':
      return variant('PrecommitAnyVKOutput', output.round);
    case 'precommitValue':
      return variant('PrecommitValueVKOutput', [output.round, output.value]);
    case 'skip':
      return variant('SkipVKOutput', output.round);
  }
}

function toCount(count: VoteCount, totalWeight: number): ItfRecord {
  return {
    totalWeight,
    valuesWeights: new ItfMap(
      [...count.weights].map(([value, weight]) => [toValue(value), weight]),
    ),
    votesAddresses: new ItfSet([...count.received.keys()]),
    receivedVotes: new ItfSet([...count.received.values()].flat().map(toVote)),
  };
}

export function toValidators(validators: ValidatorSet): ItfMap {
  return new ItfMap(validators.validators.map(({ id, weight }) => [id, weight]));
}

export function toKeeper(keeper: VoteKeeper): ItfRecord {
  const { height, validators, rounds, evidence } = keeper;
  const { totalWeight } = validators;
  return {
    height,
    validatorSet: toValidators(validators),
    rounds: new ItfMap(
      [...rounds].map(([round, votes]) => {
        const own = {
          height,
          round,
          prevotes: toCount(votes.prevotes, totalWeight),
          precommits: toCount(votes.precommits, totalWeight),
          emittedOutputs: new ItfSet([...votes.emitted.values()].map(toKeeperOutput)),
          votesAddressesWeights: new ItfMap([...votes.voters]),
        };
        return [round, own];
      }),
    ),
    evidence: new ItfSet(evidence.map((votes) => new ItfSet(votes.map(toVote)))),
  };
}
