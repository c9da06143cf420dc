/**
 * The chain of one approval: the members of the swarm decide, with equal weights, what the rollout
 * after a given one is. Its digest is in every signature, so that a vote of one chain is worth nothing
 * in another one, nor in a chain of `nodes/bft`.
 */
import { createHash, type KeyObject } from 'node:crypto';

import { type ValidatorId, ValidatorSet } from '../../consensus/bft/index.js';
import { PUBLIC_KEY_BYTES, peerIdFromPublicKey } from '../../transport/identity/index.js';
import { type Chain, readKey } from '../bft/genesis.js';

/** See the head of this file. Keys become known with what their owners sign. */
export interface ApprovalChain extends Chain {
  /** Raw public keys of members, as far as known. */
  readonly publicKeys: ReadonlyMap<ValidatorId, Uint8Array>;
  /** Takes the keys that are those of members: an id is the hash of its key. */
  learn(publicKeys: Iterable<Uint8Array>): void;
}

export interface ChainName {
  readonly swarmId: string;
  /** Id of the rollout before. */
  readonly after: number;
  /** Peer ids of all members, in any order. */
  readonly members: readonly ValidatorId[];
}

/** Throws `BftError` with code `bad-validators` for members that cannot vote. */
export function approvalChain({ swarmId, after, members }: ChainName): ApprovalChain {
  const validators = new ValidatorSet(members.map((id) => ({ id, weight: 1 })));
  const names = validators.validators.map(({ id }) => id);
  const text = JSON.stringify(['agentic-flow rollout approval 1', swarmId, after, names]);
  const keys = new Map<ValidatorId, KeyObject>();
  const publicKeys = new Map<ValidatorId, Uint8Array>();
  const learn = (given: Iterable<Uint8Array>): void => {
    for (const publicKey of given) {
      if (publicKey.length !== PUBLIC_KEY_BYTES) continue;
      const id = peerIdFromPublicKey(publicKey);
      if (!validators.has(id) || keys.has(id)) continue;
      keys.set(id, readKey(publicKey));
      publicKeys.set(id, new Uint8Array(publicKey));
    }
  };
  const digest = createHash('sha256').update(text).digest();
  const addresses = new Map();
  // Its validators are the members, whatever it decides, and a plan is short.
  const without = { changesFrom: Infinity, partsFrom: Infinity, checkpointsEvery: Infinity };
  const never = { ...without, postQuantumKeys: new Map(), blsKeys: null };
  return { digest, validators, keys, addresses, ...never, publicKeys, learn };
}
