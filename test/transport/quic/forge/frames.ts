import { randomBytes } from 'node:crypto';

/** Builders of frames (RFC 9000 19), without any rule about what may be said when. */

/** A number of RFC 9000 16 in its shortest form, or in `bytes` bytes (1, 2, 4 or 8). */
export function number(value: number, bytes?: 1 | 2 | 4 | 8): Buffer {
  const shortest = value < 64 ? 1 : value < 16_384 ? 2 : value < 1_073_741_824 ? 4 : 8;
  const length = bytes ?? shortest;
  const encoded = Buffer.alloc(8);
  encoded.writeBigUInt64BE(BigInt(value));
  const result = encoded.subarray(8 - length);
  result[0] = (result[0] ?? 0) | (Math.log2(length) << 6);
  return result;
}

export const ping = (): Buffer => Buffer.of(0x01);
export const padding = (bytes: number): Buffer => Buffer.alloc(bytes);

/** `ranges`: first and last packet number, both included, the highest range first. */
export function ack(ranges: readonly (readonly [number, number])[], delay = 0): Buffer {
  const [first, ...others] = ranges;
  if (first === undefined) throw new Error('an ACK has at least one range');
  const parts = [
    Buffer.of(0x02),
    number(first[1]),
    number(delay),
    number(others.length),
    number(first[1] - first[0]),
  ];
  let lowest = first[0];
  for (const [from, to] of others) {
    parts.push(number(lowest - to - 2), number(to - from));
    lowest = from;
  }
  return Buffer.concat(parts);
}

export function crypto(offset: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x06), number(offset), number(bytes.length), bytes]);
}

export function stream(id: number, offset: number, bytes: Uint8Array, isFinal = false): Buffer {
  const type = 0x0e | (isFinal ? 1 : 0);
  return Buffer.concat([Buffer.of(type), number(id), number(offset), number(bytes.length), bytes]);
}

export function resetStream(id: number, code: number, finalSize: number): Buffer {
  return Buffer.concat([Buffer.of(0x04), number(id), number(code), number(finalSize)]);
}

export function stopSending(id: number, code: number): Buffer {
  return Buffer.concat([Buffer.of(0x05), number(id), number(code)]);
}

export function maxData(value: number): Buffer {
  return Buffer.concat([Buffer.of(0x10), number(value)]);
}

export function maxStreamData(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(0x11), number(id), number(value)]);
}

export function newConnectionId(
  sequence: number,
  retirePriorTo: number,
  id: Uint8Array = randomBytes(16),
  token: Uint8Array = randomBytes(16),
): Buffer {
  return Buffer.concat([
    Buffer.of(0x18),
    number(sequence),
    number(retirePriorTo),
    Buffer.of(id.length),
    id,
    token,
  ]);
}

export function retireConnectionId(sequence: number): Buffer {
  return Buffer.concat([Buffer.of(0x19), number(sequence)]);
}

export function pathChallenge(data: Uint8Array = randomBytes(8)): Buffer {
  return Buffer.concat([Buffer.of(0x1a), data]);
}

export function pathResponse(data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x1b), data]);
}

export function datagram(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x31), number(bytes.length), bytes]);
}

export function close(code: number, isApplication = false): Buffer {
  return Buffer.concat([
    Buffer.of(isApplication ? 0x1d : 0x1c),
    number(code),
    isApplication ? Buffer.alloc(0) : number(0),
    number(0),
  ]);
}
