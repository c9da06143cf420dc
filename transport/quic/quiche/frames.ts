import { ByteCursor } from './byte-cursor.js';

/** Frames of RFC 9000 19 and RFC 9221, as far as the guards and the tests look at them. */
export type Frame =
  | { readonly kind: 'padding'; readonly bytes: number }
  | {
      readonly kind:
        | 'ping'
        | 'handshake-done'
        | 'path-response'
        | 'reset-stream'
        | 'stop-sending'
        | 'new-token'
        | 'max-data'
        | 'max-stream-data'
        | 'max-streams'
        | 'blocked';
    }
  | { readonly kind: 'path-challenge'; readonly data: Uint8Array }
  | {
      readonly kind: 'ack';
      readonly largest: number;
      /** First and last packet number of each range, the highest range first. */
      readonly ranges: readonly (readonly [number, number])[];
    }
  | { readonly kind: 'crypto'; readonly offset: number; readonly length: number }
  | {
      readonly kind: 'stream';
      readonly id: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: 'datagram'; readonly length: number }
  | {
      readonly kind: 'new-connection-id';
      readonly sequence: number;
      readonly retirePriorTo: number;
    }
  | { readonly kind: 'retire-connection-id'; readonly sequence: number }
  | { readonly kind: 'close'; readonly code: number; readonly isApplication: boolean };

/**
 * The frames of a payload; undefined when it cannot be read to its end, which quiche answers with an
 * error.
 */
export function readFrames(payload: Uint8Array): Frame[] | undefined {
  const cursor = new ByteCursor(payload);
  const frames: Frame[] = [];
  while (cursor.left > 0) {
    const frame = readFrame(cursor);
    if (frame === undefined || cursor.isOverrun) return undefined;
    frames.push(frame);
  }
  return frames;
}

function readFrame(cursor: ByteCursor): Frame | undefined {
  const type = cursor.varint();
  if (type >= 0x08 && type <= 0x0f) return readStream(cursor, type);
  switch (type) {
    case 0x00: {
      const start = cursor.at;
      while (cursor.bytes[cursor.at] === 0) cursor.at += 1;
      return { kind: 'padding', bytes: cursor.at - start + 1 };
    }
    case 0x01:
      return { kind: 'ping' };
    case 0x02:
    case 0x03:
      return readAck(cursor, type === 0x03);
    case 0x06: {
      const offset = cursor.varint();
      const length = cursor.varint();
      cursor.skip(length);
      return { kind: 'crypto', offset, length };
    }
    case 0x07:
      cursor.skip(cursor.varint());
      return { kind: 'new-token' };
    case 0x18: {
      const sequence = cursor.varint();
      const retirePriorTo = cursor.varint();
      const length = cursor.u8();
      cursor.skip(length + 16);
      return { kind: 'new-connection-id', sequence, retirePriorTo };
    }
    case 0x19:
      return { kind: 'retire-connection-id', sequence: cursor.varint() };
    case 0x1a:
      return { kind: 'path-challenge', data: cursor.take(8) };
    case 0x1b:
      cursor.skip(8);
      return { kind: 'path-response' };
    case 0x1c:
    case 0x1d: {
      const code = cursor.varint();
      if (type === 0x1c) cursor.varint();
      cursor.skip(cursor.varint());
      return { kind: 'close', code, isApplication: type === 0x1d };
    }
    case 0x1e:
      return { kind: 'handshake-done' };
    case 0x30:
    case 0x31: {
      const length = type === 0x31 ? cursor.varint() : cursor.left;
      cursor.skip(length);
      return { kind: 'datagram', length };
    }
    default:
      return readNumbers(cursor, type);
  }
}

/** RFC 9000 19.8: bit 4 says that there is an offset, bit 2 that there is a length. */
function readStream(cursor: ByteCursor, type: number): Frame {
  const id = cursor.varint();
  const offset = (type & 4) === 0 ? 0 : cursor.varint();
  const length = (type & 2) === 0 ? cursor.left : cursor.varint();
  cursor.skip(length);
  return { kind: 'stream', id, offset, length };
}

/** RFC 9000 19.3; undefined when a range would start below 0. */
function readAck(cursor: ByteCursor, hasCounts: boolean): Frame | undefined {
  const largest = cursor.varint();
  cursor.varint();
  let rangesLeft = cursor.varint();
  let to = largest;
  let from = to - cursor.varint();
  const ranges: [number, number][] = [[from, to]];
  for (; rangesLeft > 0 && !cursor.isOverrun; rangesLeft -= 1) {
    to = from - cursor.varint() - 2;
    from = to - cursor.varint();
    ranges.push([from, to]);
  }
  if (hasCounts) for (let index = 0; index < 3; index += 1) cursor.varint();
  return from < 0 ? undefined : { kind: 'ack', largest, ranges };
}

/** Kind, and how many numbers follow the type. */
const NUMBERS = {
  0x04: ['reset-stream', 3],
  0x05: ['stop-sending', 2],
  0x10: ['max-data', 1],
  0x11: ['max-stream-data', 2],
  0x12: ['max-streams', 1],
  0x13: ['max-streams', 1],
  0x14: ['blocked', 1],
  0x15: ['blocked', 2],
  0x16: ['blocked', 1],
  0x17: ['blocked', 1],
} as const;

function readNumbers(cursor: ByteCursor, type: number): Frame | undefined {
  if (!(type in NUMBERS)) return undefined;
  const [kind, count] = NUMBERS[type as keyof typeof NUMBERS];
  for (let index = 0; index < count; index += 1) cursor.varint();
  return { kind };
}
