/**
 * Finds out which of the paper's upon clauses a message makes true, and gives them to the state
 * machine one at a time. It works in small steps: what a message makes true first is given at once;
 * what besides becomes true waits as a pending input, or is looked for after a change of step.
 * `settle` in `rules.ts` runs those until nothing is left.
 */
import { assert } from './error.js';
import { PROPOSALS_PER_ROUND_MAX } from './limits.js';
import { type ConsensusInput, inputKey } from './machine/input.js';
import { type ConsensusOutput, NOTHING } from './machine/output.js';
import { type ConsensusState, type Step, initialState } from './machine/state.js';
import { transition } from './machine/transition.js';
import {
  type Certificate,
  type Decision,
  type Height,
  NO_ROUND,
  type Proposal,
  type Round,
  type TimeoutKind,
  type ValidatorId,
  type ValueId,
  type Vote,
} from './types.js';
import type { ValidatorSet } from './validators.js';
import { VoteKeeper } from './votes/keeper.js';
import { type KeeperOutput, NO_KEEPER_OUTPUT } from './votes/output.js';

/** What can happen to a driver. */
export type DriverInput =
  /** Begins the height with the round that `load` found. */
  | { readonly type: 'start' }
  /** `isValid` is what the host says of the value (Tendermint section 2.3, validity). */
  | { readonly type: 'proposal'; readonly proposal: Proposal; readonly isValid: boolean }
  | { readonly type: 'proposeValue'; readonly value: ValueId }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /** One of the current height and round. */
  | { readonly type: 'timeout'; readonly kind: TimeoutKind }
  /** Takes the pending input at this place of `pending`. */
  | { readonly type: 'pending'; readonly at: number }
  /** Looks for what a change of step has made true. */
  | { readonly type: 'stepChange' }
  /** A clause that `dueInput` found true. */
  | { readonly type: 'due'; readonly input: ConsensusInput };

/** What came of a driver input. */
export interface DriverResult {
  readonly output: ConsensusOutput;
  /** The votes of a quorum that has just been reached. */
  readonly certificate: Certificate | null;
}

/** An input that waits for its turn; it lapses when the round is over. */
export interface PendingInput {
  readonly input: ConsensusInput;
  readonly round: Round;
}

/** An input that was given to the state machine, with the round after it and the step before it. */
export interface ExecutedInput extends PendingInput {
  readonly step: Step;
}

/** Who proposes in a round; the same on all validators. */
export type ProposerRule = (height: Height, round: Round) => ValidatorId;

/** See the head of this file. */
export class Driver {
  readonly validators: ValidatorSet;
  readonly proposerOf: ProposerRule;
  readonly keeper: VoteKeeper;
  /** Valid proposals of this height, each by the proposer of its round. */
  readonly proposals: Proposal[] = [];
  /** Two proposals of one proposer for one round. */
  readonly doubleProposals = new Map<Round, readonly Proposal[]>();
  state: ConsensusState;
  pending: PendingInput[] = [];
  /** The step that the last input led to, if it changed. */
  stepChange: Step | null = null;
  keeperOutput: KeeperOutput = NO_KEEPER_OUTPUT;
  decision: Decision | null = null;
  /** Whether `load` was called, or the state was restored. */
  hasStarted = false;
  /** What was executed in this round: nothing is given twice in one step of a round. */
  #executed = new Map<string, ExecutedInput>();

  /** `restored` is the state in which a validator that was stopped goes on. */
  constructor(
    self: ValidatorId,
    height: Height,
    validators: ValidatorSet,
    options: { readonly proposerOf?: ProposerRule; readonly restored?: ConsensusState } = {},
  ) {
    this.validators = validators;
    this.proposerOf = options.proposerOf ?? ((h, r) => validators.proposerOf(h, r));
    this.keeper = new VoteKeeper(height, validators);
    this.state = options.restored ?? initialState(self, height);
    this.hasStarted = options.restored !== undefined;
    assert(this.state.height === height, 'a restored state is of the height it goes on with');
  }

  /** Inputs that were executed in the current round. */
  get executed(): readonly ExecutedInput[] {
    return [...this.#executed.values()];
  }

  /** Whether an input was executed in the current round: in a step of it, or in any. */
  hasExecuted(type: ConsensusInput['type'], inStep?: Step): boolean {
    return this.executed.some(
      ({ input, step }) => input.type === type && (inStep === undefined || step === inStep),
    );
  }

  /**
   * Takes votes and certificates that arrived before the height began, all at once, so that somebody
   * who comes late goes straight to where the others are.
   */
  load(votes: readonly Vote[], certificates: readonly Certificate[]): void {
    assert(!this.hasStarted, 'votes are loaded before the height begins');
    this.hasStarted = true;
    const last = votes.reduce((most, { round }) => Math.max(most, round), 0);
    for (const vote of votes) this.keeper.add(vote, last);
    for (const certificate of certificates) this.keeper.addCertificate(certificate);
  }

  /** Does one small step. */
  apply(input: DriverInput): DriverResult {
    const before = this.state.step;
    const result = this.#applyInput(input);
    this.stepChange = this.state.step === before ? null : this.state.step;
    return result;
  }

  hasProposal(round: Round, value: ValueId): boolean {
    return this.proposals.some((each) => each.round === round && each.value === value);
  }

  #applyInput(input: DriverInput): DriverResult {
    switch (input.type) {
      case 'start':
        return { output: this.#startRound(this.roundToStart), certificate: null };
      case 'proposal':
        return this.#follow(this.#onProposal(input.proposal, input.isValid), null);
      case 'proposeValue':
        return { output: this.#execute(input), certificate: null };
      case 'vote':
        return this.#onVotes(input.vote, this.keeper.add(input.vote, this.state.round));
      case 'certificate':
        return this.#onCertificate(input.certificate);
      case 'timeout': {
        const { height, round } = this.state;
        const output = this.#execute({ type: 'timeout', kind: input.kind, height, round });
        return this.#follow(output, null);
      }
      case 'pending':
        return this.#follow(this.#takePending(input.at), null);
      case 'stepChange':
        return this.#follow(this.#onStepChange(), null);
      case 'due':
        return this.#follow(this.#execute(input.input), null);
    }
  }

  /** The last round of which a quorum, or somebody correct, is known to be; else 0. */
  get roundToStart(): Round {
    let last = 0;
    for (const [round, { emitted }] of this.keeper.rounds) {
      if (emitted.size > 0) last = Math.max(last, round);
    }
    return last;
  }

  /** Tendermint L11, L14. */
  #startRound(round: Round): ConsensusOutput {
    const { height, self } = this.state;
    const isProposer = this.proposerOf(height, round) === self;
    return this.#execute({ type: isProposer ? 'newRoundAsProposer' : 'newRound', round });
  }

  /** A decision is completed, and a round that is to begin begins. */
  #follow(output: ConsensusOutput, certificate: Certificate | null): DriverResult {
    if (output.type === 'skipRound') {
      return { output: this.#startRound(output.round), certificate: null };
    }
    if (output.type === 'decided') this.#decide(output.round, output.value);
    return { output, certificate };
  }

  #decide(round: Round, value: ValueId): void {
    const proposal = this.proposals.find((each) => each.round === round && each.value === value);
    const certificate = this.keeper.certificateFor('precommit', round, value);
    assert(proposal !== undefined, 'a decided value was proposed');
    assert(certificate !== null, 'a decision has the precommits of a quorum');
    this.decision = { proposal, certificate };
  }

  #onVotes(vote: Vote, output: KeeperOutput | null): DriverResult {
    if (output === null) return { output: NOTHING, certificate: null };
    this.keeperOutput = output;
    const certificate = this.keeper.certificateOf(output);
    const input = vote.type === 'prevote' ? this.#ofPrevotes(output) : this.#ofPrecommits(output);
    return this.#follow(input === null ? NOTHING : this.#execute(input), certificate);
  }

  #onCertificate(certificate: Certificate): DriverResult {
    const output = this.keeper.addCertificate(certificate);
    const [first] = certificate;
    if (output === null || first === undefined) return { output: NOTHING, certificate: null };
    return this.#onVotes(first, output);
  }

  #ofPrecommits(output: KeeperOutput): ConsensusInput | null {
    const { round: current } = this.state;
    if (output.type === 'precommitValue') {
      const { round, value } = output;
      // Tendermint L49: in any round, also an earlier one
      if (this.hasProposal(round, value)) return { type: 'proposalWithCommit', round, value };
      if (round === current) return { type: 'precommitAny' }; // Tendermint L47
      return round > current ? { type: 'roundSkip', round } : null; // Tendermint L55
    }
    if (output.type === 'precommitAny') {
      return output.round === current ? { type: 'precommitAny' } : null; // Tendermint L47
    }
    return skipTo(output, current);
  }

  #ofPrevotes(output: KeeperOutput): ConsensusInput | null {
    const { round: current } = this.state;
    if (output.type === 'polkaValue') {
      const { round, value } = output;
      // Tendermint L28
      if (round < current && this.#isProposedAgain(value, round)) {
        return { type: 'proposalWithPreviousPolka', value, validRound: round };
      }
      if (round !== current) return null;
      // Tendermint L36 comes after L34, whose timeout it makes harmless.
      if (this.hasProposal(current, value)) this.#postpone({ type: 'proposalWithPolka', value });
      return { type: 'polkaAny' };
    }
    if (output.type === 'polkaAny') {
      return output.round === current ? { type: 'polkaAny' } : null; // Tendermint L34
    }
    if (output.type === 'polkaNil') {
      return output.round === current ? { type: 'polkaNil' } : null; // Tendermint L44
    }
    return skipTo(output, current);
  }

  #isProposedAgain(value: ValueId, validRound: Round): boolean {
    const { round } = this.state;
    return this.proposals.some(
      (each) => each.round === round && each.value === value && each.validRound === validRound,
    );
  }

  #onProposal(proposal: Proposal, isValid: boolean): ConsensusOutput {
    const { from, height, round, value, validRound } = proposal;
    if (from !== this.proposerOf(height, round)) return NOTHING;
    const isCurrent = height === this.state.height && round === this.state.round;
    if (!isValid) {
      if (this.state.step !== 'propose' || !isCurrent) return NOTHING;
      // Tendermint L32, L26
      const hasPolka = this.keeper.hasQuorumFor('prevote', validRound, value);
      return this.#execute(
        hasPolka
          ? { type: 'invalidProposalWithPreviousPolka', value }
          : { type: 'invalidProposal' },
      );
    }
    if (!this.#keepProposal(proposal)) return NOTHING;
    // Tendermint L49
    if (this.keeper.hasQuorumFor('precommit', round, value)) {
      return this.#execute({ type: 'proposalWithCommit', round, value });
    }
    return isCurrent ? this.#onCurrentProposal(proposal) : NOTHING;
  }

  #onCurrentProposal({ round, value, validRound }: Proposal): ConsensusOutput {
    const { step } = this.state;
    if (step === 'propose') {
      if (validRound === NO_ROUND) return this.#execute({ type: 'proposal', value }); // Tendermint L22
      if (!this.keeper.hasQuorumFor('prevote', validRound, value)) return NOTHING;
      return this.#execute({ type: 'proposalWithPreviousPolka', value, validRound }); // Tendermint L28
    }
    const isVoting = step === 'prevote' || step === 'precommit';
    if (!isVoting || !this.keeper.hasQuorumFor('prevote', round, value)) return NOTHING;
    return this.#execute({ type: 'proposalWithPolka', value }); // Tendermint L36
  }

  /** Keeps a valid proposal; false if there are too many for its round, or it is of another height. */
  #keepProposal(proposal: Proposal): boolean {
    const { height, round, value, validRound } = proposal;
    if (height !== this.state.height) return false;
    const same = this.proposals.filter((each) => each.round === round);
    if (same.some((each) => each.value === value && each.validRound === validRound)) return true;
    const isWanted =
      this.keeper.hasQuorumFor('prevote', round, value) ||
      this.keeper.hasQuorumFor('precommit', round, value);
    if (same.length >= PROPOSALS_PER_ROUND_MAX && !isWanted) return false;
    if (same.length > 0) this.doubleProposals.set(round, [same[0] as Proposal, proposal]);
    this.proposals.push(proposal);
    return true;
  }

  #onStepChange(): ConsensusOutput {
    const { round, step } = this.state;
    const proposal = this.#proposalToAnswer();
    if (proposal !== undefined) {
      // Tendermint L47 holds in every step; the precommits may have come before it was this round.
      if (this.keeper.hasQuorumOfAny('precommit', round)) this.#postpone({ type: 'precommitAny' });
      return this.#onProposal(proposal, true);
    }
    if (step !== 'prevote') return NOTHING;
    // Tendermint L44
    if (this.keeper.hasQuorumFor('prevote', round, null))
      return this.#execute({ type: 'polkaNil' });
    // Tendermint L34
    if (this.keeper.hasQuorumOfAny('prevote', round)) return this.#execute({ type: 'polkaAny' });
    return NOTHING;
  }

  /** Of several proposals of a faulty proposer the one that others voted for. */
  #proposalToAnswer(): Proposal | undefined {
    const { round } = this.state;
    const candidates = this.proposals.filter((each) => each.round === round);
    const chosen = (type: 'precommit' | 'prevote'): Proposal | undefined =>
      candidates.find(({ value }) => this.keeper.hasQuorumFor(type, round, value));
    return chosen('precommit') ?? chosen('prevote') ?? candidates.at(-1);
  }

  #postpone(input: ConsensusInput): void {
    const { round } = this.state;
    const key = inputKey(input);
    const isThere = this.pending.some(
      (each) => each.round === round && inputKey(each.input) === key,
    );
    if (!isThere) this.pending.push({ input, round });
  }

  #takePending(at: number): ConsensusOutput {
    const [taken] = this.pending.splice(at, 1);
    if (taken === undefined || taken.round !== this.state.round) return NOTHING;
    return this.#execute(taken.input);
  }

  /** Gives an input to the state machine, unless it was given in this step of this round before. */
  #execute(input: ConsensusInput): ConsensusOutput {
    const { step, round } = this.state;
    const key = inputKey(input);
    if (this.#executed.has(`${step} ${key}`)) return NOTHING;
    const { state, output } = transition(this.state, input);
    assert(state.round >= round, 'rounds of a height only go up');
    if (state.round !== round) this.#executed = new Map();
    this.state = state;
    this.#executed.set(`${step} ${key}`, { input, round: state.round, step });
    return output;
  }
}

/** Tendermint L55. */
function skipTo(output: KeeperOutput, current: Round): ConsensusInput | null {
  if (output.type !== 'skip' || output.round <= current) return null;
  return { type: 'roundSkip', round: output.round };
}
