import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  COMMON_NAME,
  SIGNS_ONLY,
  certificatePem,
  derName,
  derValidity,
  signCertificate,
} from '../identity/x509.js';
import { CERTIFICATE_DAYS_MAX, CLOCK_SKEW_MS } from './limits.js';

const DAY_MS = 24 * 60 * 60 * 1_000;

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
  const der = signCertificate({
    serial: randomBytes(16),
    name: derName(COMMON_NAME, 'agentic-flow WebTransport'),
    validity: derValidity(from, validUntil),
    subjectKey: publicKey.export({ type: 'spki', format: 'der' }),
    extension: SIGNS_ONLY,
    privateKey,
  });
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: certificatePem(der),
    sha256: createHash('sha256').update(der).digest(),
    validUntil,
  };
}
