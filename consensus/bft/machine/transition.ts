/**
 * The state machine of Tendermint (Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus",
 * 2018, algorithm 1): a pure function of a state and an input. Lines are those of the paper.
 */
import type { ValueId, VoteType, VotedValue } from '../types.js';
import type { ConsensusInput } from './input.js';
import { type ConsensusOutput, NOTHING } from './output.js';
import type { ConsensusState, Step } from './state.js';

/** A state and what it asks for. */
export interface Transition {
  readonly state: ConsensusState;
  readonly output: ConsensusOutput;
}

type Of<Type extends ConsensusInput['type']> = Extract<ConsensusInput, { type: Type }>;

/** What `input` makes of `state`. */
export function transition(state: ConsensusState, input: ConsensusInput): Transition {
  switch (input.type) {
    case 'newRound':
    case 'newRoundAsProposer':
      return startRound(state, input);
    case 'proposeValue':
      return propose(state, input.value); // Tendermint L19
    case 'proposal':
      return onProposal(state, input.value);
    case 'proposalWithPreviousPolka':
      return onProposalWithPreviousPolka(state, input);
    case 'invalidProposal':
      if (state.step !== 'propose') return refused(state, input);
      return vote(state, 'prevote', null); // Tendermint L26
    case 'invalidProposalWithPreviousPolka':
      return vote(state, 'prevote', null); // Tendermint L32; the driver gives it in step propose only
    case 'polkaAny':
      if (state.step !== 'prevote') return refused(state, input);
      return schedule(state, 'prevote'); // Tendermint L34, L35
    case 'polkaNil':
      if (state.step !== 'prevote') return refused(state, input);
      return vote(state, 'precommit', null); // Tendermint L44 to L46
    case 'proposalWithPolka':
      return onProposalWithPolka(state, input);
    case 'precommitAny':
      return schedule(state, 'precommit'); // Tendermint L47, L48
    case 'proposalWithCommit':
      if (state.step === 'commit') return refused(state, input);
      return {
        state: { ...state, step: 'commit' },
        output: { type: 'decided', round: input.round, value: input.value }, // Tendermint L49 to L54
      };
    case 'roundSkip':
      if (input.round <= state.round) return refused(state, input);
      return skip(state, input.round); // Tendermint L55, L56
    case 'timeout':
      return onTimeout(state, input);
  }
}

/** Tendermint L11 to L21. */
function startRound(
  state: ConsensusState,
  input: Of<'newRound'> | Of<'newRoundAsProposer'>,
): Transition {
  const { round } = input;
  const mayStart = state.step === 'initial' || state.step === 'unstarted';
  if (!mayStart || round <= state.round) return refused(state, input);
  const started: ConsensusState = { ...state, round, step: 'propose' }; // Tendermint L12, L13
  if (input.type === 'newRound') return schedule(started, 'propose'); // Tendermint L21
  // Tendermint L15, L16: what may have been decided already is proposed again.
  if (state.validValue !== null) return propose(started, state.validValue);
  const output = { type: 'getValue', height: state.height, round } as const; // Tendermint L18
  return { state: started, output };
}

/** Tendermint L19: a proposal for the current round. */
function propose(state: ConsensusState, value: ValueId): Transition {
  const { self: from, height, round, validRound } = state;
  const proposal = { from, height, round, value, validRound };
  return { state, output: { type: 'proposal', proposal } };
}

/** Tendermint L22 to L26. */
function onProposal(state: ConsensusState, value: ValueId): Transition {
  if (state.step !== 'propose') return refused(state, { type: 'proposal', value });
  const isFree = state.lockedRound === -1 || state.lockedValue === value; // Tendermint L23
  return vote(state, 'prevote', isFree ? value : null); // Tendermint L24, L26
}

/** Tendermint L28 to L32. */
function onProposalWithPreviousPolka(
  state: ConsensusState,
  input: Of<'proposalWithPreviousPolka'>,
): Transition {
  const { value, validRound } = input;
  const isPrevious = validRound >= 0 && validRound < state.round;
  if (state.step !== 'propose' || !isPrevious) return refused(state, input); // Tendermint L28
  const isFree = state.lockedRound <= validRound || state.lockedValue === value; // Tendermint L29
  return vote(state, 'prevote', isFree ? value : null); // Tendermint L30, L32
}

/** Tendermint L36 to L43. */
function onProposalWithPolka(state: ConsensusState, input: Of<'proposalWithPolka'>): Transition {
  if (state.step !== 'prevote' && state.step !== 'precommit') return refused(state, input);
  const { value } = input;
  const known = { ...state, validValue: value, validRound: state.round }; // Tendermint L42, L43
  if (state.step === 'precommit') return { state: known, output: NOTHING };
  const locked = { ...known, lockedValue: value, lockedRound: state.round }; // Tendermint L38, L39
  return vote(locked, 'precommit', value); // Tendermint L40, L41
}

/** Tendermint L57 to L67. */
function onTimeout(state: ConsensusState, input: Of<'timeout'>): Transition {
  const isCurrent = input.height === state.height && input.round === state.round;
  if (!isCurrent) return refused(state, input);
  switch (input.kind) {
    case 'propose':
      if (state.step !== 'propose') return refused(state, input);
      return vote(state, 'prevote', null); // Tendermint L57 to L60
    case 'prevote':
      if (state.step !== 'prevote') return refused(state, input);
      return vote(state, 'precommit', null); // Tendermint L61 to L64
    case 'precommit':
      return skip(state, state.round + 1); // Tendermint L65 to L67
  }
}

function vote(state: ConsensusState, type: VoteType, value: VotedValue): Transition {
  const { self: from, height, round } = state;
  const step: Step = type;
  return {
    state: { ...state, step },
    output: { type: 'vote', vote: { type, from, height, round, value } },
  };
}

function schedule(state: ConsensusState, kind: 'propose' | 'prevote' | 'precommit'): Transition {
  return { state, output: { type: 'scheduleTimeout', round: state.round, kind } };
}

function skip(state: ConsensusState, round: number): Transition {
  return { state: { ...state, step: 'unstarted' }, output: { type: 'skipRound', round } };
}

function refused(state: ConsensusState, input: ConsensusInput): Transition {
  const reason = `${input.type} does not fit step ${state.step} of round ${state.round}`;
  return { state, output: { type: 'refused', reason } };
}
