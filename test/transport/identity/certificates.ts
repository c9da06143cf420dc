import { X509Certificate, createPrivateKey, sign } from 'node:crypto';
import type { Identity } from '../../../transport/identity/index.js';
import { certificatePem } from '../../../transport/identity/x509.js';

const NOT_BEFORE = '200101000000Z';
const NOT_AFTER = '99991231235959Z';
/** Behind the signed part: the algorithm (7 bytes), tag, length and unused bits (3), signature. */
const SIGNATURE_BYTES = 64;
const TAIL_BYTES = 7 + 3 + SIGNATURE_BYTES;
/** SEQUENCE with a length of two bytes, in front of the signed part. */
const HEAD_BYTES = 4;

/** The certificate of an identity with other bytes in it, of the same length, signed anew. */
function resigned(identity: Identity, change: (der: Buffer) => void): Identity {
  const der = Buffer.from(new X509Certificate(identity.certificatePem).raw);
  change(der);
  const signedPart = der.subarray(HEAD_BYTES, der.length - TAIL_BYTES);
  sign(null, signedPart, createPrivateKey(identity.privateKeyPem)).copy(
    der,
    der.length - SIGNATURE_BYTES,
  );
  return { ...identity, certificatePem: certificatePem(der) };
}

function replace(der: Buffer, old: string, text: string): void {
  if (old.length !== text.length) throw new Error(`'${text}' is not as long as '${old}'`);
  const at = der.indexOf(old, 0, 'latin1');
  if (at < 0) throw new Error(`the certificate does not contain '${old}'`);
  der.write(text, at, 'latin1');
}

/** YYYYMMDDhhmmssZ (RFC 5280 4.1.2.5.2). */
function generalizedTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}

/** An identity whose certificate is valid in another time; milliseconds since the epoch. */
export function withValidity(identity: Identity, fromMs: number, toMs: number): Identity {
  return resigned(identity, (der) => {
    replace(der, NOT_AFTER, generalizedTime(toMs));
    replace(der, NOT_BEFORE, generalizedTime(fromMs).slice(2)); // UTCTime
  });
}

/** An identity whose certificate bears the name of another. */
export function withNameOf(identity: Identity, other: Identity): Identity {
  return resigned(identity, (der) => {
    replace(der, identity.peerId, other.peerId); // issuer
    replace(der, identity.peerId, other.peerId); // subject
  });
}
