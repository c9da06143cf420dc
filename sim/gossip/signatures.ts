/**
 * Signatures of a world in which nobody guesses numbers: a sum of the bytes that begins with a secret
 * of the member. Ed25519 would take most of the time of a run.
 */
import type { MemberId, Signatures } from '../../consensus/gossip/index.js';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** The key of a member. */
export function publicKeyOf(id: MemberId): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  new DataView(key.buffer).setFloat64(0, id);
  return key;
}

/** The peer id of a member. */
export function peerIdOf(id: MemberId): string {
  return `peer-${id}`;
}

/** Signs for this member, and judges for all. */
export function signaturesOf(id: MemberId): Signatures {
  return {
    sign: (bytes) => {
      const signature = new Uint8Array(SIGNATURE_BYTES);
      new DataView(signature.buffer).setUint32(0, sumOf(id, bytes));
      return signature;
    },
    verify: (peerId, publicKey, bytes, signature) => {
      const signer = new DataView(publicKey.buffer, publicKey.byteOffset).getFloat64(0);
      const sum = new DataView(signature.buffer, signature.byteOffset).getUint32(0);
      return peerId === peerIdOf(signer) && sum === sumOf(signer, bytes);
    },
  };
}

function sumOf(id: MemberId, bytes: Uint8Array): number {
  let sum = Math.imul(id, 0x9e3779b9) ^ 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
