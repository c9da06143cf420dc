/** The key of an identity as libp2p has it. The peer id that follows from it is libp2p's own. */
import { createPrivateKey } from 'node:crypto';
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromPublicKey } from '@libp2p/peer-id';
import { TopicError } from './error.js';

/** What is needed of an identity (`agentic-flow/identity`). */
export interface KeyOwner {
  /** PKCS #8 in PEM, Ed25519. */
  readonly privateKeyPem: string;
}

/** Throws `TopicError` `bad-option`. */
export function libp2pKeyOf({ privateKeyPem }: KeyOwner): PrivateKey {
  try {
    const { d, x } = createPrivateKey(privateKeyPem).export({ format: 'jwk' });
    if (d === undefined || x === undefined) throw new Error('it is of another kind');
    return privateKeyFromRaw(Buffer.concat([fromBase64(d), fromBase64(x)]));
  } catch (cause) {
    const why = 'the private key cannot be used; give an Ed25519 key in PEM (PKCS #8)';
    throw new TopicError('bad-option', why, { cause });
  }
}

/** The peer id of an identity in topics (`12D3Koo…`), for `allow` and for addresses of peers. */
export function topicPeerId(owner: KeyOwner): string {
  return peerIdFromPrivateKey(libp2pKeyOf(owner)).toString();
}

/** The peer id in topics of an Ed25519 public key of 32 bytes. Throws `TopicError` `bad-option`. */
export function topicPeerIdOfKey(publicKey: Uint8Array): string {
  try {
    return peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString();
  } catch (cause) {
    throw new TopicError('bad-option', 'the public key is no Ed25519 key of 32 bytes', { cause });
  }
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
