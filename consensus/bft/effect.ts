import type { ConsensusState } from './machine/state.js';
import type { BftMessage, OwnMessage } from './message.js';
import type {
  Certificate,
  Decision,
  Evidence,
  Height,
  Round,
  Timeout,
  ValidatorId,
} from './types.js';

/** What a validator keeps on its disk of the height under way, so that it goes on after a crash. */
export interface BftRecord {
  readonly version: 1;
  readonly state: ConsensusState;
  /** Own messages of the last rounds, oldest first. */
  readonly sent: readonly OwnMessage[];
}

/** What a node asks its host to do, in this order. */
export type BftEffect =
  /**
   * Nothing that comes after it leaves before it is durable. The record takes the place of the one
   * before. `polka` are the prevotes that allow the vote that was signed last, where it needs some; it
   * is kept beyond the height, for who asks for it (`accountability.ts`).
   */
  | { readonly type: 'persist'; readonly record: BftRecord; readonly polka: Certificate | null }
  /** To all validators, this one included. */
  | { readonly type: 'broadcast'; readonly message: BftMessage }
  /** What is known of the height, to all others: lost messages are made up for. */
  | { readonly type: 'resend'; readonly messages: readonly BftMessage[] }
  | { readonly type: 'schedule'; readonly timeout: Timeout }
  /** A value to propose is needed; it is given with the input `value`. */
  | { readonly type: 'getValue'; readonly height: Height; readonly round: Round }
  /** The height is decided: the host stores it, then starts the next one. */
  | { readonly type: 'decide'; readonly decision: Decision }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  /** Somebody is at an earlier height, whose decision will help. */
  | { readonly type: 'behind'; readonly peer: ValidatorId; readonly height: Height }
  /** A message was not signed, since it contradicts one that was. */
  | { readonly type: 'withheld'; readonly message: OwnMessage };
