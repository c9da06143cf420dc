/**
 * Decisions under one signature, as a validator makes them: each precommit for a value leaves with a share
 * beside its signature, the shares of others are checked before their votes count, and what is decided is
 * kept with the sum of them.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import {
  type AggregatedDecision,
  type Decision,
  type ExpandedDecision,
  type SharedVote,
  type SignedDecision,
  type ValidatorId,
  type Vote,
  sharedBytes,
  signedBytes,
  signersOf,
} from '../../../consensus/bft/index.js';
import type { Identity } from '../../../transport/identity/index.js';
import { assert } from '../../assert.js';
import type { SignatureChecker } from '../checking.js';
import type { DriverPorts } from '../driver-ports.js';
import { ValidatorError } from '../error.js';
import type { InboxPorts } from '../inbox.js';
import type { ValidatorOptions } from '../options.js';
import { unprovenVotes } from '../proven.js';
import { type BlsKey, sumOf } from './bls.js';
import { Shares, type SharesPorts } from './shares.js';

/** What it needs of what is around it. */
export interface AggregatesPorts extends SharesPorts {
  readonly checker: SignatureChecker;
}

/** Makes shares of own votes, and decisions of those of all. */
export interface Sealing {
  /** The share of a precommit for a value that the signer has signed. */
  share(vote: Vote, signature: Uint8Array): Uint8Array;
  /** A decision as it is kept and shown. */
  seal(decision: Decision): AggregatedDecision;
}

/** Null where the options have no key of shares. */
export function openAggregates(
  { identity, bls }: Pick<ValidatorOptions, 'identity' | 'bls'>,
  ports: AggregatesPorts,
): Aggregates | null {
  return bls === undefined ? null : new Aggregates(identity, bls, ports);
}

/** See the head of this file. */
export class Aggregates implements Sealing {
  readonly #self: ValidatorId;
  readonly #key: BlsKey;
  readonly #publicKey: KeyObject;
  readonly #ports: AggregatesPorts;
  readonly #shares: Shares;
  /** Made before; they are sent again and again. */
  readonly #made = new WeakMap<Vote, Uint8Array>();

  constructor(identity: Identity, key: BlsKey, ports: AggregatesPorts) {
    this.#self = identity.peerId;
    this.#key = key;
    this.#publicKey = createPublicKey(identity.privateKeyPem);
    this.#ports = ports;
    this.#shares = new Shares(identity.peerId, ports);
  }

  /**
   * Whoever was removed and is a validator again has the key that it came with. Throws `ValidatorError`
   * with code `bad-option` when the chain knows this validator by another key.
   */
  checkKey(): void {
    const { sets } = this.#ports;
    const known = sets.isPeer(this.#self) ? sets.blsKeys?.get(this.#self) : undefined;
    if (known === undefined || Buffer.from(known.bytes).equals(this.#key.publicKey)) return;
    const what = 'use the option bls with the key that the chain has for this validator';
    throw new ValidatorError('bad-option', what);
  }

  /** The rule of the signer holds for shares as well: there is none without what it has given out. */
  share(vote: Vote, signature: Uint8Array): Uint8Array {
    const known = this.#made.get(vote);
    if (known !== undefined) return known;
    const { digest: chain } = this.#ports.chain;
    const isSigned = verify(
      null,
      signedBytes(chain, { type: 'vote', vote }),
      this.#publicKey,
      signature,
    );
    assert(isSigned, 'a share is made for nothing that the signer has not signed');
    this.checkKey();
    const share = this.#key.sign(sharedBytes(chain, vote));
    this.#made.set(vote, share);
    return share;
  }

  seal(decision: Decision): AggregatedDecision {
    // It came from somebody else, and was checked.
    if ('aggregated' in decision) return (decision as ExpandedDecision).aggregated;
    const { proposal } = decision as SignedDecision;
    const votes = decision.certificate as readonly SharedVote[];
    const { sets, checker } = this.#ports;
    const validators = sets.at(proposal.height);
    const signers = signersOf(votes, validators);
    const aggregate = sumOf(votes.map(({ share }) => share));
    const sealed = { proposal, signers, aggregate };
    const why = unprovenVotes(sealed, validators, checker);
    assert(why === null, 'what a quorum has voted for is proven by the sum of its shares');
    return sealed;
  }

  /** What the inbox is to give. */
  get inbox(): Pick<InboxPorts, 'takeShare'> {
    return { takeShare: (vote, peer) => this.#shares.add(vote, peer) };
  }

  /** What the driver is to ask. */
  get driver(): Pick<DriverPorts, 'sealing'> {
    return { sealing: this };
  }
}
