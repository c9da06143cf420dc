import { sign, type KeyObject } from 'node:crypto';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derGeneralizedTime,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derUnsignedInteger,
  derUtcTime,
  derUtf8String,
} from './der.js';

/** RFC 8410 3: the same identifier names the key and the signature; no parameters. */
export const ED25519 = derSequence(derObjectIdentifier('1.3.101.112'));
/** RFC 5758 3.2: ECDSA with SHA-256, no parameters. */
export const ECDSA_SHA256 = derSequence(derObjectIdentifier('1.2.840.10045.4.3.2'));
export const COMMON_NAME = derObjectIdentifier('2.5.4.3');
/** Extension of RFC 5280 4.2.1.3, critical: the key signs, and does nothing else. */
export const SIGNS_ONLY = derSequence(
  derObjectIdentifier('2.5.29.15'),
  derBoolean(true),
  derOctetString(derBitString(Uint8Array.of(0x80), 7)),
);
const VERSION_3 = derExplicit(0, derUnsignedInteger(Uint8Array.of(2)));

/** What a self-signed certificate says, in DER where it is bytes. */
export interface CertificateContent {
  readonly serial: Uint8Array;
  readonly name: Uint8Array;
  /** `derValidity`. */
  readonly validity: Uint8Array;
  /** SubjectPublicKeyInfo of `privateKey`. */
  readonly subjectKey: Uint8Array;
  readonly extension: Uint8Array;
  /** Ed25519 or P-256. */
  readonly privateKey: KeyObject;
}

/** A self-signed X.509 v3 certificate (RFC 5280 4.1) in DER. */
export function signCertificate(content: CertificateContent): Uint8Array {
  const { serial, name, validity, subjectKey, extension, privateKey } = content;
  const isEd25519 = privateKey.asymmetricKeyType === 'ed25519';
  const algorithm = isEd25519 ? ED25519 : ECDSA_SHA256;
  const toBeSigned = derSequence(
    VERSION_3,
    derUnsignedInteger(serial),
    algorithm,
    name,
    validity,
    name,
    subjectKey,
    derExplicit(3, derSequence(extension)),
  );
  const signature = sign(isEd25519 ? null : 'sha256', toBeSigned, privateKey);
  return derSequence(toBeSigned, algorithm, derBitString(signature));
}

/** A name of one attribute (RFC 5280 4.1.2.4). */
export function derName(attribute: Uint8Array, text: string): Uint8Array {
  return derSequence(derSet(derSequence(attribute, derUtf8String(text))));
}

/** From when to when, in milliseconds since the epoch; a certificate says whole seconds. */
export function derValidity(fromMs: number, toMs: number): Uint8Array {
  return derSequence(derTime(fromMs), derTime(toMs));
}

/** RFC 5280 4.1.2.5 wants UTCTime for years before 2050; all others are GeneralizedTime. */
function derTime(atMs: number): Uint8Array {
  const text = `${new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050 ? derUtcTime(text.slice(2)) : derGeneralizedTime(text);
}

/** RFC 7468. */
export function certificatePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
