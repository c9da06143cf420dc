/** Who the validators of a chain are, from its first height on. */
import { createHash, type KeyObject } from 'node:crypto';
import { BftError, type ValidatorId, ValidatorSet } from '../../consensus/bft/index.js';
import { peerIdFromPublicKey, publicKeyFromRaw } from '../../transport/identity/index.js';
import type { PeerAddress } from '../../transport/rpc/rpc.js';
import { type BlsPublicKey, type ProvenBlsKey, provenKey } from './aggregates/bls.js';
import { ValidatorError } from './error.js';
import { POST_QUANTUM_KEY_BYTES } from './post-quantum.js';

/** A validator at the beginning of a chain. */
export interface GenesisValidator {
  /** Raw Ed25519 public key, 32 bytes; `publicKeyOf` gives that of an identity. */
  readonly publicKey: Uint8Array;
  /** A whole number from 1 on. */
  readonly weight: number;
  /** Where it is reached. Not part of what makes a chain: it may change. */
  readonly address: { readonly host: string; readonly port: number };
  /**
   * ML-DSA-65 public key, 1952 bytes, if it signs checkpoints with one as well. The same on all
   * validators, and part of no signature.
   */
  readonly postQuantumKey?: Uint8Array;
  /** Exactly where the genesis has `aggregates`: the key of its shares, as `BlsKey.prove` gives it. */
  readonly bls?: ProvenBlsKey;
}

/** The same on all validators. */
export interface Genesis {
  /** Names the chain, for people. */
  readonly chainId: string;
  readonly validators: readonly GenesisValidator[];
  /**
   * The first height that may change the validators, by command or by evidence; never when left out.
   * The same on all validators, and part of no signature, so that a chain of a release before can be
   * given one: later than its present height, when nobody runs that release any more, which would end
   * at the first change.
   */
  readonly changesFrom?: number;
  /**
   * The first height whose value may be large and is then spread in parts; never when left out. As
   * `changesFrom` it is the same on all, and may be given to a chain later: a release before cannot read
   * such a value.
   */
  readonly partsFrom?: number;
  /**
   * Every how many heights the validators sign a checkpoint; never when left out. The same on all
   * validators, and part of no signature: an existing chain can be given one when nobody runs a release
   * any more that knows none.
   */
  readonly checkpointsEvery?: number;
  /**
   * What decisions are proven by: one BLS signature of all who precommitted, in place of one of each.
   * The keys for it are part of what makes the chain, so that it is chosen once, for a new one.
   */
  readonly aggregates?: 'bls';
}

/** A genesis made ready for use. */
export interface Chain {
  /** SHA-256 of name, keys and weights, and keys of shares where there are any: in every signature and file. */
  readonly digest: Uint8Array;
  readonly validators: ValidatorSet;
  readonly keys: ReadonlyMap<ValidatorId, KeyObject>;
  readonly addresses: ReadonlyMap<ValidatorId, PeerAddress>;
  /** Infinity if no height may change the validators. */
  readonly changesFrom: number;
  /** Infinity if no value is in parts. */
  readonly partsFrom: number;
  /** Infinity if there are no checkpoints. */
  readonly checkpointsEvery: number;
  /** ML-DSA-65 keys of those who have one. */
  readonly postQuantumKeys: ReadonlyMap<ValidatorId, Uint8Array>;
  /** Null if decisions are not aggregated. */
  readonly blsKeys: ReadonlyMap<ValidatorId, BlsPublicKey> | null;
}

/** Throws `ValidatorError` with code `bad-option`. */
export function readGenesis(genesis: Genesis): Chain {
  const { chainId, validators, changesFrom = Infinity, partsFrom = Infinity } = genesis;
  const { checkpointsEvery = Infinity } = genesis;
  checkHeight('changesFrom', changesFrom);
  checkHeight('partsFrom', partsFrom);
  const isEvery = Number.isSafeInteger(checkpointsEvery) && checkpointsEvery >= 1;
  if (checkpointsEvery !== Infinity && !isEvery) {
    throw new ValidatorError(
      'bad-option',
      'checkpointsEvery must be a count of heights, from 1 on',
    );
  }
  if (chainId.length === 0 || chainId.length > 128) {
    throw new ValidatorError('bad-option', 'chainId must have 1 to 128 characters');
  }
  const keys = new Map<ValidatorId, KeyObject>();
  const addresses = new Map<ValidatorId, PeerAddress>();
  const postQuantumKeys = new Map<ValidatorId, Uint8Array>();
  const entries = validators.map(({ publicKey, weight, address, postQuantumKey }) => {
    const id = peerIdFromPublicKey(publicKey);
    keys.set(id, readKey(publicKey));
    addresses.set(id, { ...address, peerId: id });
    if (postQuantumKey !== undefined) postQuantumKeys.set(id, readPostQuantumKey(postQuantumKey));
    return { id, weight };
  });
  let set: ValidatorSet;
  try {
    set = new ValidatorSet(entries);
  } catch (error) {
    if (!(error instanceof BftError)) throw error;
    throw new ValidatorError('bad-option', `genesis: ${error.message}`, { cause: error });
  }
  const blsKeys = readBlsKeys(genesis);
  const names = set.validators.map(({ id, weight }) => {
    const key = blsKeys?.get(id);
    return key === undefined ? [id, weight] : [id, weight, Buffer.from(key.bytes).toString('hex')];
  });
  const version = blsKeys === null ? 'agentic-flow bft 1' : 'agentic-flow bft 2';
  const text = JSON.stringify([version, chainId, names]);
  const digest = createHash('sha256').update(text).digest();
  const also = { changesFrom, partsFrom, checkpointsEvery, postQuantumKeys, blsKeys };
  return { digest, validators: set, keys, addresses, ...also };
}

/** Keys of shares whose proofs hold; null where decisions are not aggregated. */
function readBlsKeys({ validators, aggregates }: Genesis): Map<ValidatorId, BlsPublicKey> | null {
  if (aggregates !== undefined && aggregates !== 'bls') {
    throw new ValidatorError('bad-option', "aggregates is 'bls', or left out");
  }
  const keys = new Map<ValidatorId, BlsPublicKey>();
  for (const { publicKey, bls } of validators) {
    const id = peerIdFromPublicKey(publicKey);
    if ((bls === undefined) !== (aggregates === undefined)) {
      const what =
        'a genesis has a bls key for each of its validators exactly if it has aggregates';
      throw new ValidatorError('bad-option', `${what}: look at validator ${id}`);
    }
    if (bls === undefined) continue;
    const key = provenKey(bls, publicKey);
    if (key === null) {
      const what = `the bls key of validator ${id} is none, or its proof is not for this validator`;
      throw new ValidatorError('bad-option', `${what}: have it made by openBlsKey and prove`);
    }
    keys.set(id, key);
  }
  return aggregates === undefined ? null : keys;
}

function checkHeight(option: string, height: number): void {
  if (height === Infinity || (Number.isSafeInteger(height) && height >= 1)) return;
  throw new ValidatorError('bad-option', `${option} must be a height, from 1 on`);
}

function readPostQuantumKey(key: Uint8Array): Uint8Array {
  if (key.length === POST_QUANTUM_KEY_BYTES) return new Uint8Array(key);
  const message = `a postQuantumKey has ${POST_QUANTUM_KEY_BYTES} bytes, and not ${key.length}`;
  throw new ValidatorError('bad-option', message);
}

/** Throws `ValidatorError` with code `bad-option`. */
export function readKey(publicKey: Uint8Array): KeyObject {
  try {
    return publicKeyFromRaw(publicKey);
  } catch (cause) {
    const x = Buffer.from(publicKey).toString('base64url');
    throw new ValidatorError('bad-option', `the public key ${x} is no Ed25519 key of 32 bytes`, {
      cause,
    });
  }
}
