/**
 * What the state machine of one height knows (Tendermint L1 to L9).
 *
 *              newRound              proposal, or timeout          polka, or timeout
 *  [initial] ----------> [propose] ----------------------> [prevote] ------------> [precommit]
 *                            ^                                                        |
 *                            |  newRound                     f + 1 of a later round,  |
 *                       [unstarted] <------------------- or timeout of precommits ----+
 *                                        (from every step)
 *
 *  A quorum of precommits leads from every step to [commit] (L49).
 */
import { type Height, NO_ROUND, type Round, type ValidatorId, type VotedValue } from '../types.js';

/** Where a validator stands in its round; `initial` before the first one. */
export type Step = 'initial' | 'unstarted' | 'propose' | 'prevote' | 'precommit' | 'commit';

/** The state of one height. Never changed: a transition makes a new one. */
export interface ConsensusState {
  /** Whose votes and proposals these are. */
  readonly self: ValidatorId;
  readonly height: Height;
  readonly round: Round;
  readonly step: Step;
  /** The last round in which this validator precommitted a value, and the value. */
  readonly lockedRound: Round;
  readonly lockedValue: VotedValue;
  /** The last round in which a quorum is known to have prevoted for a value, and the value. */
  readonly validRound: Round;
  readonly validValue: VotedValue;
}

/** The state in which a height begins: no round has (Tendermint L2 to L9). */
export function initialState(self: ValidatorId, height: Height): ConsensusState {
  return {
    self,
    height,
    round: NO_ROUND,
    step: 'initial',
    lockedRound: NO_ROUND,
    lockedValue: null,
    validRound: NO_ROUND,
    validValue: null,
  };
}
