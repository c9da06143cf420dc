import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { publicKeyToProtobuf } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derGeneralizedTime,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derUnsignedInteger,
  derUtcTime,
} from '../../../transport/identity/der.js';

/** Parts of a certificate that a hostile peer may write as it likes; the rest is as it should be. */
export interface Forgery {
  readonly privateKey?: KeyObject;
  readonly version?: Uint8Array;
  readonly algorithm?: Uint8Array;
  readonly outerAlgorithm?: Uint8Array;
  readonly validity?: Uint8Array;
  readonly subjectKey?: Uint8Array;
  /** Between the key and the extensions. */
  readonly uniqueIds?: Uint8Array;
  readonly hostKey?: Uint8Array;
  readonly hostSignature?: Uint8Array;
  /** What the host key signs. */
  readonly signedText?: string;
  /** The content of the libp2p extension. */
  readonly signedKey?: Uint8Array;
  readonly extensions?: (libp2p: Uint8Array) => readonly Uint8Array[];
  readonly signature?: (toBeSigned: Uint8Array) => Uint8Array;
  /** Behind everything. */
  readonly tail?: Uint8Array;
}

export const ECDSA_SHA256 = derSequence(derObjectIdentifier('1.2.840.10045.4.3.2'));
export const ED25519 = derSequence(derObjectIdentifier('1.3.101.112'));
export const VALIDITY = derSequence(
  derUtcTime('750101000000Z'),
  derGeneralizedTime('40960101000000Z'),
);

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** An extension of X.509. */
export function extension(id: string, value: Uint8Array, isCritical = false): Uint8Array {
  const critical = isCritical ? [derBoolean(true)] : [];
  return derSequence(derObjectIdentifier(id), ...critical, derOctetString(value));
}

/** The libp2p extension with this content. */
export function libp2pExtension(signedKey: Uint8Array, isCritical = false): Uint8Array {
  return extension('1.3.6.1.4.1.53594.1.1', signedKey, isCritical);
}

/** SubjectPublicKeyInfo of a private key. */
export function subjectKeyOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

/** What the extension of an honest certificate for `privateKey` would hold. */
export async function signedKeyFor(
  host: PrivateKey,
  privateKey: KeyObject = p256,
  forgery: Forgery = {},
): Promise<Uint8Array> {
  const text = forgery.signedText ?? 'libp2p-tls-handshake:';
  const message = Buffer.concat([Buffer.from(text), subjectKeyOf(privateKey)]);
  return derSequence(
    derOctetString(forgery.hostKey ?? publicKeyToProtobuf(host.publicKey)),
    derOctetString(forgery.hostSignature ?? (await host.sign(message))),
  );
}

/** A certificate that is right but for what is forged; its own signature covers the forgery. */
export async function forge(host: PrivateKey, forgery: Forgery = {}): Promise<Uint8Array> {
  const privateKey = forgery.privateKey ?? p256;
  const isEd25519 = privateKey.asymmetricKeyType === 'ed25519';
  const algorithm = forgery.algorithm ?? (isEd25519 ? ED25519 : ECDSA_SHA256);
  const signedKey = forgery.signedKey ?? (await signedKeyFor(host, privateKey, forgery));
  const libp2p = libp2pExtension(signedKey);
  const extensions = forgery.extensions?.(libp2p) ?? [libp2p];
  const toBeSigned = derSequence(
    forgery.version ?? derExplicit(0, derUnsignedInteger(Uint8Array.of(2))),
    derUnsignedInteger(Uint8Array.of(1)),
    algorithm,
    derSequence(),
    forgery.validity ?? VALIDITY,
    derSequence(),
    forgery.subjectKey ?? subjectKeyOf(privateKey),
    forgery.uniqueIds ?? new Uint8Array(),
    derExplicit(3, derSequence(...extensions)),
  );
  const signature =
    forgery.signature?.(toBeSigned) ?? sign(isEd25519 ? null : 'sha256', toBeSigned, privateKey);
  return Buffer.concat([
    derSequence(toBeSigned, forgery.outerAlgorithm ?? algorithm, derBitString(signature)),
    forgery.tail ?? new Uint8Array(),
  ]);
}
