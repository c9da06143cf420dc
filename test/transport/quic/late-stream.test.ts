import { afterEach, expect, it } from 'vitest';
import { ForgedPeer } from './forge/forged-peer.js';
import { stream } from './forge/frames.js';
import { handler, openEngine } from './engines.js';
import { sleep, until } from '../../waiting.js';

const peers: ForgedPeer[] = [];
afterEach(() => {
  for (const peer of peers.splice(0)) peer.close();
});

// What a lost packet does: the stream after it comes first, and opens the one before (RFC 9000 2.1).
it.each([
  { when: 'with its answer', isAtOnce: false },
  { when: 'when the answer was written before the question came', isAtOnce: true },
])('a stream whose first packet comes late is answered, $when', async ({ isAtOnce }) => {
  const engine = await openEngine({
    onConnection: (connection) =>
      connection.setHandler({
        onStream: (opened) => {
          if (isAtOnce) opened.write(Buffer.from('answer'), true);
          return handler({
            onData: (_, isFinal) => {
              if (!isAtOnce && isFinal) opened.write(Buffer.from('answer'), true);
            },
          });
        },
        onStreamsAvailable: () => undefined,
      }),
  });
  const peer = await ForgedPeer.connect(engine.port);
  peers.push(peer);
  const answered = (id: number): boolean =>
    peer.framesOf('stream').some((frame) => frame.id === id && frame.length === 6);
  peer.send([stream(4, 0, Buffer.from('second'), true)]);
  await until(() => answered(4));
  // Meanwhile it is looked whether the peer has stopped its streams.
  await sleep(100);
  peer.send([stream(8, 0, Buffer.from('third'), true)]);
  await until(() => answered(8));
  expect(answered(0)).toBe(false);
  peer.send([stream(0, 0, Buffer.from('first'), true)]);
  await until(() => answered(0));
});
