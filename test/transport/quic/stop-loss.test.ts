import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { ForgedPeer } from './forge/forged-peer.js';
import { resetStream } from './forge/frames.js';
import { bidirectional, handler, openEngine } from './engines.js';
import { UdpRelay } from './udp-relay.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;

const lengths = [10, 1_000, 100_000];
it.each([
  ...lengths.map((length) => ({ length, how: 'final bytes', isCut: false })),
  { length: 1_000, how: 'a cut', isCut: true },
])(
  '$length bytes of a stream that was stopped come with $how, though packets are lost',
  async ({ length, isCut }) => {
    const received: Buffer[] = [];
    let end: 'final' | 'reset' | undefined;
    const server = await openEngine({
      onConnection: (connection) =>
        connection.setHandler({
          onStream: () =>
            handler({
              onData: (bytes, isFinal) => {
                received.push(Buffer.from(bytes));
                if (isFinal) end = 'final';
              },
              onReset: () => (end = 'reset'),
            }),
          onStreamsAvailable: () => undefined,
        }),
    });
    const relay = await UdpRelay.to(server.port);
    const client = await openEngine();
    const connection = await client.connect({
      host: '127.0.0.1',
      port: relay.port,
      ...WITHIN,
      authenticate: () => ACCEPT,
      onOpen: (opened) =>
        opened.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined }),
    });
    const stream = bidirectional(connection);
    stream.write(Buffer.alloc(length / 2, 1));
    await until(() => received.length > 0);
    relay.filter = (direction) => direction === 'down';
    stream.stop(5);
    stream.write(Buffer.alloc(length / 2, 2), !isCut);
    if (isCut) stream.cut();
    await sleep(200);
    relay.filter = () => true;
    await until(() => end !== undefined);
    expect(end).toBe('final');
    const expected = [Buffer.alloc(length / 2, 1), Buffer.alloc(length / 2, 2)];
    expect(Buffer.concat(received)).toEqual(Buffer.concat(expected));
  },
);

it('a stream that was stopped after all else came is looked after until quiche frees it', async () => {
  const engine = await openEngine({
    onConnection: (connection) => {
      connection.setHandler({ onStream: () => handler(), onStreamsAvailable: () => undefined });
      const opened = bidirectional(connection);
      opened.write(Buffer.from('x'), true);
      setTimeout(() => opened.stop(5), 200);
    },
  });
  const peer = await ForgedPeer.connect(engine.port);
  const sent = (wanted: object): boolean =>
    peer.received.some(({ frames }) => frames.some((frame) => isDeepStrictEqual(frame, wanted)));
  await until(() => peer.framesOf('stop-sending').length > 0);
  expect(sent({ kind: 'stream', id: 1, offset: 1, length: 0 })).toBe(false);
  peer.send([resetStream(1, 5, 0)]);
  // What it is acknowledged by makes quiche look.
  await until(() => sent({ kind: 'stream', id: 1, offset: 1, length: 0 }));
  expect(peer.framesOf('reset-stream')).toEqual([]);
  peer.close();
});
