import type { Height, Round, TimeoutKind, ValueId } from '../types.js';

/**
 * What can happen to the state machine: the conditions of the paper's upon clauses, found true by the
 * driver. Unless a round is named, they are about the current one.
 */
export type ConsensusInput =
  /** A round begins, and somebody else proposes in it. */
  | { readonly type: 'newRound'; readonly round: Round }
  | { readonly type: 'newRoundAsProposer'; readonly round: Round }
  /** The value that was asked for. */
  | { readonly type: 'proposeValue'; readonly value: ValueId }
  /** The proposer proposed a new value, and it is valid. */
  | { readonly type: 'proposal'; readonly value: ValueId }
  /** It proposed a valid value for which a quorum prevoted in `validRound`. */
  | {
      readonly type: 'proposalWithPreviousPolka';
      readonly value: ValueId;
      readonly validRound: Round;
    }
  | { readonly type: 'invalidProposal' }
  | { readonly type: 'invalidProposalWithPreviousPolka'; readonly value: ValueId }
  | { readonly type: 'polkaAny' }
  | { readonly type: 'polkaNil' }
  /** A quorum prevoted for the value, which is proposed and valid. */
  | { readonly type: 'proposalWithPolka'; readonly value: ValueId }
  | { readonly type: 'precommitAny' }
  /** A quorum precommitted the value in `round`, in which it is proposed, and it is valid. */
  | { readonly type: 'proposalWithCommit'; readonly round: Round; readonly value: ValueId }
  /** Somebody correct is in a later round. */
  | { readonly type: 'roundSkip'; readonly round: Round }
  | {
      readonly type: 'timeout';
      readonly kind: TimeoutKind;
      readonly height: Height;
      readonly round: Round;
    };

/** The same string for the same input, and different ones for different inputs. */
export function inputKey(input: ConsensusInput): string {
  switch (input.type) {
    case 'newRound':
    case 'newRoundAsProposer':
    case 'roundSkip':
      return `${input.type} ${input.round}`;
    case 'proposeValue':
    case 'proposal':
    case 'invalidProposalWithPreviousPolka':
    case 'proposalWithPolka':
      return `${input.type} ${input.value}`;
    case 'proposalWithPreviousPolka':
      return `${input.type} ${input.validRound} ${input.value}`;
    case 'proposalWithCommit':
      return `${input.type} ${input.round} ${input.value}`;
    case 'timeout':
      return `${input.type} ${input.kind} ${input.height} ${input.round}`;
    default:
      return input.type;
  }
}
