import { X509Certificate, createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { encodeBase32 } from './base32.js';
import { derBitString, derSequence } from './der.js';
import { IdentityError } from './identity-error.js';
import {
  COMMON_NAME,
  ED25519,
  SIGNS_ONLY,
  certificatePem,
  derName,
  derValidity,
  signCertificate,
} from './x509.js';

/**
 * A peer id does not expire: the swarm decides who belongs to it. RFC 5280 4.1.2.5 names this date
 * for that.
 */
const VALIDITY = derValidity(Date.UTC(2020, 0, 1), Date.UTC(9999, 11, 31, 23, 59, 59));

/** How much earlier than its notBefore a certificate is taken: the peer's clock may be ahead. */
const CLOCK_SKEW_MS_MAX = 5 * 60 * 1_000;

/** Bytes of a raw Ed25519 public key (RFC 8032). */
export const PUBLIC_KEY_BYTES = 32;

/** The key object of a raw Ed25519 public key. Throws what `node:crypto` throws for bytes that are none. */
export function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** Raw public key (32 bytes) of an Ed25519 key object, private or public. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const { x } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyType !== 'ed25519' || x === undefined) {
    throw new IdentityError(
      'bad-private-key',
      `a key of type ${key.asymmetricKeyType ?? 'unknown'} was given; an Ed25519 key is needed`,
    );
  }
  return Buffer.from(x, 'base64url');
}

/**
 * Peer id: lower-case base32 (52 characters) of the SHA-256 of the raw 32-byte Ed25519 public key.
 */
export function peerIdFromPublicKey(publicKey: Uint8Array): string {
  return encodeBase32(createHash('sha256').update(publicKey).digest());
}

/**
 * A self-signed X.509 v3 certificate (RFC 5280, RFC 8410) for an Ed25519 key, in PEM.
 * It is a function of the key alone: the same key always gives the same bytes.
 */
export function selfSignedCertificate(privateKey: KeyObject): string {
  const publicKey = rawPublicKey(privateKey);
  const der = signCertificate({
    serial: createHash('sha256').update('serial').update(publicKey).digest().subarray(0, 16),
    name: derName(COMMON_NAME, peerIdFromPublicKey(publicKey)),
    validity: VALIDITY,
    subjectKey: derSequence(ED25519, derBitString(publicKey)),
    extension: SIGNS_ONLY,
    privateKey,
  });
  return certificatePem(der);
}

/**
 * Peer id of the key in a certificate (DER) that is valid at `nowMs` (milliseconds since the epoch).
 * Ours never ends, but whoever makes one that does wants it refused afterwards (RFC 5280 4.1.2.5).
 * Says nothing about who holds the key: TLS proves that.
 * Throws `IdentityError` with code `bad-certificate`.
 */
export function peerIdFromCertificate(der: Uint8Array, nowMs: number = Date.now()): string {
  const certificate = readCertificate(der);
  checkValidity(certificate, nowMs);
  return peerIdOf(certificate);
}

/**
 * The same for a certificate that was found valid when its connection was made; it may have ended
 * since. Throws `IdentityError` with code `bad-certificate`.
 */
export function peerIdFromAcceptedCertificate(der: Uint8Array): string {
  return peerIdOf(readCertificate(der));
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new IdentityError('bad-certificate', 'the certificate cannot be read', { cause });
  }
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function checkValidity(certificate: X509Certificate, nowMs: number): void {
  const fromMs = Date.parse(certificate.validFrom);
  const toMs = Date.parse(certificate.validTo);
  if (Number.isNaN(fromMs) || Number.isNaN(toMs)) {
    throw new IdentityError(
      'bad-certificate',
      'the certificate does not say readably from when to when it is valid',
    );
  }
  if (nowMs > toMs) {
    throw new IdentityError(
      'bad-certificate',
      `the certificate expired at ${iso(toMs)}; here it is ${iso(nowMs)}`,
    );
  }
  if (nowMs + CLOCK_SKEW_MS_MAX < fromMs) {
    throw new IdentityError(
      'bad-certificate',
      `the certificate is not valid before ${iso(fromMs)}; here it is ${iso(nowMs)}`,
    );
  }
}

function peerIdOf(certificate: X509Certificate): string {
  let publicKey: KeyObject;
  try {
    ({ publicKey } = certificate);
  } catch (cause) {
    throw new IdentityError('bad-certificate', 'the key of the certificate cannot be read', {
      cause,
    });
  }
  if (publicKey.asymmetricKeyType !== 'ed25519') {
    throw new IdentityError(
      'bad-certificate',
      `the certificate has a key of type ${publicKey.asymmetricKeyType ?? 'unknown'}; an Ed25519 key is needed`,
    );
  }
  return peerIdFromPublicKey(rawPublicKey(publicKey));
}
