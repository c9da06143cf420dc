import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../transport/quic/connection.js';
import type { Stream } from '../../../transport/quic/stream.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { CLOSE_CODE } from '../../../transport/rpc/codes.js';
import { OWN_HELLO, encodeHello } from '../../../transport/rpc/hello.js';
import type { PeerConnection } from '../../../transport/rpc/rpc.js';
import { PROTOCOL_2, encodeMany, encodeNotification2 } from '../../../transport/rpc/wire2.js';
import { handler, openEngine } from '../quic/engines.js';
import { WITHIN, sleep, until } from '../../waiting.js';
import { misbehaving } from './misbehaving.js';
import { listen, pair } from './pair.js';

const IN_ORDER = { inOrder: true };

/** What one unidirectional stream brought to a peer, and whether it has ended. */
interface Brought {
  bytes: string;
  isFinal: boolean;
}

/** A connection to a peer that only writes down what streams bring it, and says hello with these features. */
async function toPeer(
  features: readonly string[],
  onStream?: (stream: Stream) => void,
): Promise<{ readonly connection: PeerConnection; readonly streams: Brought[] }> {
  const identity = createIdentity();
  const streams: Brought[] = [];
  const engine = await openEngine({
    ...identity,
    protocols: [PROTOCOL_2],
    onConnection: (opened) => {
      opened.setHandler({
        onStream: (stream) => {
          const brought = { bytes: '', isFinal: false };
          streams.push(brought);
          onStream?.(stream);
          return handler({
            onData: (bytes, isFinal) => {
              brought.bytes += Buffer.from(bytes).toString('hex');
              brought.isFinal = isFinal;
            },
          });
        },
        onStreamsAvailable: () => undefined,
      });
      const hello = encodeHello({ ...OWN_HELLO, features });
      opened.openUnidirectional(handler())?.write(hello, true);
    },
  });
  const client = await listen();
  const { host, port } = engine;
  const connection = await client.connect({ host, port, peerId: identity.peerId }, WITHIN);
  await until(() => streams.length === 1 && streams[0]?.isFinal === true);
  return { connection, streams };
}

/** A connection of a peer that writes bytes as it likes, and what the handler `note` was given. */
async function fromPeer(): Promise<{ readonly connection: Connection; readonly notes: unknown[] }> {
  const notes: unknown[] = [];
  const server = await listen({ note: (payload) => void notes.push(payload) });
  const connection = await misbehaving(server.port);
  connection.openUnidirectional(handler())?.write(encodeHello(OWN_HELLO), true);
  return { connection, notes };
}

function note(payload: unknown): Uint8Array {
  return encodeNotification2({ method: 'note', payload });
}

/** [2, 6] with its length. */
const MANY = '00000003 92 02 06'.replaceAll(' ', '');
/** [2, 5, "note", 1, nil] with its length, as this release has written it from the first on. */
const NOTE_1 = '0000000a 95 02 05 a4 6e6f7465 01 c0'.replaceAll(' ', '');

describe('notifications in order', () => {
  it('go on one stream, one after the other, to a peer that reads them so', async () => {
    const { connection, streams } = await toPeer(['ordered-notifications']);
    for (let number = 0; number < 300; number += 1) {
      expect(connection.notify('note', 1, IN_ORDER)).toBe(true);
    }
    expect(connection.notify('note', 1)).toBe(true);
    await until(
      () => streams[1]?.bytes === MANY + NOTE_1.repeat(300) && streams[2]?.bytes === NOTE_1,
    );
    expect(streams.map(({ isFinal }) => isFinal)).toEqual([true, false, true]);
    await connection.close();
    await until(() => streams[1]?.isFinal === true);
  });

  it('go on a stream each to a release before, which reads one of each', async () => {
    const { connection, streams } = await toPeer(['datagrams', 'early-data', 'idempotency-keys']);
    for (let number = 0; number < 3; number += 1) connection.notify('note', 1, IN_ORDER);
    await until(() => streams.filter(({ isFinal }) => isFinal).length === 4);
    expect(streams.slice(1).map(({ bytes }) => bytes)).toEqual([NOTE_1, NOTE_1, NOTE_1]);
  });

  it('come in order, many more than the peer has places for streams', async () => {
    const seen: unknown[] = [];
    const { connection } = await pair(
      { note: (payload) => void seen.push((payload as [number])[0]) },
      { server: { settings: { streamsMax: 2 } } },
    );
    const numbers = Array.from({ length: 500 }, (_each, number) => number);
    const paddings = [0, 10, 20_000].map((bytes) => new Uint8Array(bytes));
    for (const number of numbers) {
      expect(connection.notify('note', [number, paddings[number % 3]], IN_ORDER)).toBe(true);
    }
    await until(() => seen.length === numbers.length);
    expect(seen).toEqual(numbers);
  });

  it('that were sent before a close are delivered, without waiting for it to be late', async () => {
    const seen: unknown[] = [];
    const { connection } = await pair({ note: (payload) => void seen.push(payload) });
    for (let number = 0; number < 50; number += 1) connection.notify('note', number, IN_ORDER);
    await connection.close();
    await until(() => seen.length === 50);
  });

  it('are not sent any more when the peer takes nothing, and again when it does', async () => {
    const held: Stream[] = [];
    const { connection } = await toPeer(['ordered-notifications'], (stream) => {
      held.push(stream);
      if (held.length === 2) stream.pause();
    });
    const megabyte = new Uint8Array(1_000_000);
    let sent = 0;
    while (sent < 100 && connection.notify('note', megabyte, IN_ORDER)) {
      sent += 1;
      await sleep(1);
    }
    expect(sent).toBeGreaterThan(10);
    expect(sent).toBeLessThan(40);
    held[1]?.resume();
    await until(() => connection.notify('note', 1, IN_ORDER));
  });
});

describe('a stream of many notifications of a peer', () => {
  it('is read as it comes, however it is cut', async () => {
    const { connection, notes } = await fromPeer();
    const stream = connection.openUnidirectional(handler());
    const bytes = Buffer.concat([encodeMany(), note('a'), note('b'), note('c')]);
    for (const byte of bytes.subarray(0, -1)) {
      stream?.write(Uint8Array.of(byte));
      await sleep(0);
    }
    await until(() => notes.length === 2);
    stream?.write(bytes.subarray(-1), true);
    await until(() => notes.length === 3);
    expect(notes).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['garbage', Uint8Array.of(0, 0, 0, 2, 0xc1, 0xc1)],
    ['a message of another version', Uint8Array.of(0, 0, 0, 3, 0x92, 9, 5)],
    ['a frame that a later release may send', Uint8Array.of(0, 0, 0, 3, 0x92, 2, 99)],
    ['a frame that belongs to calls', encodeMany()],
  ])('goes on after %s', async (_what, wrong) => {
    const { connection, notes } = await fromPeer();
    const bytes = Buffer.concat([encodeMany(), note(1), wrong, note(2)]);
    connection.openUnidirectional(handler())?.write(bytes);
    await until(() => notes.length === 2);
    expect(notes).toEqual([1, 2]);
  });

  it.each([
    ['has a length beyond all bounds', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0), false],
    ['ends inside a message', note('lost').subarray(0, 9), true],
  ])('ends the connection when it %s', async (_what, wrong, isFinal) => {
    const { connection, notes } = await fromPeer();
    const bytes = Buffer.concat([encodeMany(), note(1), wrong]);
    connection.openUnidirectional(handler())?.write(bytes, isFinal);
    const { kind, code, local } = await connection.closed;
    expect([kind, code, local]).toEqual(['application', CLOSE_CODE.protocolViolation, false]);
    expect(notes).toEqual([1]);
  });
});

describe('a stream of one notification', () => {
  it.each([
    ['another message', note(2)],
    ['bytes', Uint8Array.of(0)],
  ])('brings it alone when %s comes after it, and hurts nobody', async (_what, more) => {
    const { connection, notes } = await fromPeer();
    connection.openUnidirectional(handler())?.write(Buffer.concat([note(1), more]), true);
    connection.openUnidirectional(handler())?.write(note(3), true);
    await until(() => notes.includes(3));
    expect(notes.toSorted()).toEqual([1, 3]);
    expect(connection.isOpen).toBe(true);
  });
});
