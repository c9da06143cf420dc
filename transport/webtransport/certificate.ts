import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derUnsignedInteger,
  derUtcTime,
  derUtf8String,
} from '../identity/der.js';
import { CERTIFICATE_DAYS_MAX, CLOCK_SKEW_MS } from './limits.js';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** RFC 5758 3.2. */
const ECDSA_WITH_SHA256 = derSequence(derObjectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = derObjectIdentifier('2.5.4.3');
const KEY_USAGE = derObjectIdentifier('2.5.29.15');
const DIGITAL_SIGNATURE = derBitString(Uint8Array.of(0x80), 7);
const VERSION_3 = derExplicit(0, derUnsignedInteger(Uint8Array.of(2)));

/** A certificate that a page names by its hash (`serverCertificateHashes`). */
export interface ShortLivedCertificate {
  /** PKCS #8. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** SHA-256 of the certificate in DER: 32 bytes. */
  readonly sha256: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly validUntil: number;
}

/**
 * A self-signed X.509 v3 certificate with a fresh ECDSA P-256 key, valid for 14 days from one hour
 * before `now` (milliseconds since the epoch): what browsers demand of a certificate that is named
 * by its hash (W3C WebTransport, "verify a certificate hash").
 */
export function createShortLivedCertificate(now: number): ShortLivedCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // Whole seconds: that is what the certificate can say.
  const from = Math.floor((now - CLOCK_SKEW_MS) / 1_000) * 1_000;
  const validUntil = from + CERTIFICATE_DAYS_MAX * DAY_MS;
  const name = derSequence(
    derSet(derSequence(COMMON_NAME, derUtf8String('agentic-flow WebTransport'))),
  );
  const keyUsage = derSequence(KEY_USAGE, derBoolean(true), derOctetString(DIGITAL_SIGNATURE));
  const toBeSigned = derSequence(
    VERSION_3,
    derUnsignedInteger(randomBytes(16)),
    ECDSA_WITH_SHA256,
    name,
    derSequence(utcTime(from), utcTime(validUntil)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    derExplicit(3, derSequence(keyUsage)),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const der = derSequence(toBeSigned, ECDSA_WITH_SHA256, derBitString(signature));
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: pem(der),
    sha256: createHash('sha256').update(der).digest(),
    validUntil,
  };
}

function utcTime(time: number): Uint8Array {
  const text = new Date(time).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return derUtcTime(text.slice(2));
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
