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
  | { readonly kind: 'path-challenge'; readonly data: Buffer }
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

/** Reads numbers of RFC 9000 16 and byte strings, and remembers when they ran over the end. */
export class Reader {
  at = 0;
  isOver = false;

  constructor(readonly bytes: Buffer) {}

  number(): number {
    const first = this.bytes[this.at];
    if (first === undefined) return this.#over();
    const length = 1 << (first >> 6);
    if (this.at + length > this.bytes.length) return this.#over();
    let value = first & 0x3f;
    for (let index = 1; index < length; index += 1) {
      value = value * 256 + (this.bytes[this.at + index] ?? 0);
    }
    this.at += length;
    return value;
  }

  skip(length: number): void {
    if (length > this.bytes.length - this.at) this.#over();
    else this.at += length;
  }

  take(length: number): Buffer {
    const start = this.at;
    this.skip(length);
    return this.bytes.subarray(start, this.at);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  #over(): number {
    this.isOver = true;
    this.at = this.bytes.length;
    return 0;
  }
}

/**
 * The frames of a payload; undefined when it cannot be read to its end, which quiche answers with an
 * error.
 */
export function readFrames(payload: Buffer): Frame[] | undefined {
  const reader = new Reader(payload);
  const frames: Frame[] = [];
  while (reader.left > 0) {
    const frame = readFrame(reader);
    if (frame === undefined || reader.isOver) return undefined;
    frames.push(frame);
  }
  return frames;
}

function readFrame(reader: Reader): Frame | undefined {
  const type = reader.number();
  if (type >= 0x08 && type <= 0x0f) return readStream(reader, type);
  switch (type) {
    case 0x00: {
      const start = reader.at;
      while (reader.bytes[reader.at] === 0) reader.at += 1;
      return { kind: 'padding', bytes: reader.at - start + 1 };
    }
    case 0x01:
      return { kind: 'ping' };
    case 0x02:
    case 0x03:
      return readAck(reader, type === 0x03);
    case 0x06: {
      const offset = reader.number();
      const length = reader.number();
      reader.skip(length);
      return { kind: 'crypto', offset, length };
    }
    case 0x07:
      reader.skip(reader.number());
      return { kind: 'new-token' };
    case 0x18: {
      const sequence = reader.number();
      const retirePriorTo = reader.number();
      const length = reader.take(1)[0] ?? 0;
      reader.skip(length + 16);
      return { kind: 'new-connection-id', sequence, retirePriorTo };
    }
    case 0x19:
      return { kind: 'retire-connection-id', sequence: reader.number() };
    case 0x1a:
      return { kind: 'path-challenge', data: reader.take(8) };
    case 0x1b:
      reader.skip(8);
      return { kind: 'path-response' };
    case 0x1c:
    case 0x1d: {
      const code = reader.number();
      if (type === 0x1c) reader.number();
      reader.skip(reader.number());
      return { kind: 'close', code, isApplication: type === 0x1d };
    }
    case 0x1e:
      return { kind: 'handshake-done' };
    case 0x30:
    case 0x31: {
      const length = type === 0x31 ? reader.number() : reader.left;
      reader.skip(length);
      return { kind: 'datagram', length };
    }
    default:
      return readNumbers(reader, type);
  }
}

/** RFC 9000 19.8: bit 4 says that there is an offset, bit 2 that there is a length. */
function readStream(reader: Reader, type: number): Frame {
  const id = reader.number();
  const offset = (type & 4) === 0 ? 0 : reader.number();
  const length = (type & 2) === 0 ? reader.left : reader.number();
  reader.skip(length);
  return { kind: 'stream', id, offset, length };
}

/** RFC 9000 19.3; undefined when a range would start below 0. */
function readAck(reader: Reader, hasCounts: boolean): Frame | undefined {
  const largest = reader.number();
  reader.number();
  let rangesLeft = reader.number();
  let to = largest;
  let from = to - reader.number();
  const ranges: [number, number][] = [[from, to]];
  for (; rangesLeft > 0 && !reader.isOver; rangesLeft -= 1) {
    to = from - reader.number() - 2;
    from = to - reader.number();
    ranges.push([from, to]);
  }
  if (hasCounts) for (let index = 0; index < 3; index += 1) reader.number();
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

function readNumbers(reader: Reader, type: number): Frame | undefined {
  if (!(type in NUMBERS)) return undefined;
  const [kind, count] = NUMBERS[type as keyof typeof NUMBERS];
  for (let index = 0; index < count; index += 1) reader.number();
  return { kind };
}
