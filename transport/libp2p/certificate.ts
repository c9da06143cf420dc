import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { publicKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import {
  derBitString,
  derExplicit,
  derGeneralizedTime,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derUnsignedInteger,
  derUtcTime,
  derUtf8String,
} from '../identity/der.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';

/** The libp2p Public Key Extension. */
export const LIBP2P_EXTENSION = derObjectIdentifier('1.3.6.1.4.1.53594.1.1');
/** What the host key signs, followed by the public key of the certificate. */
export const SIGNED_PREFIX = Buffer.from('libp2p-tls-handshake:');
/** RFC 5758 3.2: ECDSA with SHA-256, no parameters. */
export const ECDSA_SHA256 = derSequence(derObjectIdentifier('1.2.840.10045.4.3.2'));
/** RFC 8410 3. */
export const ED25519 = derSequence(derObjectIdentifier('1.3.101.112'));
const VERSION_3 = derExplicit(0, derUnsignedInteger(Uint8Array.of(2)));
/** Peers look at the key only; RFC 5280 4.1.2.4 wants a name that is not empty. */
const NAME = derSequence(
  derSet(derSequence(derObjectIdentifier('2.5.4.10'), derUtf8String('libp2p'))),
);
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
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
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
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? ED25519 : ECDSA_SHA256;
  const validity = derSequence(derTime(options.notBeforeMs), derTime(options.notAfterMs));
  const toBeSigned = derSequence(
    VERSION_3,
    derUnsignedInteger(createHash('sha256').update(subjectKey).digest().subarray(0, 16)),
    algorithm,
    NAME,
    validity,
    NAME,
    subjectKey,
    derExplicit(3, derSequence(derSequence(LIBP2P_EXTENSION, derOctetString(signedKey)))),
  );
  const hash = algorithm === ED25519 ? null : 'sha256';
  const signature = sign(hash, toBeSigned, privateKey);
  return derSequence(toBeSigned, algorithm, derBitString(signature));
}

/** RFC 5280 4.1.2.5 wants UTCTime for years before 2050; all others are GeneralizedTime. */
function derTime(atMs: number): Uint8Array {
  const text = `${new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050 ? derUtcTime(text.slice(2)) : derGeneralizedTime(text);
}
