import { verify, type KeyObject } from 'node:crypto';
import type { PeerId } from '@libp2p/interface';
import { derObjectIdentifier, derSequence } from '../identity/der.js';
import { ECDSA_SHA256, ED25519 } from '../identity/x509.js';
import { LIBP2P_EXTENSION, SIGNED_PREFIX } from './certificate.js';
import { DER_TAG, DerReader } from './der-reader.js';
import { readHostKey, subjectPublicKey, type HostKey } from './host-key.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';
import { CERTIFICATE_BYTES_MAX, EXTENSIONS_MAX, HOST_SIGNATURE_BYTES_MAX } from './limits.js';

/** RFC 5480 2.1.1: a key on P-256. */
const P256_KEY = derSequence(
  derObjectIdentifier('1.2.840.10045.2.1'),
  derObjectIdentifier('1.2.840.10045.3.1.7'),
);
/** INTEGER 2. */
const VERSION_3 = Uint8Array.of(0x02, 0x01, 0x02);

/**
 * Who a certificate (DER) says that it belongs to, if it is one that the libp2p TLS specification
 * allows at this time: X.509 v3, within its validity, signed by its own key (P-256 or Ed25519), with
 * the libp2p Public Key Extension once and no other critical one, and in it a signature of the host
 * key over the key of the certificate. That the peer holds the key of the certificate is for TLS to
 * prove. Throws `Libp2pTransportError` with code `bad-certificate`.
 */
export function checkCertificate(der: Uint8Array, nowMs: number): PeerId {
  if (der.length > CERTIFICATE_BYTES_MAX) {
    throw bad(`it has ${der.length} bytes; at most ${CERTIFICATE_BYTES_MAX} are allowed`);
  }
  const whole = new DerReader(der, 'the certificate');
  const parts = whole.enter(DER_TAG.sequence, 'the certificate');
  whole.end();
  const toBeSigned = parts.read(DER_TAG.sequence);
  const algorithm = parts.read(DER_TAG.sequence).bytes;
  const signature = parts.readBitString();
  parts.end();
  const fields = readFields(toBeSigned.content);
  if (!isSame(algorithm, fields.algorithm)) throw bad('it names two signature algorithms');
  checkValidity(fields.validity, nowMs);
  const key = certificateKey(fields.subjectKey, algorithm);
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  if (!verify(hash, toBeSigned.bytes, key, signature)) throw bad('it is not signed by its own key');
  const { hostKey, hostSignature } = readSignedKey(libp2pExtension(fields.extensions));
  if (!hostKey.verify(Buffer.concat([SIGNED_PREFIX, fields.subjectKey]), hostSignature)) {
    throw bad('its key is not signed by the host key');
  }
  return hostKey.peerId;
}

interface Fields {
  readonly algorithm: Uint8Array;
  readonly validity: DerReader;
  /** SubjectPublicKeyInfo, whole. */
  readonly subjectKey: Uint8Array;
  readonly extensions: DerReader;
}

/** TBSCertificate of RFC 5280 4.1. */
function readFields(bytes: Uint8Array): Fields {
  const reader = new DerReader(bytes, 'the certificate');
  if (!isSame(reader.read(DER_TAG.explicit(0)).content, VERSION_3)) throw bad('it is not X.509 v3');
  reader.read(DER_TAG.integer); // serial number
  const algorithm = reader.read(DER_TAG.sequence).bytes;
  reader.read(DER_TAG.sequence); // issuer
  const validity = reader.enter(DER_TAG.sequence, 'the validity of the certificate');
  reader.read(DER_TAG.sequence); // subject
  const subjectKey = reader.read(DER_TAG.sequence).bytes;
  // What would stand between, the unique ids of issuer and subject, must not be there.
  const wrapped = reader.enter(DER_TAG.explicit(3), 'the list of extensions of the certificate');
  reader.end();
  const extensions = wrapped.enter(DER_TAG.sequence, 'the list of extensions of the certificate');
  wrapped.end();
  return { algorithm, validity, subjectKey, extensions };
}

function checkValidity(reader: DerReader, nowMs: number): void {
  const notBeforeMs = readTime(reader);
  const notAfterMs = readTime(reader);
  reader.end();
  if (nowMs < notBeforeMs) {
    throw bad(`it is not valid before ${new Date(notBeforeMs).toISOString()}; compare the clocks`);
  }
  if (nowMs > notAfterMs) throw bad(`it expired on ${new Date(notAfterMs).toISOString()}`);
}

/** Milliseconds since the epoch. */
function readTime(reader: DerReader): number {
  const isUtc = reader.nextIs(DER_TAG.utcTime);
  const { content } = reader.read(isUtc ? DER_TAG.utcTime : DER_TAG.generalizedTime);
  let digits = Buffer.from(content).toString('latin1');
  // RFC 5280 4.1.2.5.1: two digits stand for 1950 to 2049.
  if (isUtc) digits = `${Number(digits.slice(0, 2)) >= 50 ? '19' : '20'}${digits}`;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits);
  const [, year, month, day, hour, minute, second] = match ?? [];
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const atMs = match === null ? Number.NaN : Date.parse(iso);
  // Date.parse lets 30 February pass as a day of March.
  if (Number.isNaN(atMs) || new Date(atMs).toISOString() !== iso) {
    throw bad('its validity has a time that cannot be read');
  }
  return atMs;
}

/** Only keys and signatures that this side would take in TLS as well. */
function certificateKey(subjectKey: Uint8Array, signatureAlgorithm: Uint8Array): KeyObject {
  const outer = new DerReader(subjectKey, 'the key of the certificate');
  const reader = outer.enter(DER_TAG.sequence, 'the key of the certificate');
  const keyAlgorithm = reader.read(DER_TAG.sequence).bytes;
  reader.readBitString();
  reader.end();
  const isP256 = isSame(keyAlgorithm, P256_KEY) && isSame(signatureAlgorithm, ECDSA_SHA256);
  const isEd25519 = isSame(keyAlgorithm, ED25519) && isSame(signatureAlgorithm, ED25519);
  if (!isP256 && !isEd25519) {
    throw bad('its key must be P-256 or Ed25519 and sign with SHA-256 or Ed25519');
  }
  try {
    return subjectPublicKey(subjectKey);
  } catch (cause) {
    throw bad('its key cannot be read', cause);
  }
}

/** The value of the libp2p Public Key Extension. */
function libp2pExtension(extensions: DerReader): Uint8Array {
  let found: Uint8Array | undefined;
  for (let count = 0; !extensions.isAtEnd; count += 1) {
    if (count === EXTENSIONS_MAX) throw bad(`it has more than ${EXTENSIONS_MAX} extensions`);
    const extension = extensions.enter(DER_TAG.sequence, 'an extension of the certificate');
    const id = extension.read(DER_TAG.objectIdentifier).bytes;
    const isCritical = extension.nextIs(DER_TAG.boolean) && extension.readBoolean();
    const value = extension.read(DER_TAG.octetString).content;
    extension.end();
    if (isSame(id, LIBP2P_EXTENSION)) {
      if (found !== undefined) throw bad('it has the libp2p extension twice');
      found = value;
    } else if (isCritical) {
      throw bad('it has a critical extension that libp2p does not know');
    }
  }
  if (found === undefined) throw bad('it has no libp2p extension');
  return found;
}

/** SignedKey of the libp2p TLS specification. */
function readSignedKey(value: Uint8Array): { hostKey: HostKey; hostSignature: Uint8Array } {
  const outer = new DerReader(value, 'the libp2p extension');
  const reader = outer.enter(DER_TAG.sequence, 'the libp2p extension');
  outer.end();
  const publicKey = reader.read(DER_TAG.octetString).content;
  const hostSignature = reader.read(DER_TAG.octetString).content;
  reader.end();
  if (hostSignature.length > HOST_SIGNATURE_BYTES_MAX) {
    throw bad(`its host signature has more than ${HOST_SIGNATURE_BYTES_MAX} bytes`);
  }
  return { hostKey: readHostKey(publicKey), hostSignature };
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

function bad(what: string, cause?: unknown): Libp2pTransportError {
  return new Libp2pTransportError('bad-certificate', `the certificate is refused: ${what}`, {
    cause,
  });
}
