import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { peerIdFromPublicKey, rawPublicKey, selfSignedCertificate } from './certificate.js';
import { IdentityError } from './identity-error.js';

/** Who a node is: its Ed25519 key, and what follows from it. The private key is a secret. */
export interface Identity {
  /** Lower-case base32 of the SHA-256 of the public key, 52 characters. */
  readonly peerId: string;
  /** PKCS #8 in PEM. */
  readonly privateKeyPem: string;
  /** Self-signed X.509 in PEM; the same for the same key. */
  readonly certificatePem: string;
}

function identityFromKey(privateKey: KeyObject): Identity {
  return {
    peerId: peerIdFromPublicKey(rawPublicKey(privateKey)),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: selfSignedCertificate(privateKey),
  };
}

/** A new random identity. */
export function createIdentity(): Identity {
  return identityFromKey(generateKeyPairSync('ed25519').privateKey);
}

/**
 * The identity of a stored private key (PKCS #8, PEM).
 * Throws `IdentityError` with code `bad-private-key`.
 */
export function identityFromPrivateKey(pem: string): Identity {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (cause) {
    throw new IdentityError(
      'bad-private-key',
      'the private key cannot be read; expected an Ed25519 key in PEM (PKCS #8)',
      { cause },
    );
  }
  return identityFromKey(privateKey);
}
