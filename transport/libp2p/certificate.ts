import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { publicKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { derObjectIdentifier, derOctetString, derSequence } from '../identity/der.js';
import { certificatePem, derName, derValidity, signCertificate } from '../identity/x509.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';

/** The libp2p Public Key Extension. */
export const LIBP2P_EXTENSION = derObjectIdentifier('1.3.6.1.4.1.53594.1.1');
/** What the host key signs, followed by the public key of the certificate. */
export const SIGNED_PREFIX = Buffer.from('libp2p-tls-handshake:');
/** Peers look at the key only; RFC 5280 4.1.2.4 wants a name that is not empty. */
const NAME = derName(derObjectIdentifier('2.5.4.10'), 'libp2p');
const HOUR_MS = 3_600_000;
/** Peers whose clocks are behind accept a certificate that has just been made. */
const CLOCK_SKEW_MS = HOUR_MS;
const LIFETIME_MS = 100 * 365 * 24 * HOUR_MS;

/** What TLS shows: a fresh key, and a certificate by which the host key vouches for it. */
export interface TlsCredentials {
  /** PKCS #8 in PEM. */
  readonly privateKeyPem: string;
  /** X.509 in PEM. */
  readonly certificatePem: string;
}

/**
 * A new P-256 key, which every implementation of libp2p takes, with a certificate for the host key.
 * Rejects with `Libp2pTransportError`, code `unusable-key`.
 */
export async function createCredentials(
  hostKey: PrivateKey,
  nowMs: number,
): Promise<TlsCredentials> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = await libp2pCertificate({
    hostKey,
    privateKey,
    notBeforeMs: nowMs - CLOCK_SKEW_MS,
    notAfterMs: nowMs + LIFETIME_MS,
  });
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: certificatePem(certificate),
  };
}

/**
 * A self-signed X.509 v3 certificate (DER) with the libp2p Public Key Extension, as the libp2p TLS
 * specification wants it. It is a function of its arguments, but for the signatures of ECDSA keys,
 * which are random. `privateKey` is P-256 or Ed25519; `hostKey` makes the peer id.
 */
export async function libp2pCertificate(options: {
  readonly hostKey: PrivateKey;
  readonly privateKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}): Promise<Uint8Array> {
  const { hostKey, privateKey } = options;
  if (hostKey.type === 'ECDSA') {
    throw new Libp2pTransportError(
      'unusable-key',
      'js-libp2p has no peer ids of ECDSA keys; create the node with an Ed25519 key',
    );
  }
  const subjectKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const hostSignature = await hostKey.sign(Buffer.concat([SIGNED_PREFIX, subjectKey]));
  const signedKey = derSequence(
    derOctetString(publicKeyToProtobuf(hostKey.publicKey)),
    derOctetString(hostSignature),
  );
  return signCertificate({
    serial: createHash('sha256').update(subjectKey).digest().subarray(0, 16),
    name: NAME,
    validity: derValidity(options.notBeforeMs, options.notAfterMs),
    subjectKey,
    extension: derSequence(LIBP2P_EXTENSION, derOctetString(signedKey)),
    privateKey,
  });
}
