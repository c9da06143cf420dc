import { ByteCursor } from './byte-cursor.js';
import { SAMPLE_BYTES, TAG_BYTES, type ClientInitialKeys } from './initial-keys.js';

const VERSION_1 = 1;
const CONNECTION_ID_BYTES_MAX = 20;
const LONG_HEADER = 0x80;
const FIXED_BIT = 0x40;
const RESERVED_BITS = 0x0c;
/** The sample begins where the packet number would end if it had four bytes (RFC 9001 5.4.2). */
const SAMPLE_OFFSET = 4;

/** Types of packets with a long header (RFC 9000 17.2). */
const TYPE = { initial: 0, zeroRtt: 1, handshake: 2 } as const;

/** Where one packet of a datagram lies; it is still protected. */
export interface ProtectedPacket {
  readonly isInitial: boolean;
  readonly destination: Uint8Array;
  readonly start: number;
  readonly packetNumberAt: number;
  readonly end: number;
}

/**
 * The packet of version 1 with a long header and a length at `start` (RFC 9000 17.2); undefined for
 * anything else, with which the datagram counts as over.
 */
export function readLongPacket(datagram: Uint8Array, start: number): ProtectedPacket | undefined {
  const cursor = new ByteCursor(datagram, start);
  const first = cursor.u8();
  const version = cursor.u32();
  const isLong = (first & LONG_HEADER) !== 0 && (first & FIXED_BIT) !== 0;
  if (!isLong || version !== VERSION_1) return undefined;
  const destination = cursor.take(cursor.u8());
  const sourceLength = cursor.u8();
  cursor.skip(sourceLength);
  if (destination.length > CONNECTION_ID_BYTES_MAX || sourceLength > CONNECTION_ID_BYTES_MAX) {
    return undefined;
  }
  const type = (first >> 4) & 3;
  if (type !== TYPE.initial && type !== TYPE.zeroRtt && type !== TYPE.handshake) return undefined;
  if (type === TYPE.initial) cursor.skip(cursor.varint()); // the token
  const length = cursor.varint();
  const packetNumberAt = cursor.at;
  cursor.skip(length);
  if (cursor.isOverrun) return undefined;
  return { isInitial: type === TYPE.initial, destination, start, packetNumberAt, end: cursor.at };
}

/**
 * The whole packet number, from its lowest `length` bytes and the largest number so far, -1 for
 * none (RFC 9000 A.3).
 */
export function decodePacketNumber(largest: number, truncated: number, length: number): number {
  const expected = largest + 1;
  const window = 256 ** length;
  const candidate = expected - (expected % window) + truncated;
  if (candidate <= expected - window / 2) return candidate + window;
  if (candidate > expected + window / 2 && candidate >= window) return candidate - window;
  return candidate;
}

/**
 * Removes the protection of an Initial packet (RFC 9001 5.3, 5.4) and leaves the datagram as it is.
 * Undefined when it is too short, not protected with these keys, or breaks RFC 9000 17.2.
 */
export function openInitial(
  datagram: Uint8Array,
  packet: ProtectedPacket,
  keys: ClientInitialKeys,
  largestPacketNumber: number,
): { readonly packetNumber: number; readonly payload: Uint8Array } | undefined {
  const { start, packetNumberAt, end } = packet;
  const sampleAt = packetNumberAt + SAMPLE_OFFSET;
  if (sampleAt + SAMPLE_BYTES > end) return undefined;
  const mask = keys.headerMask(datagram.subarray(sampleAt, sampleAt + SAMPLE_BYTES));
  const first = (datagram[start] ?? 0) ^ ((mask[0] ?? 0) & 0x0f);
  const length = (first & 3) + 1;
  const payloadAt = packetNumberAt + length;
  if (payloadAt + TAG_BYTES > end) return undefined;
  const header = Buffer.from(datagram.subarray(start, payloadAt));
  header[0] = first;
  let truncated = 0;
  for (let index = 0; index < length; index += 1) {
    const at = packetNumberAt - start + index;
    const byte = (header[at] ?? 0) ^ (mask[index + 1] ?? 0);
    header[at] = byte;
    truncated = truncated * 256 + byte;
  }
  const packetNumber = decodePacketNumber(largestPacketNumber, truncated, length);
  const payload = keys.open(header, packetNumber, datagram.subarray(payloadAt, end));
  // Only what authenticates may be judged: RFC 9000 17.2, reserved bits; 12.4, at least one frame.
  if (payload === undefined || payload.length === 0) return undefined;
  return (first & RESERVED_BITS) === 0 ? { packetNumber, payload } : undefined;
}
