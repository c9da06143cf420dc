import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STREAMS_MAX, STREAM_WINDOW_BYTES } from '../../../transport/websocket/limits.js';
import { Multiplexer } from '../../../transport/websocket/multiplexer.js';
import { decodeMessage, encodeMessage, type Message } from '../../../transport/websocket/wire.js';
import { rejection } from '../rpc/pair.js';
import { fuzz } from '../seed.js';

const HELLO: Message = { kind: 'hello', streams: 4, windowBytes: 1_000 };
const data = (id: number, bytes: number, isFinal = false): Message => ({
  kind: 'data',
  id,
  isFinal,
  bytes: new Uint8Array(bytes),
});

/** The side of the gateway, without a socket. */
function side(): {
  readonly multiplexer: Multiplexer;
  readonly sent: Message[];
  readonly socket: { bufferedBytes: number; isTerminated: boolean; isClosed: boolean };
  hear(...messages: Message[]): void;
} {
  const sent: Message[] = [];
  const socket = { bufferedBytes: 0, isTerminated: false, isClosed: false };
  const multiplexer = new Multiplexer(
    {
      send: (bytes) => sent.push(decodeMessage(bytes)),
      get bufferedBytes() {
        return socket.bufferedBytes;
      },
      close: () => {
        socket.isClosed = true;
      },
      terminate: () => {
        socket.isTerminated = true;
      },
    },
    true,
  );
  const hear = (...messages: Message[]): void => {
    for (const message of messages) multiplexer.receive(encodeMessage(message));
  };
  return { multiplexer, sent, socket, hear };
}

describe('a peer loses its session when it', () => {
  it.each<[string, readonly Message[]]>([
    ['says something before hello', [data(0, 1)]],
    ['says hello twice', [HELLO, HELLO]],
    ['gives too much credit at once', [{ ...HELLO, windowBytes: 2 ** 31 + 1 }]],
    ['gives too much credit', [HELLO, data(0, 0), { kind: 'credit', id: 0, bytes: 2 ** 31 }]],
    ['opens a stream out of order', [HELLO, data(4, 1)]],
    ['opens a stream of ours', [HELLO, data(1, 1)]],
    ['resets a stream that is none', [HELLO, { kind: 'reset', id: 0, code: 0 }]],
    [
      'sends after the end of a stream',
      [HELLO, data(2, 1, true), data(0, 0), data(0, 1, true), data(0, 1)],
    ],
    [
      'sends more than it has credit for',
      [HELLO, ...Array.from({ length: 5 }, () => data(0, STREAM_WINDOW_BYTES / 4))],
    ],
    [
      'opens more streams than it has places',
      [HELLO, ...Array.from({ length: STREAMS_MAX + 1 }, (_, index) => data(index * 4, 0))],
    ],
    [
      'gives more places than there are ids',
      [HELLO, { kind: 'places', isUnidirectional: true, count: 2 ** 32 - 1 }],
    ],
  ])('%s', async (_what, messages) => {
    const { multiplexer, socket, hear } = side();
    const lost = rejection(multiplexer.session.closed);
    hear(...messages);
    expect(socket.isTerminated).toBe(true);
    expect(await lost).toMatchObject({ name: 'WebTransportError', source: 'session' });
  });

  it('does not read what is sent', async () => {
    const { multiplexer, socket, hear } = side();
    hear(HELLO);
    socket.bufferedBytes = 9 * 1024 * 1024;
    multiplexer.drain();
    expect(socket.isTerminated).toBe(true);
    await rejection(multiplexer.session.closed);
  });
});

describe('a session over WebSocket', () => {
  it('sends no more than the credit of the peer and the room of the socket', async () => {
    const { multiplexer, sent, socket, hear } = side();
    hear(HELLO);
    const stream = await multiplexer.session.createUnidirectionalStream();
    const writer = stream.getWriter();
    writer.write(new Uint8Array(3_000)).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    const count = (): number =>
      sent.reduce((sum, message) => sum + (message.kind === 'data' ? message.bytes.length : 0), 0);
    expect(count()).toBe(1_000);
    hear({ kind: 'credit', id: 3, bytes: 500 });
    expect(count()).toBe(1_500);
    socket.bufferedBytes = 2 * 1024 * 1024;
    hear({ kind: 'credit', id: 3, bytes: 2_000 });
    expect(count()).toBe(1_500);
    socket.bufferedBytes = 0;
    multiplexer.onWritable();
    expect(count()).toBe(3_000);
  });

  it('drops datagrams while the socket is full', async () => {
    const { multiplexer, sent, socket, hear } = side();
    hear(HELLO);
    socket.bufferedBytes = 100_000;
    await multiplexer.session.datagrams.writable.getWriter().write(Uint8Array.of(1));
    expect(sent.filter(({ kind }) => kind === 'datagram')).toEqual([]);
  });

  it('answers a stop with a reset, and gives the place back when both sides are over', () => {
    const { sent, hear } = side();
    hear(HELLO, data(0, 5, true), { kind: 'stop', id: 0, code: 7 });
    expect(sent).toEqual([
      { kind: 'reset', id: 0, code: 7 },
      { kind: 'places', isUnidirectional: false, count: 1 },
    ]);
  });

  it('survives any messages in any order', () => {
    const id = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 12);
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({
        kind: fc.constant('data' as const),
        id,
        isFinal: fc.boolean(),
        bytes: fc.uint8Array({ maxLength: 50 }),
      }),
      fc.record({
        kind: fc.constantFrom('reset' as const, 'stop' as const),
        id,
        code: fc.nat(),
      }),
      fc.record({ kind: fc.constant('credit' as const), id, bytes: fc.nat(3_000) }),
      fc.record({
        kind: fc.constant('places' as const),
        isUnidirectional: fc.boolean(),
        count: fc.nat(3),
      }),
      fc.record({ kind: fc.constant('datagram' as const), bytes: fc.uint8Array({ maxLength: 9 }) }),
      fc.constant<Message>({ kind: 'drain' }),
    );
    void fuzz(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const { multiplexer, sent, socket, hear } = side();
        hear(HELLO);
        // Two streams of ours, so that ids 1 and 3 may mean something.
        void multiplexer.session.createBidirectionalStream().catch(() => undefined);
        void multiplexer.session.createUnidirectionalStream().catch(() => undefined);
        for (const each of messages) {
          if (socket.isTerminated) break;
          hear(each);
        }
        expect(sent.length).toBeLessThan(200);
      }),
      2_000,
    );
  });
});
