/**
 * Checks signatures: Ed25519 (RFC 8032), of which those found right are remembered, and the one of an
 * aggregated decision (BLS).
 */
import { verify, type KeyObject } from 'node:crypto';
import {
  type AggregatedDecision,
  type Decision,
  type OwnMessage,
  type SignedDecision,
  type SignedProposal,
  type SignedVote,
  type ValidatorId,
  type WireMessage,
  isAggregated,
  sharedBytes,
  signedBytes,
} from '../../consensus/bft/index.js';
import { type BlsPublicKey, isSignedByAll } from './aggregates/bls.js';
import { BLS_CHECKS, CHECKED_MAX } from './limits.js';

/** Keys of validators, also of those that come later. */
export interface ValidatorKeys {
  get(id: ValidatorId): KeyObject | undefined;
  /** Null or left out where decisions are not aggregated. */
  readonly blsKeys?: BlsKeys | null;
}

/** Keys of shares, proven. */
export interface BlsKeys {
  get(id: ValidatorId): BlsPublicKey | undefined;
}

/** See the head of this file. */
export class SignatureChecker {
  readonly #chain: Uint8Array;
  readonly #keys: ValidatorKeys;
  readonly #checked = new Set<string>();

  constructor(chain: Uint8Array, keys: ValidatorKeys) {
    this.#chain = chain;
    this.#keys = keys;
  }

  /** Whether decisions have one signature for all precommits. */
  get hasAggregates(): boolean {
    return (this.#keys.blsKeys ?? null) !== null;
  }

  /** Whether all that is signed under a decision is right; `votes` is what it stands for. */
  isDecisionSigned(decision: SignedDecision | AggregatedDecision, votes: Decision): boolean {
    if (!isAggregated(decision)) return this.isSigned({ type: 'decision', decision });
    const { certificate } = votes;
    const [first] = certificate;
    if (first === undefined || !this.#isProposal(decision.proposal)) return false;
    const keys = certificate.flatMap(({ from }) => this.#keys.blsKeys?.get(from) ?? []);
    if (keys.length !== certificate.length) return false;
    return isSignedByAll(sharedBytes(this.#chain, first), keys, decision.aggregate);
  }

  /** Whether all signatures in a message are those of the validators it names; not whether shares are. */
  isSigned(message: WireMessage): boolean {
    switch (message.type) {
      case 'proposal':
        return this.#isProposal(message.proposal);
      case 'vote':
      case 'share':
        return this.#isVote(message.vote);
      case 'certificate':
        return message.certificate.every((vote) => this.#isVote(vote));
      case 'decision': {
        const { decision } = message;
        // Who has signed is not in it, but in the validators of its height: see `isDecisionSigned`.
        if (isAggregated(decision)) return false;
        const areVotes = decision.certificate.every((vote) => this.#isVote(vote));
        return areVotes && this.#isProposal(decision.proposal);
      }
      case 'value':
        return true;
    }
  }

  #isProposal(proposal: SignedProposal): boolean {
    return this.#isRight({ type: 'proposal', proposal }, proposal.from, proposal.signature);
  }

  #isVote(vote: SignedVote): boolean {
    return this.#isRight({ type: 'vote', vote }, vote.from, vote.signature);
  }

  #isRight(message: OwnMessage, from: ValidatorId, signature: Uint8Array): boolean {
    const key = this.#keys.get(from);
    if (key === undefined) return false;
    const bytes = signedBytes(this.#chain, message);
    const known = `${from}${Buffer.concat([bytes, signature]).toString('latin1')}`;
    if (this.#checked.has(known)) return true;
    if (!verify(null, bytes, key, signature)) return false;
    if (this.#checked.size >= CHECKED_MAX) this.#checked.clear();
    this.#checked.add(known);
    return true;
  }
}

/** How many signatures a message has, or what it costs to check them in checks of Ed25519. */
export function signaturesIn(message: WireMessage): number {
  switch (message.type) {
    case 'proposal':
    case 'vote':
      return 1;
    case 'certificate':
      return message.certificate.length;
    case 'decision':
      return (
        1 + (isAggregated(message.decision) ? BLS_CHECKS : message.decision.certificate.length)
      );
    case 'share':
      return 1 + BLS_CHECKS;
    case 'value':
      return 0;
  }
}
