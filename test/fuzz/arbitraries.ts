import fc from 'fast-check';
import { encodeNotification, encodeRequest } from '../../transport/rpc/wire.js';
import * as frames from '../transport/quic/forge/frames.js';

/** What a case sends, and where it can be replayed from: the seed of its batch. */
export interface Case {
  readonly kind: Kind;
  /** Frames of one packet, or the bytes of a datagram. */
  readonly parts: readonly Buffer[];
}

export const KINDS = [
  'frames',
  'broken frames',
  'initial frames',
  'changed packet',
  'any datagram',
  'rpc stream',
] as const;
export type Kind = (typeof KINDS)[number];

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/** Mostly small, sometimes as large as a number of QUIC can be. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.nat(8) },
  { weight: 3, arbitrary: fc.nat(70_000) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 30, 2 ** 40, 2 ** 53 - 1) },
);
const streamId = fc.oneof({ weight: 8, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: number });

/** Frames that can be read; whether they may be said at all, or now, is another question. */
const validFrame: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constant(frames.ping()),
  fc.nat(50).map((count) => frames.padding(count + 1)),
  fc
    .tuple(number, number)
    .map(([from, to]) => frames.ack([[Math.min(from, to), Math.max(from, to)]])),
  fc.tuple(number, bytes(64)).map(([offset, data]) => frames.crypto(offset, data)),
  fc
    .tuple(streamId, number, bytes(200), fc.boolean())
    .map(([id, offset, data, isFinal]) => frames.stream(id, offset, data, isFinal)),
  fc.tuple(streamId, number, number).map(([id, code, size]) => frames.resetStream(id, code, size)),
  fc.tuple(streamId, number).map(([id, code]) => frames.stopSending(id, code)),
  number.map((value) => frames.maxData(value)),
  fc.tuple(streamId, number).map(([id, value]) => frames.maxStreamData(id, value)),
  fc
    .tuple(number, number, bytes(20))
    .map(([sequence, prior, id]) => frames.newConnectionId(sequence, prior, id)),
  number.map((sequence) => frames.retireConnectionId(sequence)),
  fc.constant(frames.pathChallenge(Buffer.alloc(8, 1))),
  fc.constant(frames.pathResponse(Buffer.alloc(8, 2))),
  bytes(100).map((data) => frames.datagram(data)),
  // MAX_STREAMS, the BLOCKED frames, NEW_TOKEN, HANDSHAKE_DONE.
  fc
    .tuple(fc.constantFrom(0x12, 0x13, 0x14, 0x16, 0x17), number)
    .map(([type, value]) => Buffer.concat([Buffer.of(type), frames.number(value)])),
  bytes(30).map((token) => Buffer.concat([Buffer.of(0x07, token.length), token])),
  fc.constant(Buffer.of(0x1e)),
  { weight: 1, arbitrary: number.map((code) => frames.close(code)) },
);

/** Pieces of streams that never end: what a slow client sends. */
const slowFrame = fc
  .tuple(fc.nat(24), fc.nat(30))
  .map(([id, offset]) => frames.stream(id * 4, offset, Buffer.of(1)));

function spoil(frame: Buffer, at: number, byte: number, length: number): Buffer {
  const copy = Buffer.from(frame.subarray(0, Math.max(1, frame.length - (length % 4))));
  copy[at % copy.length] = byte;
  return copy;
}

const brokenFrame = fc.oneof(
  fc
    .tuple(validFrame, fc.nat(), fc.nat(255), fc.nat(9))
    .map(([frame, at, byte, length]) => spoil(frame, at, byte, length)),
  bytes(60).filter(({ length }) => length > 0),
);

const request = encodeRequest({ method: 'echo', timeoutMs: 1_000, payload: { a: [1, 'x'] } });
const notification = encodeNotification({ method: 'echo', payload: 1 });
const message = fc.oneof(
  bytes(200),
  fc
    .tuple(fc.constantFrom(request, notification), fc.nat(), fc.nat(255))
    .map(([whole, at, byte]) => spoil(Buffer.from(whole), at, byte, 0)),
);

const likeQuic = fc
  .tuple(
    fc.constantFrom(0x40, 0xc0, 0xd0, 0xe0, 0xf0),
    fc.constantFrom(0, 1, 2, 0xffff),
    bytes(900),
  )
  .map(([first, version, rest]) => {
    const head = Buffer.from([first, 0, 0, 0, 0]);
    head.writeUInt32BE(version, 1);
    return Buffer.concat([head, rest, Buffer.alloc(Math.max(0, 1_200 - rest.length))]);
  });

const packet = (frame: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer[]> =>
  fc.array(frame, { minLength: 1, maxLength: 4 });

/** A case of any kind. */
export const anyCase: fc.Arbitrary<Case> = fc.oneof(
  { weight: 10, arbitrary: packet(fc.oneof(validFrame, slowFrame)).map(of('frames')) },
  { weight: 2, arbitrary: packet(brokenFrame).map(of('broken frames')) },
  {
    weight: 3,
    arbitrary: packet(fc.oneof(validFrame, brokenFrame)).map(of('initial frames')),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(), fc.nat(255), fc.nat(3))
      .map(([at, byte, how]) => Buffer.of(at & 0xff, (at >> 8) & 0xff, byte, how))
      .map((change) => of('changed packet')([change])),
  },
  { weight: 2, arbitrary: fc.oneof(bytes(300), likeQuic).map((one) => of('any datagram')([one])) },
  { weight: 3, arbitrary: message.map((one) => of('rpc stream')([one])) },
);

function of(kind: Kind): (parts: readonly Buffer[]) => Case {
  return (parts) => ({ kind, parts });
}
