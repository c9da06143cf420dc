import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Connection, Stream, StreamHandler } from '../../../transport/quic/index.js';
import { encodeHello, OWN_HELLO } from '../../../transport/rpc/hello.js';
import {
  HEAD_BYTES_MAX,
  METADATA_ENTRIES_MAX,
  UNREAD_BYTES_HIGH,
} from '../../../transport/rpc/limits.js';
import type { Methods, PeerConnection, PeerEndpoint } from '../../../transport/rpc/rpc.js';
import {
  PROTOCOL_2,
  decodeFrame,
  encodeCall,
  encodeEnd,
  encodeHead,
  encodeMessage,
  encodeNotification2,
  encodeTrailer,
} from '../../../transport/rpc/wire2.js';
import { encodeFrame } from '../../../transport/rpc/codec.js';
import { handler, openEngine } from '../quic/engines.js';
import { fuzz } from '../seed.js';
import { addressOf, listen, rejection, sleep, until } from './pair.js';

const WITHIN = { timeoutMs: 10_000 };

/** A peer with a proper identity that sends what it likes on its streams. */
async function misbehaving(port: number): Promise<Connection> {
  const engine = await openEngine({ protocols: [PROTOCOL_2] });
  return engine.connect({
    host: '127.0.0.1',
    port,
    timeoutMs: 5_000,
    authenticate: () => ({ isAccepted: true }),
    onOpen: (connection) =>
      connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
  });
}

const methods: Methods = {
  echo: { kind: 'unary', handler: (payload) => payload },
  list: { kind: 'server-stream', handler: (payload) => payload as unknown[] },
  sum: {
    kind: 'client-stream',
    handler: async (messages) => {
      let sum = 0;
      for await (const message of messages) sum += Number(message);
      return sum;
    },
  },
  same: { kind: 'duplex', handler: (messages) => messages },
  deaf: { kind: 'client-stream', handler: () => new Promise(() => undefined) },
};

/** A server, and a friend of it who must always be served. */
async function servedBeside(headTimeoutMs = 10_000): Promise<{
  readonly server: PeerEndpoint;
  readonly hostile: Connection;
  readonly isServed: () => Promise<void>;
  readonly errors: unknown[];
}> {
  const errors: unknown[] = [];
  const server = await listen(
    {},
    { methods, headTimeoutMs, onHandlerError: (...told) => errors.push(told) },
  );
  const friend = await (await listen()).connect(addressOf(server), WITHIN);
  const isServed = async (): Promise<void> => {
    expect(await friend.call('echo', 'still here', WITHIN)).toBe('still here');
  };
  return { server, hostile: await misbehaving(server.port), isServed, errors };
}

/** Writes these bytes on a stream, ends it or not, and reads the failure that comes back. */
async function answerTo(
  connection: Connection,
  parts: readonly Uint8Array[],
  isFinal: boolean,
): Promise<{ readonly code: string; readonly reason: string | undefined }> {
  const received: Buffer[] = [];
  let isOver = false;
  const stream = await free(() =>
    connection.openBidirectional(
      handler({
        onData: (bytes, isEnd) => {
          received.push(Buffer.from(bytes));
          isOver ||= isEnd;
        },
        onReset: () => (isOver = true),
      }),
    ),
  );
  stream.write(Buffer.concat(parts), isFinal);
  await until(() => isOver);
  stream.cut();
  const frame = decodeFrame(Buffer.concat(received).subarray(4));
  if (frame.type !== 'trailer' || frame.error === undefined) throw new Error('it was no failure');
  return { code: frame.error.code, reason: frame.error.reason };
}

async function free<T>(open: () => T | undefined): Promise<T> {
  let opened: T | undefined;
  await until(() => (opened = open()) !== undefined);
  return opened as T;
}

const head = (kind: 'unary' | 'server-stream' | 'client-stream' | 'duplex', method: string) =>
  encodeHead({ kind, method, timeoutMs: 5_000 });
const call = (method: string, payload: unknown): Uint8Array =>
  encodeCall({ kind: 'unary', method, timeoutMs: 5_000 }, payload, 1 << 24)[0];
const announced = (length: number, start: string): Uint8Array => {
  const bytes = Buffer.from(`00000000${start}`, 'hex');
  bytes.writeUInt32BE(length);
  return bytes;
};

describe('a caller', () => {
  const metadata = Object.fromEntries(
    Array.from({ length: METADATA_ENTRIES_MAX + 1 }, (_, index) => [`k${index}`, 'x']),
  );
  it.each<readonly [string, Uint8Array[], boolean, string, string | undefined]>([
    [
      'sends a head that is longer than heads are',
      [announced(HEAD_BYTES_MAX + 1, '97')],
      false,
      'malformed',
      'head-too-long',
    ],
    [
      'sends a message that is too long',
      [head('unary', 'echo'), announced(0x7fff_ffff, '')],
      false,
      'malformed',
      'message-too-long',
    ],
    [
      'sends endless metadata',
      [encodeFrame([2, 0, 0, 'echo', 1_000, { m: metadata }, 1])],
      true,
      'malformed',
      'metadata-too-large',
    ],
    ['begins with a message', [encodeMessage(1)], true, 'malformed', 'unexpected-frame'],
    ['begins with an end', [encodeEnd()], true, 'malformed', 'unexpected-frame'],
    ['begins with a trailer', [encodeTrailer(1)], true, 'malformed', 'unexpected-frame'],
    [
      'begins with a notification',
      [encodeNotification2({ method: 'echo', payload: 1 })],
      true,
      'malformed',
      'unexpected-frame',
    ],
    [
      'sends two unary messages',
      [call('echo', 1), encodeMessage(2)],
      true,
      'malformed',
      'unexpected-frame',
    ],
    [
      'sends two heads',
      [head('unary', 'echo'), head('unary', 'echo')],
      true,
      'malformed',
      'unexpected-frame',
    ],
    ['ends before its message', [head('unary', 'echo')], true, 'malformed', 'unexpected-frame'],
    [
      'ends in the middle of a head',
      [head('unary', 'echo').subarray(0, 6)],
      true,
      'malformed',
      'unexpected-frame',
    ],
    ['sends a frame of nothing', [announced(0, '')], false, 'malformed', undefined],
    [
      'asks a list for more',
      [head('server-stream', 'list'), encodeEnd()],
      false,
      'malformed',
      'unexpected-frame',
    ],
    [
      'answers its own call',
      [head('client-stream', 'sum'), encodeTrailer(1)],
      false,
      'malformed',
      'unexpected-frame',
    ],
    [
      'begins again in the middle',
      [head('client-stream', 'sum'), head('client-stream', 'sum')],
      false,
      'malformed',
      'unexpected-frame',
    ],
    [
      'sends a message that cannot be read',
      [head('client-stream', 'sum'), announced(2, 'c1c1')],
      false,
      'malformed',
      undefined,
    ],
  ])('that %s is told so, with a code of its own', async (_what, parts, isFinal, code, reason) => {
    const { hostile, isServed, server } = await servedBeside();
    expect(await answerTo(hostile, parts, isFinal)).toEqual({ code, reason });
    expect(hostile.isOpen).toBe(true);
    await isServed();
    await until(() =>
      [...server.connections()].every((each) => each.stats().handlersRunning === 0),
    );
  });

  it('that goes on after the end of its messages is not read, and has its answer', async () => {
    const { hostile } = await servedBeside();
    let answer = Buffer.alloc(0);
    const stream = hostile.openBidirectional(
      handler({ onData: (bytes) => (answer = Buffer.concat([answer, bytes])) }),
    ) as Stream;
    stream.write(Buffer.concat([head('client-stream', 'sum'), encodeMessage(1), encodeEnd()]));
    for (let count = 0; count < 50; count += 1) stream.write(encodeMessage(new Uint8Array(10_000)));
    await until(() => answer.length > 4);
    expect(decodeFrame(answer.subarray(4))).toMatchObject({ type: 'trailer', payload: 1 });
    await until(() => stream.queuedBytes === 0);
    stream.cut();
  });

  it('whose head trickles is sent away in time', async () => {
    const { hostile, isServed } = await servedBeside(300);
    const endings: unknown[] = [];
    const streams: Stream[] = [];
    for (let count = 0; count < 50; count += 1) {
      const received: Buffer[] = [];
      const stream = hostile.openBidirectional(
        handler({
          onData: (bytes, isFinal) => {
            received.push(Buffer.from(bytes));
            if (!isFinal) return;
            const frame = decodeFrame(Buffer.concat(received).subarray(4));
            endings.push(frame.type === 'trailer' ? frame.error?.reason : frame.type);
          },
        }),
      );
      if (stream !== undefined) streams.push(stream);
    }
    const bytes = head('unary', 'echo');
    for (let at = 0; at < 4; at += 1) {
      for (const stream of streams) stream.write(bytes.subarray(at, at + 1));
      await sleep(60);
    }
    await until(() => endings.length === 50);
    expect(new Set(endings)).toEqual(new Set(['head-late']));
    await isServed();
  });

  it('whose request trickles is bounded by its own deadline', async () => {
    const { hostile } = await servedBeside();
    const startedAt = performance.now();
    const slow = encodeHead({ kind: 'unary', method: 'echo', timeoutMs: 200 });
    const answer = await answerTo(hostile, [slow, announced(1_000_000, '00')], false);
    expect(answer.code).toBe('deadline-exceeded');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('that floods a handler which does not read is held back by flow control', async () => {
    const { hostile, isServed } = await servedBeside();
    const streams = Array.from({ length: 5 }, () => hostile.openBidirectional(handler()) as Stream);
    for (const stream of streams) {
      stream.write(head('client-stream', 'deaf'));
      for (let count = 0; count < 400; count += 1) {
        stream.write(encodeMessage(new Uint8Array(10_000)));
      }
    }
    await sleep(300);
    for (const stream of streams) {
      const taken = 4_000_000 - stream.queuedBytes;
      // The window of a stream, and what the server took before it paused.
      expect(taken).toBeLessThan(1024 * 1024 + UNREAD_BYTES_HIGH + 1_000_000);
    }
    await isServed();
  });

  it('that floods with the smallest messages is held back too', async () => {
    const { hostile, isServed } = await servedBeside();
    const stream = hostile.openBidirectional(handler()) as Stream;
    stream.write(head('client-stream', 'deaf'));
    const many = Buffer.concat(Array.from({ length: 20_000 }, () => encodeMessage(1)));
    for (let count = 0; count < 20; count += 1) stream.write(many);
    await sleep(300);
    expect(stream.queuedBytes).toBeGreaterThan(many.length * 20 - 2_500_000);
    await isServed();
  });

  it('that holds all its streams half open leaves the others their place', async () => {
    const { hostile, isServed } = await servedBeside();
    for (let count = 0; count < 100; count += 1) {
      hostile.openBidirectional(handler())?.write(head('duplex', 'same'));
    }
    expect(hostile.openBidirectional(handler())).toBeUndefined();
    await isServed();
  });

  it('that sends any bytes at all is answered or dropped, and the server goes on', async () => {
    const { hostile, isServed, errors } = await servedBeside();
    const frames = [
      call('echo', { a: [1, 'x'] }),
      head('unary', 'echo'),
      head('server-stream', 'list'),
      head('client-stream', 'sum'),
      head('duplex', 'same'),
      encodeMessage([1, 2]),
      encodeMessage(7),
      encodeEnd(),
      encodeTrailer(1),
      encodeNotification2({ method: 'echo', payload: 1 }),
    ];
    const sequence = fc
      .array(fc.constantFrom(...frames), { minLength: 1, maxLength: 6 })
      .map((all) => Buffer.concat(all));
    const spoilt = fc
      .tuple(sequence, fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([bytes, at, value]) => {
        const copy = Buffer.from(bytes);
        copy[at % copy.length] = value;
        return copy;
      });
    const content = fc.oneof(fc.uint8Array({ maxLength: 200 }), sequence, spoilt);
    const action = fc.constantFrom('end', 'reset', 'stop', 'cut');
    const pieces = fc.integer({ min: 1, max: 4 });
    await fuzz(
      fc.asyncProperty(
        content,
        action,
        pieces,
        fc.boolean(),
        async (bytes, how, count, isOneWay) => {
          let isOver = isOneWay;
          const on = handler({
            onData: (_, isFinal) => void (isOver ||= isFinal),
            onReset: () => void (isOver = true),
          });
          const stream = await free(() =>
            isOneWay ? hostile.openUnidirectional(on) : hostile.openBidirectional(on),
          );
          const size = Math.ceil(bytes.length / count);
          for (let at = 0; at < bytes.length; at += size) {
            stream.write(bytes.subarray(at, at + size));
            if (count > 2) await sleep(1);
          }
          if (how === 'end') stream.write(new Uint8Array(), true);
          if (how === 'cut') stream.cut();
          if (how === 'reset' || how === 'stop') stream.reset(5);
          if (how === 'stop') stream.stop(6);
          if (how === 'end' || how === 'cut') await until(() => isOver);
        },
      ),
      400,
    );
    expect(hostile.isOpen).toBe(true);
    await isServed();
    // A list of what is no list is the mistake of this handler.
    expect(errors.filter((each) => (each as unknown[])[0] !== 'list')).toEqual([]);
  });
});

/** A client, and a server that answers as it likes. */
async function pairWithRawServer(
  onStream: (stream: Stream) => StreamHandler,
): Promise<PeerConnection> {
  const identity = createIdentity();
  const server = await openEngine({
    ...identity,
    protocols: [PROTOCOL_2],
    onConnection: (connection) => {
      connection.setHandler({
        onStream: (stream) => (stream.isUnidirectional ? handler() : onStream(stream)),
        onStreamsAvailable: () => undefined,
      });
      connection.openUnidirectional(handler())?.write(encodeHello(OWN_HELLO), true);
    },
  });
  const client = await listen();
  const { host, port } = server;
  return client.connect({ host, port, peerId: identity.peerId }, WITHIN);
}

describe('a peer that answers', () => {
  it.each<readonly [string, Uint8Array, boolean, string]>([
    ['with a message instead of a trailer', encodeMessage(1), true, 'malformed'],
    ['with a head', head('unary', 'echo'), true, 'malformed'],
    ['with nothing', new Uint8Array(), true, 'malformed'],
    ['with half a trailer', encodeTrailer(1).subarray(0, 6), true, 'malformed'],
    ['with two trailers', Buffer.concat([encodeTrailer(1), encodeTrailer(2)]), true, 'malformed'],
    ['with a length beyond all bounds', announced(0xffff_ffff, ''), false, 'malformed'],
  ])('%s fails the unary call', async (_what, bytes, isFinal, code) => {
    const connection = await pairWithRawServer((stream) =>
      handler({ onData: (_, isEnd) => void (isEnd && stream.write(bytes, isFinal)) }),
    );
    expect(await rejection(connection.call('x', 1, WITHIN))).toMatchObject({ code });
    expect(connection.isOpen).toBe(true);
  });

  it.each<readonly [string, Uint8Array, boolean, string, string | undefined]>([
    ['with a head', head('unary', 'echo'), false, 'malformed', 'unexpected-frame'],
    ['with an end', encodeEnd(), false, 'malformed', 'unexpected-frame'],
    ['with no trailer', encodeMessage(1), true, 'unavailable', undefined],
    ['with half a message', encodeMessage(1).subarray(0, 5), true, 'unavailable', undefined],
    ['with nothing at all', new Uint8Array(), true, 'unavailable', undefined],
    [
      'with a length beyond all bounds',
      announced(0xffff_ffff, ''),
      false,
      'malformed',
      'message-too-long',
    ],
    ['with bytes that cannot be read', announced(2, 'c1c1'), false, 'malformed', undefined],
  ])('%s fails the stream', async (_what, bytes, isFinal, code, reason) => {
    const connection = await pairWithRawServer((stream) => {
      stream.write(bytes, isFinal);
      return handler();
    });
    const messages = connection.serverStream('x', 1, WITHIN);
    const read = async (): Promise<void> => {
      for await (const _ of messages);
    };
    expect(await rejection(read())).toMatchObject({ code, reason });
    expect(connection.isOpen).toBe(true);
    expect(connection.stats().callsOpen).toBe(0);
  });

  it('and goes on after the trailer is not heard', async () => {
    const connection = await pairWithRawServer((stream) => {
      stream.write(Buffer.concat([encodeMessage(1), encodeTrailer(null), encodeMessage(2)]));
      return handler();
    });
    const seen: unknown[] = [];
    for await (const message of connection.serverStream('x', 1, WITHIN)) seen.push(message);
    expect(seen).toEqual([1]);
  });

  it('and floods a reader that does not read is held back', async () => {
    let stream: Stream | undefined;
    const connection = await pairWithRawServer((opened) => {
      stream = opened;
      for (let count = 0; count < 1_000; count += 1) {
        opened.write(encodeMessage(new Uint8Array(10_000)));
      }
      return handler();
    });
    const messages = connection.serverStream('x', 1, WITHIN);
    await messages.next();
    await sleep(300);
    expect(stream?.queuedBytes).toBeGreaterThan(10_000_000 - 2_500_000);
    await messages.return?.();
  });
});
