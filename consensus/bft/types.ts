/** Names a validator: its public key or the hash of it. The core compares it and nothing else. */
export type ValidatorId = string;

/** One instance of consensus. A validator decides one height after the other. */
export type Height = number;

/** One attempt to decide a height, from 0 on. */
export type Round = number;

/**
 * Names a proposed value: a digest of it. The bytes travel apart from the votes, and the host judges
 * them before a proposal is given to the core.
 */
export type ValueId = string;

/** What a vote is for: a value, or null, the paper's nil. */
export type VotedValue = ValueId | null;

/** The round that stands for none: the paper's -1. */
export const NO_ROUND: Round = -1;

/** Kinds of votes, in the order in which a round casts them. */
export type VoteType = 'prevote' | 'precommit';

/** What a validator proposes for a round. */
export interface Proposal {
  readonly from: ValidatorId;
  readonly height: Height;
  readonly round: Round;
  readonly value: ValueId;
  /** The round in which a quorum prevoted for the value, `NO_ROUND` for a new value. */
  readonly validRound: Round;
}

/** A prevote or a precommit. */
export interface Vote {
  readonly type: VoteType;
  readonly from: ValidatorId;
  readonly height: Height;
  readonly round: Round;
  readonly value: VotedValue;
}

/**
 * Votes of one type, height and round for one value by a quorum: of prevotes a polka, of precommits
 * what shows that the value is decided.
 */
export type Certificate = readonly Vote[];

/** The timeouts of a round (Tendermint L21, L35, L48). */
export type TimeoutKind = 'propose' | 'prevote' | 'precommit';

/** A timeout of one height and round. */
export interface Timeout {
  readonly kind: TimeoutKind;
  readonly height: Height;
  readonly round: Round;
}

/** A decided value with what proves it to anybody who knows the validators. */
export interface Decision {
  readonly proposal: Proposal;
  /** Precommits for the value of the proposal, in the proposal's round or the one decided in. */
  readonly certificate: Certificate;
}

/** Two or more messages of one validator of which a correct one sends at most one. */
export type Evidence =
  | { readonly type: 'votes'; readonly culprit: ValidatorId; readonly votes: readonly Vote[] }
  | {
      readonly type: 'proposals';
      readonly culprit: ValidatorId;
      readonly proposals: readonly Proposal[];
    };
