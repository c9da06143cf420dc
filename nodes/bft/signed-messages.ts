/** Messages of the core as they travel: with the signatures of those who made them. */
import {
  type AggregatedDecision,
  type BftMessage,
  type Decision,
  type OwnMessage,
  type SharedVote,
  type SignedDecision,
  type SignedProposal,
  type SignedVote,
  type Vote,
  type WireMessage,
  isAggregated,
} from '../../consensus/bft/index.js';
import { assert } from '../assert.js';
import type { Sealing } from './aggregates/aggregates.js';

/** A message of the core with all its signatures. */
export type SignedMessage =
  | Exclude<WireMessage, { type: 'value' | 'decision' }>
  | { readonly type: 'decision'; readonly decision: SignedDecision };

/** The same as the core takes it. */
export type CheckedMessage = Exclude<SignedMessage, { type: 'share' }>;

/**
 * A message with its signatures; null if that of an own one is not known. With `sealing` precommits for a
 * value have shares as well.
 */
export function withSignatures(
  message: BftMessage,
  own: Pick<WeakMap<OwnMessage, Uint8Array>, 'get'>,
  sealing?: Sealing,
): SignedMessage | null {
  switch (message.type) {
    case 'proposal': {
      if (isSigned(message.proposal))
        return message as { type: 'proposal'; proposal: SignedProposal };
      const signature = own.get(message);
      if (signature === undefined) return null;
      return { type: 'proposal', proposal: { ...message.proposal, signature } };
    }
    case 'vote': {
      const { vote } = message;
      if (hasShare(vote)) return { type: 'share', vote };
      if (isSigned(vote)) return message as { type: 'vote'; vote: SignedVote };
      const signature = own.get(message);
      if (signature === undefined) return null;
      const signed = { ...vote, signature };
      if (sealing === undefined || !needsShare(vote)) return { type: 'vote', vote: signed };
      return { type: 'share', vote: { ...signed, share: sealing.share(vote, signature) } };
    }
    case 'certificate':
      assert(message.certificate.every(isSigned), 'votes in certificates came with signatures');
      return message as Extract<SignedMessage, { type: 'certificate' }>;
    case 'decision':
      return message as Extract<SignedMessage, { type: 'decision' }>;
  }
}

/** A decision as it is kept and shown. */
export function sealed(
  decision: Decision,
  sealing: Sealing | undefined,
): SignedDecision | AggregatedDecision {
  return sealing === undefined ? (decision as SignedDecision) : sealing.seal(decision);
}

/** A message as the core takes it: a share stays with its vote. */
export function forCore(message: SignedMessage): CheckedMessage {
  return message.type === 'share' ? { type: 'vote', vote: message.vote } : message;
}

/**
 * What came from a peer for the core; null if it is not signed in the way of its chain. With aggregates
 * what a decision is made of has shares, and decisions are fetched; without there are no shares.
 */
export function inForm(
  message: Exclude<WireMessage, { type: 'value' }>,
  hasAggregates: boolean,
): CheckedMessage | null {
  switch (message.type) {
    case 'proposal':
      return message;
    case 'vote':
      return hasAggregates && needsShare(message.vote) ? null : message;
    case 'certificate':
      return hasAggregates && message.certificate.some(needsShare) ? null : message;
    case 'decision': {
      const { decision } = message;
      return hasAggregates || isAggregated(decision) ? null : { type: 'decision', decision };
    }
    case 'share':
      return hasAggregates ? forCore(message) : null;
  }
}

function needsShare({ type, value }: Vote): boolean {
  return type === 'precommit' && value !== null;
}

function hasShare(vote: Vote): vote is SharedVote {
  return 'share' in vote;
}

function isSigned(each: object): boolean {
  return 'signature' in each;
}
