import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stream } from '../../../transport/quic/index.js';
import {
  HEAD_BYTES_MAX,
  METADATA_ENTRIES_MAX,
  UNREAD_BYTES_HIGH,
} from '../../../transport/rpc/limits.js';
import {
  decodeFrame,
  encodeEnd,
  encodeHead,
  encodeMessage,
  encodeNotification2,
  encodeTrailer,
} from '../../../transport/rpc/wire2.js';
import { encodeFrame } from '../../../transport/rpc/codec.js';
import { handler } from '../quic/engines.js';
import { fuzz } from '../seed.js';

import { announced, answerTo, call, free, head, servedBeside } from './misbehaving.js';
import { sleep, until } from '../../waiting.js';

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
    const slow = encodeHead({ kind: 'unary', method: 'echo', timeoutMs: 200 });
    const answer = await answerTo(hostile, [slow, announced(1_000_000, '00')], false);
    expect(answer.code).toBe('deadline-exceeded');
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
