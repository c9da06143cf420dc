/** Validators that sign by hand: what no correct one would sign, and what a chain of them decided. */
import { createPrivateKey, sign } from 'node:crypto';

import {
  type AggregatedDecision,
  type OwnMessage,
  type SharedVote,
  type SignedProposal,
  type SignedVote,
  type ValidatorSet,
  type VoteType,
  type WireMessage,
  encodeMessages,
  sharedBytes,
  signedBytes,
  signersOf,
} from '../../../consensus/bft/index.js';
import { type BlsKey, sumOf } from '../../../nodes/bft/aggregates/bls.js';
import { valueIdOf } from '../../../nodes/bft/batch.js';
import { type Chain, type Genesis, readGenesis } from '../../../nodes/bft/genesis.js';
import { type ForkReport, publicKeyOf } from '../../../nodes/bft/index.js';
import { type Identity, createIdentity } from '../../../transport/identity/index.js';

/** Validators of equal weight, and messages that they sign; identities without a port join later. */
export class Signers {
  readonly identities: readonly Identity[];
  readonly genesis: Genesis;
  #chain: Chain | null = null;

  /** With keys of shares decisions are aggregated. */
  constructor(
    ports: readonly number[],
    chainId = 'fork',
    identities?: readonly Identity[],
    private readonly bls?: readonly BlsKey[],
  ) {
    this.identities = identities ?? ports.map(() => createIdentity());
    const validators = ports.map((port, at) => {
      const publicKey = publicKeyOf(this.identities[at]!);
      const plain = { publicKey, weight: 100, address: { host: '127.0.0.1', port } };
      return bls === undefined ? plain : { ...plain, bls: bls[at]!.prove(this.identities[at]!) };
    });
    this.genesis =
      bls === undefined ? { chainId, validators } : { chainId, validators, aggregates: 'bls' };
  }

  get chain() {
    this.#chain ??= readGenesis(this.genesis);
    return this.#chain;
  }

  /** Precommits with their shares. */
  shared(who: readonly number[], round: number, value: string, height = 1): SharedVote[] {
    return this.votes('precommit', who, round, value, height).map((vote, at) => {
      return { ...vote, share: this.bls![who[at]!]!.sign(sharedBytes(this.chain.digest, vote)) };
    });
  }

  /** A decision under one signature: of those who are named, whoever has made it. */
  aggregated(
    who: readonly number[],
    about: { readonly height: number; readonly round: number; readonly value: string },
    of = this.chain.validators,
    named = who,
  ): AggregatedDecision {
    const { height, round, value } = about;
    const proposal = this.#proposal(about, of);
    const signers = signersOf(this.votes('precommit', named, round, value, height), of);
    const aggregate = sumOf(this.shared(who, round, value, height).map(({ share }) => share));
    return { proposal, signers, aggregate };
  }

  #signature(at: number, message: OwnMessage): Uint8Array {
    const key = createPrivateKey(this.identities[at]!.privateKeyPem);
    return new Uint8Array(sign(null, signedBytes(this.chain.digest, message), key));
  }

  votes(type: VoteType, who: readonly number[], round: number, value: string, height = 1) {
    return who.map((at): SignedVote => {
      const vote = { type, from: this.identities[at]!.peerId, height, round, value };
      return { ...vote, signature: this.#signature(at, { type: 'vote', vote }) };
    });
  }

  polka(who: readonly number[], round: number, value: string, height = 1) {
    return this.votes('prevote', who, round, value, height);
  }

  decision(who: readonly number[], round: number, value: string, height = 1): Uint8Array {
    return encodeMessages([this.#decision(who, { height, round, value })]);
  }

  /** A decision with its value, by validators that may have changed. */
  decided(
    who: readonly number[],
    height: number,
    value: Uint8Array,
    of = this.chain.validators,
    name = valueIdOf(value),
  ) {
    const about = { height, round: 0, value: name };
    return encodeMessages([this.#decision(who, about, of), { type: 'value', bytes: value }]);
  }

  #decision(
    who: readonly number[],
    about: { readonly height: number; readonly round: number; readonly value: string },
    of = this.chain.validators,
  ): WireMessage {
    if (this.bls !== undefined) {
      return { type: 'decision', decision: this.aggregated(who, about, of) };
    }
    const { height, round, value } = about;
    const certificate = this.votes('precommit', who, round, value, height);
    return { type: 'decision', decision: { proposal: this.#proposal(about, of), certificate } };
  }

  #proposal(
    about: { readonly height: number; readonly round: number; readonly value: string },
    of: ValidatorSet,
  ): SignedProposal {
    const from = of.proposerOf(about.height, about.round);
    const at = this.identities.findIndex(({ peerId }) => peerId === from);
    const proposal = { from, ...about, validRound: -1 };
    return { ...proposal, signature: this.#signature(at, { type: 'proposal', proposal }) };
  }

  /** What for, and who by their places. */
  named({ culprits }: ForkReport): string {
    const kinds = [...new Set(culprits.map(({ kind }) => kind))];
    const ids = this.identities.map(({ peerId }) => peerId);
    const who = culprits.map(({ culprit }) => ids.indexOf(culprit)).sort();
    return `${kinds.join()} ${who.join()}`;
  }
}
