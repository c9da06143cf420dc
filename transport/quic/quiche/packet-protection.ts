import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type Cipher,
  type CipherGCMTypes,
} from 'node:crypto';

/** What TLS 1.3 negotiates for QUIC (RFC 9001 5.3), as node names it. */
export type CipherSuite = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';

const KEY_BYTES: Readonly<Record<CipherSuite, number>> = {
  'aes-128-gcm': 16,
  'aes-256-gcm': 32,
  'chacha20-poly1305': 32,
};
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SAMPLE_BYTES = 16;
/** The header is protected as if its packet number had this length (RFC 9001 5.4.2). */
const PACKET_NUMBER_BYTES_MAX = 4;
/** RFC 9001 5.2. */
const INITIAL_SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');

/** Keys that protect the packets of one direction at one level (RFC 9001 5.1). */
export interface PacketKeys {
  readonly suite: CipherSuite;
  /** What the next generation is derived from. */
  readonly secret: Buffer;
  readonly key: Buffer;
  readonly iv: Buffer;
  /** Stays over key updates (RFC 9001 6). */
  readonly headerKey: Buffer;
  /** AES of the header key; undefined with ChaCha20. */
  readonly headerCipher: Cipher | undefined;
}

export interface OpenedPacket {
  readonly packetNumber: number;
  /** The first byte without its protection: the key phase is bit 0x04 (RFC 9000 17.3.1). */
  readonly first: number;
  readonly payload: Buffer;
}

/** HKDF-Expand-Label of RFC 8446 7.1 for results of up to one hash. */
function expandLabel(hash: string, secret: Buffer, label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([
    Uint8Array.of(bytes >> 8, bytes & 0xff, name.length),
    name,
    Uint8Array.of(0, 1),
  ]);
  return createHmac(hash, secret).update(info).digest().subarray(0, bytes);
}

function hashOf(suite: CipherSuite): string {
  return suite === 'aes-256-gcm' ? 'sha384' : 'sha256';
}

/**
 * Keys of the Initial packets of one side (RFC 9001 5.2): anybody can derive them from the first
 * destination id of the client, so that they hide nothing from who is on the path.
 */
export function initialKeys(connectionId: Uint8Array, side: 'client' | 'server'): PacketKeys {
  const initial = createHmac('sha256', INITIAL_SALT).update(connectionId).digest();
  return packetKeys(expandLabel('sha256', initial, `${side} in`, 32), 'aes-128-gcm');
}

/** Keys from a traffic secret of TLS (RFC 9001 5.1). */
export function packetKeys(secret: Buffer, suite: CipherSuite): PacketKeys {
  return keysOf(
    secret,
    suite,
    expandLabel(hashOf(suite), secret, 'quic hp', KEY_BYTES[suite] ?? 16),
  );
}

/** Keys after a key update (RFC 9001 6.1). */
export function updatedKeys(keys: PacketKeys): PacketKeys {
  const hash = hashOf(keys.suite);
  const secret = expandLabel(hash, keys.secret, 'quic ku', keys.secret.length);
  return keysOf(secret, keys.suite, keys.headerKey);
}

function keysOf(secret: Buffer, suite: CipherSuite, headerKey: Buffer): PacketKeys {
  const hash = hashOf(suite);
  const isAes = suite !== 'chacha20-poly1305';
  const headerName = suite === 'aes-256-gcm' ? 'aes-256-ecb' : 'aes-128-ecb';
  return {
    suite,
    secret,
    key: expandLabel(hash, secret, 'quic key', KEY_BYTES[suite]),
    iv: expandLabel(hash, secret, 'quic iv', IV_BYTES),
    headerKey,
    headerCipher: isAes
      ? createCipheriv(headerName, headerKey, null).setAutoPadding(false)
      : undefined,
  };
}

/** Five bytes that hide the header, from a sample of what they protect (RFC 9001 5.4). */
export function headerMask(keys: PacketKeys, sample: Uint8Array): Buffer {
  if (keys.headerCipher !== undefined) return keys.headerCipher.update(sample);
  return createCipheriv('chacha20', keys.headerKey, sample).update(Buffer.alloc(5));
}

/** The whole number that `truncated` of `bits` bits stands for (RFC 9000 A.3). */
export function decodePacketNumber(largest: number, truncated: number, bits: number): number {
  const window = 2 ** bits;
  const expected = largest + 1;
  const candidate = expected - (expected % window) + truncated;
  if (candidate <= expected - window / 2) return candidate + window;
  if (candidate > expected + window / 2 && candidate >= window) return candidate - window;
  return candidate;
}

/** A header without its protection. */
export interface OpenedHeader {
  /** All of it, with the packet number as it was sent. */
  readonly header: Buffer;
  readonly truncatedNumber: number;
  readonly numberBytes: number;
}

/**
 * Takes the protection off the header of a packet whose packet number starts at `numberAt`. Whether
 * the keys fit shows only in the payload. Undefined when the packet is too short.
 */
export function openHeader(
  keys: PacketKeys,
  packet: Uint8Array,
  numberAt: number,
): OpenedHeader | undefined {
  const sampleAt = numberAt + PACKET_NUMBER_BYTES_MAX;
  if (packet.length < sampleAt + SAMPLE_BYTES) return undefined;
  const mask = headerMask(keys, packet.subarray(sampleAt, sampleAt + SAMPLE_BYTES));
  const isLong = ((packet[0] ?? 0) & 0x80) !== 0;
  const first = (packet[0] ?? 0) ^ ((mask[0] ?? 0) & (isLong ? 0x0f : 0x1f));
  const numberBytes = (first & 3) + 1;
  const header = Buffer.from(packet.subarray(0, numberAt + numberBytes));
  header[0] = first;
  let truncatedNumber = 0;
  for (let index = 0; index < numberBytes; index += 1) {
    const byte = (header[numberAt + index] ?? 0) ^ (mask[1 + index] ?? 0);
    header[numberAt + index] = byte;
    truncatedNumber = truncatedNumber * 256 + byte;
  }
  return { header, truncatedNumber, numberBytes };
}

/**
 * Takes the protection off one packet that ends where `packet` ends. `numberAt` is where its packet
 * number starts, `largest` the largest number of its space so far (-1: none). Undefined when the
 * keys do not fit. The packet is left as it is.
 */
export function openPacket(
  keys: PacketKeys,
  packet: Uint8Array,
  numberAt: number,
  largest: number,
): OpenedPacket | undefined {
  const opened = openHeader(keys, packet, numberAt);
  if (opened === undefined) return undefined;
  const { truncatedNumber, numberBytes } = opened;
  const packetNumber = decodePacketNumber(largest, truncatedNumber, numberBytes * 8);
  return openPayload(keys, packet, opened.header, packetNumber);
}

/** The rest of `openPacket` for a packet number that is known. */
export function openPayload(
  keys: PacketKeys,
  packet: Uint8Array,
  header: Buffer,
  packetNumber: number,
): OpenedPacket | undefined {
  const payload = decrypt(keys, packetNumber, header, packet.subarray(header.length));
  return payload && { packetNumber, first: header[0] ?? 0, payload };
}

/** Protects a packet: `header` ends with `numberBytes` of the packet number. */
export function sealPacket(
  keys: PacketKeys,
  header: Uint8Array,
  numberBytes: number,
  packetNumber: number,
  payload: Uint8Array,
): Buffer {
  const cipher = createCipheriv(keys.suite as CipherGCMTypes, keys.key, nonce(keys, packetNumber), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(header);
  const sealed = Buffer.concat([
    header,
    cipher.update(payload),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  const numberAt = header.length - numberBytes;
  const sampleAt = numberAt + PACKET_NUMBER_BYTES_MAX;
  const mask = headerMask(keys, sealed.subarray(sampleAt, sampleAt + SAMPLE_BYTES));
  const isLong = ((header[0] ?? 0) & 0x80) !== 0;
  sealed[0] = (sealed[0] ?? 0) ^ ((mask[0] ?? 0) & (isLong ? 0x0f : 0x1f));
  for (let index = 0; index < numberBytes; index += 1) {
    sealed[numberAt + index] = (sealed[numberAt + index] ?? 0) ^ (mask[1 + index] ?? 0);
  }
  return sealed;
}

function decrypt(
  keys: PacketKeys,
  packetNumber: number,
  header: Uint8Array,
  sealed: Uint8Array,
): Buffer | undefined {
  const tagAt = sealed.length - TAG_BYTES;
  if (tagAt < 0) return undefined;
  const iv = nonce(keys, packetNumber);
  const decipher = createDecipheriv(keys.suite as CipherGCMTypes, keys.key, iv, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(header);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const payload = decipher.update(sealed.subarray(0, tagAt));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return payload;
}

/** RFC 9001 5.3: the packet number, padded in front, exclusive or with the IV. */
function nonce(keys: PacketKeys, packetNumber: number): Buffer {
  const bytes = Buffer.from(keys.iv);
  let rest = packetNumber;
  for (let index = IV_BYTES - 1; rest > 0 && index >= 0; index -= 1) {
    bytes[index] = (bytes[index] ?? 0) ^ (rest & 0xff);
    rest = Math.floor(rest / 256);
  }
  return bytes;
}
