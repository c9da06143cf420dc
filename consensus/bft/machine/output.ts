import type { Height, Proposal, Round, TimeoutKind, ValueId, Vote } from '../types.js';

/** What the state machine asks for. */
export type ConsensusOutput =
  | { readonly type: 'none' }
  | { readonly type: 'proposal'; readonly proposal: Proposal }
  /** A value to propose is needed; the timeout `propose` of the round runs meanwhile. */
  | { readonly type: 'getValue'; readonly height: Height; readonly round: Round }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'scheduleTimeout'; readonly round: Round; readonly kind: TimeoutKind }
  | { readonly type: 'decided'; readonly round: Round; readonly value: ValueId }
  /** The round is to begin. */
  | { readonly type: 'skipRound'; readonly round: Round }
  /** The input does not fit the state, which is unchanged. */
  | { readonly type: 'refused'; readonly reason: string };

/** Nothing is asked for. */
export const NOTHING: ConsensusOutput = { type: 'none' };
