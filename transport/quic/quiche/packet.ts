import { randomBytes } from 'node:crypto';

/** Connection ids that this side chooses have this length; short headers do not say theirs. */
export const CONNECTION_ID_BYTES = 16;
/** Ids of version 1 have up to 20 bytes (RFC 9000 17.2). */
const CONNECTION_ID_BYTES_MAX = 20;
export const VERSION_1 = 1;
/**
 * A client pads its first datagram to this (RFC 9000 14.1); less is ignored, or it would amplify.
 */
const FIRST_DATAGRAM_BYTES_MIN = 1_200;

/** What a datagram is for, as far as its unprotected bytes tell. */
export type Packet =
  /** For the connection with this id (latin1). */
  | { readonly kind: 'known'; readonly connectionId: string; readonly isShort: boolean }
  /** The same, and if there is none, the start of a new one. */
  | { readonly kind: 'initial'; readonly connectionId: string }
  /** Of a version that we do not speak; `answer` is the packet to send back (RFC 9000 17.2.1). */
  | { readonly kind: 'other-version'; readonly answer: Uint8Array }
  /** Too short, too long an id, or not QUIC. */
  | { readonly kind: 'ignored' };

const IGNORED: Packet = { kind: 'ignored' };

/**
 * Reads the version-independent part of a datagram (RFC 8999) without trusting any length in it.
 */
export function classifyPacket(datagram: Buffer): Packet {
  const first = datagram[0];
  if (first === undefined) return IGNORED;
  if ((first & 0x80) === 0) {
    if (datagram.length < 1 + CONNECTION_ID_BYTES) return IGNORED;
    const connectionId = datagram.toString('latin1', 1, 1 + CONNECTION_ID_BYTES);
    return { kind: 'known', connectionId, isShort: true };
  }
  const destinationLength = datagram[5];
  if (destinationLength === undefined) return IGNORED;
  const sourceAt = 6 + destinationLength;
  const sourceLength = datagram[sourceAt];
  if (sourceLength === undefined || sourceAt + 1 + sourceLength > datagram.length) return IGNORED;
  const version = datagram.readUInt32BE(1);
  const connectionId = datagram.toString('latin1', 6, sourceAt);
  if (version === 0) return { kind: 'known', connectionId, isShort: false };
  const isFirstSize = datagram.length >= FIRST_DATAGRAM_BYTES_MIN;
  if (version !== VERSION_1) {
    if (!isFirstSize) return IGNORED;
    const source = datagram.subarray(sourceAt + 1, sourceAt + 1 + sourceLength);
    const answer = versionNegotiation(source, datagram.subarray(6, sourceAt));
    return { kind: 'other-version', answer };
  }
  if (destinationLength > CONNECTION_ID_BYTES_MAX || sourceLength > CONNECTION_ID_BYTES_MAX) {
    return IGNORED;
  }
  // RFC 9000 17.2.2: type 0 is Initial; 7.2: its first destination id has at least 8 bytes.
  const isInitial = ((first >> 4) & 3) === 0 && isFirstSize && destinationLength >= 8;
  return isInitial
    ? { kind: 'initial', connectionId }
    : { kind: 'known', connectionId, isShort: false };
}

/** The unprotected fields of an Initial packet (RFC 9000 17.2.2). */
export interface InitialHeader {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** Of a Retry packet; empty in a first attempt. */
  readonly token: Uint8Array;
}

/** Reads them from a datagram that `classifyPacket` called `initial`; undefined when cut short. */
export function readInitialHeader(datagram: Buffer): InitialHeader | undefined {
  const sourceAt = 6 + (datagram[5] ?? 0);
  const tokenLengthAt = sourceAt + 1 + (datagram[sourceAt] ?? 0);
  const first = datagram[tokenLengthAt];
  if (first === undefined) return undefined;
  const lengthBytes = 1 << (first >> 6);
  const tokenAt = tokenLengthAt + lengthBytes;
  if (lengthBytes > 4 || tokenAt > datagram.length) return undefined;
  const mask = 2 ** (lengthBytes * 8 - 2);
  const tokenBytes = datagram.readUIntBE(tokenLengthAt, lengthBytes) % mask;
  if (tokenAt + tokenBytes > datagram.length) return undefined;
  return {
    destination: Uint8Array.from(datagram.subarray(6, sourceAt)),
    source: Uint8Array.from(datagram.subarray(sourceAt + 1, tokenLengthAt)),
    token: datagram.subarray(tokenAt, tokenAt + tokenBytes),
  };
}

/**
 * Version Negotiation packet (RFC 9000 17.2.1): the ids swapped, then the versions that we speak.
 */
function versionNegotiation(destination: Uint8Array, source: Uint8Array): Uint8Array {
  const first = 0x80 | ((randomBytes(1)[0] ?? 0) & 0x7f);
  return Buffer.concat([
    Uint8Array.of(first, 0, 0, 0, 0, destination.length),
    destination,
    Uint8Array.of(source.length),
    source,
    Uint8Array.of(0, 0, 0, VERSION_1),
  ]);
}
