import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { publicKeyFromProtobuf } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromMultihash, peerIdFromPublicKey } from '@libp2p/peer-id';
import { derBitString, derObjectIdentifier, derSequence } from '../identity/der.js';
import { ED25519 } from '../identity/x509.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';
import { HOST_KEY_BYTES_MAX, RSA_BITS_MAX, RSA_BITS_MIN } from './limits.js';

/** Types of host keys, numbered as in libp2p's protobuf. */
const TYPES = ['RSA', 'Ed25519', 'secp256k1', 'ECDSA'] as const;
/** Of libp2p's protobuf `PublicKey { Type = 1; Data = 2 }`. */
const TYPE_TAG = 0x08;
const DATA_TAG = 0x12;
const ED25519_BYTES = 32;
const SECP256K1_BYTES = 33;
/** Multihash: SHA-256, 32 bytes. */
const SHA256_CODE = 0x12;
const SHA256_BYTES = 32;

const EC_PUBLIC_KEY = derObjectIdentifier('1.2.840.10045.2.1');
const SECP256K1 = derSequence(EC_PUBLIC_KEY, derObjectIdentifier('1.3.132.0.10'));
/** Curves that an ECDSA host key may be on, by their name in OpenSSL. */
const ECDSA_CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** The key that a peer id stands for; it signs certificates, but does not take part in TLS. */
export interface HostKey {
  readonly peerId: PeerId;
  /** True when `signature` over `message` was made with this key. */
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * Reads a public key as the libp2p specification of peer ids writes it: a protobuf in its shortest
 * form, nothing else. Throws `Libp2pTransportError` with code `bad-certificate`.
 */
export function readHostKey(protobuf: Uint8Array): HostKey {
  const { type, data } = readProtobuf(protobuf);
  let key: KeyObject;
  let peerId: PeerId;
  try {
    key = keyObject(type, data);
    peerId =
      type === 'ECDSA'
        ? peerIdFromMultihash(sha256Multihash(protobuf))
        : peerIdFromPublicKey(publicKeyFromProtobuf(protobuf));
  } catch (cause) {
    if (cause instanceof Libp2pTransportError) throw cause;
    throw bad(`the ${type} key in it cannot be read`, cause);
  }
  // Ed25519 hashes by itself; the specification of peer ids names SHA-256 for all others.
  const hash = type === 'Ed25519' ? null : 'sha256';
  return { peerId, verify: (message, signature) => verify(hash, message, key, signature) };
}

function readProtobuf(bytes: Uint8Array): { type: (typeof TYPES)[number]; data: Uint8Array } {
  if (bytes.length > HOST_KEY_BYTES_MAX) {
    throw bad(`its host key has ${bytes.length} bytes; at most ${HOST_KEY_BYTES_MAX} are allowed`);
  }
  const type = TYPES[bytes[1] ?? TYPES.length];
  const [first = 0, second = 0] = bytes.subarray(3);
  const isLong = first >= 0x80;
  const length = isLong ? (first & 0x7f) | (second << 7) : first;
  const data = bytes.subarray(isLong ? 5 : 4);
  // A length below 128 in two bytes would be the same key with another peer id.
  const isShortest = !isLong || (second > 0 && second < 0x80);
  if (
    bytes[0] !== TYPE_TAG ||
    type === undefined ||
    bytes[2] !== DATA_TAG ||
    !isShortest ||
    length !== data.length
  ) {
    throw bad('its host key is not a public key of libp2p');
  }
  return { type, data };
}

function keyObject(type: (typeof TYPES)[number], data: Uint8Array): KeyObject {
  switch (type) {
    case 'Ed25519':
      if (data.length !== ED25519_BYTES) throw bad('its Ed25519 key has not 32 bytes');
      return subjectPublicKey(derSequence(ED25519, derBitString(data)));
    case 'secp256k1':
      if (data.length !== SECP256K1_BYTES) throw bad('its secp256k1 key has not 33 bytes');
      return subjectPublicKey(derSequence(SECP256K1, derBitString(data)));
    case 'ECDSA': {
      const key = subjectPublicKey(data);
      const curve = key.asymmetricKeyDetails?.namedCurve;
      if (key.asymmetricKeyType !== 'ec' || !ECDSA_CURVES.includes(curve)) {
        throw bad('its ECDSA key is on no curve that libp2p knows');
      }
      return key;
    }
    case 'RSA': {
      const key = subjectPublicKey(data);
      const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
      if (key.asymmetricKeyType !== 'rsa' || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
        throw bad(`its RSA key must have from ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits`);
      }
      return key;
    }
  }
}

/** A key from SubjectPublicKeyInfo (RFC 5280 4.1), in DER and in no other way of writing it. */
export function subjectPublicKey(der: Uint8Array): KeyObject {
  const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  // Bytes that OpenSSL passes over would be other bytes that are signed for the same key.
  if (!key.export({ format: 'der', type: 'spki' }).equals(der)) {
    throw bad('it has a public key that is not in the distinguished encoding');
  }
  return key;
}

function sha256Multihash(bytes: Uint8Array): Parameters<typeof peerIdFromMultihash>[0] {
  const digest = new Uint8Array(createHash('sha256').update(bytes).digest());
  return {
    code: SHA256_CODE,
    size: SHA256_BYTES,
    digest,
    bytes: Uint8Array.of(SHA256_CODE, SHA256_BYTES, ...digest),
  };
}

function bad(what: string, cause?: unknown): Libp2pTransportError {
  return new Libp2pTransportError('bad-certificate', `the certificate is refused: ${what}`, {
    cause,
  });
}
