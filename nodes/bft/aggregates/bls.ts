/**
 * BLS signatures on BLS12-381 that can be added up (draft-irtf-cfrg-bls-signature-06): public keys of 48
 * bytes in G1, signatures of 96 in G2, the suite `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_`, as the
 * consensus layer of Ethereum. Whoever may choose a key freely can take one that cancels those of others
 * out (a rogue key), so that a key is believed with a proof only that somebody has its secret (section
 * 3.3). The proof is a signature with it of `PROOF_DOMAIN`, the Ed25519 key of whose it is, and the BLS key:
 * nothing else that is signed here begins so, and no other validator can show it for its own. And it is
 * one with Ed25519 of the same, so that nobody else can give a validator a key.
 *
 *     proof     BLS signature 96 bytes, Ed25519 signature 64 bytes
 *
 * The native part is loaded when it is first needed, which it is where a genesis has aggregates.
 */
import { createPrivateKey, sign as signEd25519, verify as verifyEd25519 } from 'node:crypto';
import { createRequire } from 'node:module';
import type { PublicKey } from '@chainsafe/blst';
import { BLS_SIGNATURE_BYTES, SIGNATURE_BYTES } from '../../../consensus/bft/limits.js';
import {
  type Identity,
  publicKeyFromRaw,
  rawPublicKey,
} from '../../../transport/identity/index.js';
import { ValidatorError } from '../error.js';
import { openSeed } from '../seed-file.js';

type Blst = typeof import('@chainsafe/blst');

const MAGIC = 'AFBFTbl';
const PROOF_DOMAIN = 'agentic-flow bft proof of possession 1\n';
export const BLS_KEY_BYTES = 48;
export const BLS_PROOF_BYTES = BLS_SIGNATURE_BYTES + SIGNATURE_BYTES;

const PACKAGE = '@chainsafe/blst';
let loaded: Blst | undefined;

/** Throws `ValidatorError` with code `bad-option` on a platform without the native part. */
export function loadBlst(name = PACKAGE): Blst {
  if (loaded !== undefined && name === PACKAGE) return loaded;
  try {
    loaded = createRequire(import.meta.url)(name) as Blst;
    return loaded;
  } catch (cause) {
    throw new ValidatorError(
      'bad-option',
      `a genesis with aggregates needs BLS signatures, and ${name} cannot be loaded on ` +
        `${process.platform}-${process.arch}: install it with its optional dependencies, which are ` +
        'for Linux, macOS and Windows',
      { cause },
    );
  }
}

/** A public key, checked to be one: in its group, and not zero (KeyValidate). */
export interface BlsPublicKey {
  /** 48 bytes. */
  readonly bytes: Uint8Array;
  readonly point: PublicKey;
}

/** A public key with what shows that its secret is known, as a genesis and changes have it. */
export interface ProvenBlsKey {
  /** 48 bytes. */
  readonly key: Uint8Array;
  /** 160 bytes; `BlsKey.prove` makes it. */
  readonly proof: Uint8Array;
}

/** A key pair. */
export interface BlsKey {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs, 96 bytes: the same bytes always. */
  sign(bytes: Uint8Array): Uint8Array;
  /** The key with its proof, for the validator with this identity. */
  prove(identity: Pick<Identity, 'privateKeyPem'>): ProvenBlsKey;
}

/** A share, and whose it is said to be. */
export interface Share {
  readonly key: BlsPublicKey;
  readonly share: Uint8Array;
}

/** The key pair of a seed of 32 bytes or more (section 2.3, KeyGen). */
export function blsKeyOf(seed: Uint8Array): BlsKey {
  const secret = loadBlst().SecretKey.fromKeygen(seed);
  const publicKey = secret.toPublicKey().toBytes(true);
  const sign = (bytes: Uint8Array): Uint8Array => secret.sign(bytes).toBytes(true);
  const prove: BlsKey['prove'] = ({ privateKeyPem }) => {
    const identity = createPrivateKey(privateKeyPem);
    const proven = provenBytes(rawPublicKey(identity), publicKey);
    const proof = Buffer.concat([sign(proven), signEd25519(null, proven, identity)]);
    return { key: publicKey, proof: new Uint8Array(proof) };
  };
  return { publicKey, sign, prove };
}

/** The key pair whose seed is in the file at `path`, which is made if it is not there; see `openSeed`. */
export async function openBlsKey(path: string): Promise<BlsKey> {
  return blsKeyOf(await openSeed(path, MAGIC));
}

/** Null for bytes that are no public key. */
export function readBlsKey(bytes: Uint8Array): BlsPublicKey | null {
  if (bytes.length !== BLS_KEY_BYTES) return null;
  const point = soundly(() => loadBlst().PublicKey.fromBytes(bytes, true), null);
  return point === null ? null : { bytes: new Uint8Array(bytes), point };
}

/**
 * The key, if its proof shows that the validator with this raw Ed25519 public key has its secret
 * (PopVerify), and says so itself; else null. Throws as `publicKeyFromRaw` for what is no such key.
 */
export function provenKey({ key, proof }: ProvenBlsKey, identity: Uint8Array): BlsPublicKey | null {
  const read = readBlsKey(key);
  if (read === null || proof.length !== BLS_PROOF_BYTES) return null;
  const proven = provenBytes(identity, key);
  const consent = proof.subarray(BLS_SIGNATURE_BYTES);
  if (!verifyEd25519(null, proven, publicKeyFromRaw(identity), consent)) return null;
  return isSignedByAll(proven, [read], proof.subarray(0, BLS_SIGNATURE_BYTES)) ? read : null;
}

/** Whether these have all signed the bytes, and the signature is the sum (FastAggregateVerify). */
export function isSignedByAll(
  bytes: Uint8Array,
  keys: readonly BlsPublicKey[],
  signature: Uint8Array,
): boolean {
  if (signature.length !== BLS_SIGNATURE_BYTES || keys.length === 0) return false;
  const { Signature, fastAggregateVerify } = loadBlst();
  const points = keys.map(({ point }) => point);
  return soundly(() => {
    return fastAggregateVerify(bytes, points, Signature.fromBytes(signature, true, true));
  }, false);
}

/**
 * Whether each of the shares is right. They are added up with random factors, so that wrong ones that
 * cancel each other out are found as well; it costs a third of checking each by itself, or less.
 */
export function areAllRight(bytes: Uint8Array, shares: readonly Share[]): boolean {
  if (shares.length === 0) return true;
  if (shares.some(({ share }) => share.length !== BLS_SIGNATURE_BYTES)) return false;
  const { aggregateWithRandomness, verify } = loadBlst();
  return soundly(() => {
    const sets = shares.map(({ key, share }) => ({ pk: key.point, sig: share }));
    const { pk, sig } = aggregateWithRandomness(sets);
    return verify(bytes, pk, sig);
  }, false);
}

/** The sum of shares that are right (Aggregate). */
export function sumOf(shares: readonly Uint8Array[]): Uint8Array {
  return loadBlst()
    .aggregateSerializedSignatures([...shares])
    .toBytes(true);
}

function provenBytes(identity: Uint8Array, key: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(PROOF_DOMAIN), identity, key]);
}

/** What the native part refuses is what came from outside; anything else is an error of ours. */
function soundly<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (typeof code === 'string' && code.startsWith('BLST_')) return otherwise;
    throw error;
  }
}
