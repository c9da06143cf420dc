import { X509Certificate, createPrivateKey, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '../engine.js';
import { QuicError } from '../quic-error.js';

/** A certificate with the key that belongs to it. */
export interface Credentials {
  /** DER. */
  readonly certificate: Uint8Array;
  /** How its holder proves to have the key. */
  readonly signature: SignatureAlgorithm;
}

/**
 * Reads a key (PKCS #8) and its certificate (X.509), both in PEM. Throws `QuicError` code
 * `bad-option` when one of them cannot be read or they do not belong together.
 */
export function readCredentials(privateKeyPem: string, certificatePem: string): Credentials {
  let certificate: X509Certificate;
  let privateKey: KeyObject;
  try {
    certificate = new X509Certificate(certificatePem);
    privateKey = createPrivateKey(privateKeyPem);
  } catch (cause) {
    throw new QuicError('bad-option', 'the private key or the certificate cannot be read', {
      cause,
    });
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new QuicError('bad-option', 'the private key is not that of the certificate');
  }
  return { certificate: new Uint8Array(certificate.raw), signature: signatureOf(privateKey) };
}

function signatureOf(key: KeyObject): SignatureAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return 'ed25519';
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ecdsa_secp256r1_sha256';
  if (type === 'rsa') return 'rsa_pss_rsae_sha256';
  throw new QuicError(
    'bad-option',
    `a private key of type ${type ?? 'unknown'} cannot be used; expected Ed25519, P-256 or RSA`,
  );
}
