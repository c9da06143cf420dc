import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Stream, StreamHandler } from '../../../transport/quic/index.js';
import { encodeHello, OWN_HELLO } from '../../../transport/rpc/hello.js';
import type { PeerConnection } from '../../../transport/rpc/rpc.js';
import {
  PROTOCOL_2,
  encodeEnd,
  encodeMessage,
  encodeTrailer,
} from '../../../transport/rpc/wire2.js';
import { handler, openEngine } from '../quic/engines.js';
import { listen, rejection } from './pair.js';

import { announced, head } from './misbehaving.js';
import { WITHIN, sleep } from '../../waiting.js';

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
