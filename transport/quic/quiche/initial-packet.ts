import { ByteCursor } from './byte-cursor.js';
import { openPacket, type OpenedPacket, type PacketKeys } from './packet-protection.js';

const VERSION_1 = 1;
const CONNECTION_ID_BYTES_MAX = 20;
const LONG_HEADER = 0x80;
const FIXED_BIT = 0x40;
const RESERVED_BITS = 0x0c;

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
 * Removes the protection of an Initial packet (RFC 9001 5.3, 5.4) and leaves the datagram as it is.
 * Undefined when it is too short, not protected with these keys, or breaks RFC 9000 17.2.
 */
export function openInitial(
  datagram: Uint8Array,
  { start, packetNumberAt, end }: ProtectedPacket,
  keys: PacketKeys,
  largestPacketNumber: number,
): OpenedPacket | undefined {
  const packet = datagram.subarray(start, end);
  const opened = openPacket(keys, packet, packetNumberAt - start, largestPacketNumber);
  // Only what authenticates may be judged: RFC 9000 17.2, reserved bits; 12.4, at least one frame.
  if (opened === undefined || opened.payload.length === 0) return undefined;
  return (opened.first & RESERVED_BITS) === 0 ? opened : undefined;
}
