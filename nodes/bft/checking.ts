/** Checks signatures: Ed25519 (RFC 8032). Those found right are remembered. */
import { verify, type KeyObject } from 'node:crypto';
import {
  type OwnMessage,
  type SignedProposal,
  type SignedVote,
  type ValidatorId,
  type WireMessage,
  signedBytes,
} from '../../consensus/bft/index.js';
import { CHECKED_MAX } from './limits.js';

/** Keys of validators, also of those that come later. */
export interface ValidatorKeys {
  get(id: ValidatorId): KeyObject | undefined;
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

  /** Whether all signatures in a message are those of the validators it names. */
  isSigned(message: WireMessage): boolean {
    switch (message.type) {
      case 'proposal':
        return this.#isProposal(message.proposal);
      case 'vote':
        return this.#isVote(message.vote);
      case 'certificate':
        return message.certificate.every((vote) => this.#isVote(vote));
      case 'decision':
        return (
          this.#isProposal(message.decision.proposal) &&
          message.decision.certificate.every((vote) => this.#isVote(vote))
        );
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

/** How many signatures a message has. */
export function signaturesIn(message: WireMessage): number {
  switch (message.type) {
    case 'proposal':
    case 'vote':
      return 1;
    case 'certificate':
      return message.certificate.length;
    case 'decision':
      return 1 + message.decision.certificate.length;
    case 'value':
      return 0;
  }
}
