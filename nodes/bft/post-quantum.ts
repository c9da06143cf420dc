/**
 * Signatures that a quantum computer does not forge: ML-DSA-65 (FIPS 204), beside Ed25519, under
 * checkpoints. The secret is the seed of the key pair (FIPS 204, `ξ` of algorithm 1), in a file
 * (`seed-file.ts`).
 */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { openSeed } from './seed-file.js';

const MAGIC = 'AFBFTpq';
/** Bytes of a public key and of a signature (FIPS 204, table 2). */
export const POST_QUANTUM_KEY_BYTES = 1952;
export const POST_QUANTUM_SIGNATURE_BYTES = 3309;

/** A key pair of ML-DSA-65. */
export interface PostQuantumKey {
  /** 1952 bytes. */
  readonly publicKey: Uint8Array;
  /** The signature, 3309 bytes, made with fresh randomness (FIPS 204 section 3.4, "hedged"). */
  sign(bytes: Uint8Array): Uint8Array;
}

/** The key pair of a seed of 32 bytes. */
export function postQuantumKeyOf(seed: Uint8Array): PostQuantumKey {
  const { publicKey, secretKey } = ml_dsa65.keygen(seed);
  return { publicKey, sign: (bytes) => ml_dsa65.sign(bytes, secretKey) };
}

/** Whether this key has signed these bytes. */
export function isPostQuantumSigned(
  bytes: Uint8Array,
  publicKey: Uint8Array,
  signature: Uint8Array,
): boolean {
  const isLong =
    publicKey.length === POST_QUANTUM_KEY_BYTES &&
    signature.length === POST_QUANTUM_SIGNATURE_BYTES;
  return isLong && ml_dsa65.verify(signature, bytes, publicKey);
}

/** The key pair whose seed is in the file at `path`, which is made if it is not there; see `openSeed`. */
export async function openPostQuantumKey(path: string): Promise<PostQuantumKey> {
  return postQuantumKeyOf(await openSeed(path, MAGIC));
}
