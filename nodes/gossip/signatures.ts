/** Records and claims of gossip are signed with the key by which a node proves itself in TLS. */
import { createPrivateKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { Signatures } from '../../consensus/gossip/index.js';
import {
  peerIdFromPublicKey,
  publicKeyFromRaw,
  rawPublicKey,
} from '../../transport/identity/index.js';
import type { Identity } from '../../transport/identity/index.js';

/** Keys that are kept ready; one that is not is read again. */
const KEYS_MAX = 4_096;

/** The raw public key of an identity, 32 bytes. */
export function publicKeyOf({ privateKeyPem }: Pick<Identity, 'privateKeyPem'>): Uint8Array {
  return rawPublicKey(createPrivateKey(privateKeyPem));
}

/** Signs for this identity, and judges for all: Ed25519 (RFC 8032). */
export function ed25519Signatures({ privateKeyPem }: Pick<Identity, 'privateKeyPem'>): Signatures {
  const privateKey = createPrivateKey(privateKeyPem);
  const keys = new Map<string, KeyObject | undefined>();
  const keyOf = (peerId: string, publicKey: Uint8Array): KeyObject | undefined => {
    const raw = Buffer.from(publicKey).toString('base64url');
    const name = `${peerId} ${raw}`;
    const known = keys.get(name);
    if (known !== undefined || keys.has(name)) return known;
    if (keys.size >= KEYS_MAX) keys.clear();
    const key = peerIdFromPublicKey(publicKey) === peerId ? readKey(publicKey) : undefined;
    keys.set(name, key);
    return key;
  };
  return {
    sign: (bytes) => sign(null, bytes, privateKey),
    verify: (peerId, publicKey, bytes, signature) => {
      const key = keyOf(peerId, publicKey);
      return key !== undefined && verify(null, bytes, key, signature);
    },
  };
}

/** Undefined for bytes that are no point of the curve. */
function readKey(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return publicKeyFromRaw(publicKey);
  } catch {
    return undefined;
  }
}
