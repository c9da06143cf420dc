/** Validators that sign by hand: what no correct one would sign, and what a chain of them decided. */
import { createPrivateKey, sign } from 'node:crypto';

import {
  type OwnMessage,
  type SignedVote,
  type VoteType,
  type WireMessage,
  encodeMessages,
  signedBytes,
} from '../../../consensus/bft/index.js';
import { valueIdOf } from '../../../nodes/bft/batch.js';
import { type Genesis, readGenesis } from '../../../nodes/bft/genesis.js';
import { type ForkReport, publicKeyOf } from '../../../nodes/bft/index.js';
import { type Identity, createIdentity } from '../../../transport/identity/index.js';

/** Validators of equal weight, and messages that they sign; identities without a port join later. */
export class Signers {
  readonly identities: readonly Identity[];
  readonly genesis: Genesis;

  constructor(ports: readonly number[], chainId = 'fork', identities?: readonly Identity[]) {
    this.identities = identities ?? ports.map(() => createIdentity());
    const validators = ports.map((port, at) => ({
      publicKey: publicKeyOf(this.identities[at]!),
      weight: 100,
      address: { host: '127.0.0.1', port },
    }));
    this.genesis = { chainId, validators };
  }

  get chain() {
    return readGenesis(this.genesis);
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
    const { height, round, value } = about;
    const from = of.proposerOf(height, round);
    const at = this.identities.findIndex(({ peerId }) => peerId === from);
    const proposal = { from, ...about, validRound: -1 };
    const signature = this.#signature(at, { type: 'proposal', proposal });
    const certificate = this.votes('precommit', who, round, value, height);
    return { type: 'decision', decision: { proposal: { ...proposal, signature }, certificate } };
  }

  /** What for, and who by their places. */
  named({ culprits }: ForkReport): string {
    const kinds = [...new Set(culprits.map(({ kind }) => kind))];
    const ids = this.identities.map(({ peerId }) => peerId);
    const who = culprits.map(({ culprit }) => ids.indexOf(culprit)).sort();
    return `${kinds.join()} ${who.join()}`;
  }
}
