import {
  sealPacket,
  type PacketKeys,
} from '../../../../transport/quic/quiche/packet-protection.js';
import { number } from './frames.js';

const NUMBER_BYTES = 4;
/** What a header sample needs (RFC 9001 5.4.2). */
const PAYLOAD_BYTES_MIN = 4;

export const INITIAL = 0;
export const ZERO_RTT = 1;
export const HANDSHAKE = 2;

function padded(payload: Uint8Array): Uint8Array {
  if (payload.length >= PAYLOAD_BYTES_MIN) return payload;
  return Buffer.concat([payload, Buffer.alloc(PAYLOAD_BYTES_MIN - payload.length)]);
}

function packetNumberBytes(packetNumber: number): Buffer {
  const bytes = Buffer.alloc(NUMBER_BYTES);
  bytes.writeUInt32BE(packetNumber % 2 ** 32);
  return bytes;
}

/** A 1-RTT packet (RFC 9000 17.3.1). */
export function shortPacket(
  keys: PacketKeys,
  destination: Uint8Array,
  packetNumber: number,
  payload: Uint8Array,
  keyPhase = 0,
): Buffer {
  const first = 0x40 | (keyPhase << 2) | (NUMBER_BYTES - 1);
  const header = Buffer.concat([Buffer.of(first), destination, packetNumberBytes(packetNumber)]);
  return sealPacket(keys, header, NUMBER_BYTES, packetNumber, padded(payload));
}

/** A packet with a long header (RFC 9000 17.2); `token` is for Initial packets. */
export function longPacket(
  keys: PacketKeys,
  type: number,
  ids: { readonly destination: Uint8Array; readonly source: Uint8Array },
  packetNumber: number,
  payload: Uint8Array,
  token: Uint8Array = new Uint8Array(),
): Buffer {
  const body = padded(payload);
  const header = Buffer.concat([
    Buffer.of(0xc0 | (type << 4) | (NUMBER_BYTES - 1), 0, 0, 0, 1),
    Buffer.of(ids.destination.length),
    ids.destination,
    Buffer.of(ids.source.length),
    ids.source,
    ...(type === INITIAL ? [number(token.length), token] : []),
    number(NUMBER_BYTES + body.length + 16, 2),
    packetNumberBytes(packetNumber),
  ]);
  return sealPacket(keys, header, NUMBER_BYTES, packetNumber, body);
}
