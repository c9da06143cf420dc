import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QuicTransportOptions } from '../../../transport/libp2p/index.js';
import {
  MESSAGE_BYTES_MAX,
  STREAMS_WAITING_MAX,
  STREAM_READ_BYTES_PAUSE,
} from '../../../transport/libp2p/limits.js';
import { fuzz } from '../seed.js';
import { WITHIN, addressOf, pattern, readAll, sendAll, startNode } from './nodes.js';

const PROTOCOL = '/test/1.0.0';
const STREAM_WINDOW_BYTES = 256 * 1024;
const MB = 1024 * 1024;
const PIECE_BYTES = 10_000;
/** More than all buffers on the way hold. */
const BYTES = pattern(8 * MB);
/**
 * What a reader that takes nothing lets through: what is held here, the window of the stream at the
 * engine, one read of the engine and one write on the way.
 */
const HELD_BYTES_MAX = STREAM_READ_BYTES_PAUSE + STREAM_WINDOW_BYTES + 2 * MESSAGE_BYTES_MAX;

const SMALL_WINDOW = { settings: { streamWindowBytes: STREAM_WINDOW_BYTES } };

/** Both ends of one stream, and of its connection. */
async function streamPair(
  options: {
    dialer?: QuicTransportOptions;
    listener?: QuicTransportOptions;
  } = {},
): Promise<{
  local: Stream;
  remote: Stream;
  connection: Connection;
  remoteConnection: Connection;
}> {
  const [one, two] = await Promise.all([
    startNode({}, options.dialer),
    startNode({}, options.listener),
  ]);
  let onStream!: (ends: [Stream, Connection]) => void;
  const opened = new Promise<[Stream, Connection]>((resolve) => {
    onStream = resolve;
  });
  await two.handle(PROTOCOL, (stream, connection) => onStream([stream, connection]));
  const connection = await one.dial(addressOf(two));
  const local = await connection.newStream(PROTOCOL);
  const [remote, remoteConnection] = await opened;
  return { local, remote, connection, remoteConnection };
}

/** Resolves with what the close event says. */
function closed(stream: Stream | Connection): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const onClose = (event: StreamCloseEvent): void => resolve(event.error);
    (stream as Stream).addEventListener('close', onClose, { once: true });
  });
}

/** Resolves when nothing has been written for a while because the stream asks to wait. */
async function stalled(sentBytes: () => number): Promise<number> {
  let before = -1;
  while (before !== sentBytes()) {
    before = sentBytes();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return before;
}

/** Writes `BYTES`, and counts what the stream has let through. */
function counting(stream: Stream): { sent: () => number; done: Promise<void> } {
  let sentBytes = 0;
  const done = (async () => {
    while (sentBytes < BYTES.length) {
      const isReady = stream.send(BYTES.subarray(sentBytes, sentBytes + PIECE_BYTES));
      sentBytes += PIECE_BYTES;
      if (!isReady) await stream.onDrain();
    }
    await stream.close();
  })();
  return { sent: () => sentBytes, done };
}

describe('back-pressure of a stream', () => {
  it('stops the peer while its reader has paused, and loses nothing', async () => {
    const { local, remote } = await streamPair({ listener: SMALL_WINDOW });
    const chunks: Uint8Array[] = [];
    remote.addEventListener('message', ({ data }: StreamMessageEvent) => {
      chunks.push(data.subarray());
    });
    remote.pause();
    const writing = counting(local);
    expect(await stalled(writing.sent)).toBeLessThan(HELD_BYTES_MAX);
    expect(chunks).toHaveLength(0);
    // All of it waits in the engine.
    expect(remote.readBufferLength).toBe(0);
    expect(local.writableNeedsDrain).toBe(true);
    expect(local.writeBufferLength).toBeLessThanOrEqual(PIECE_BYTES);
    const isOver = new Promise((resolve) => remote.addEventListener('end', resolve));
    remote.resume();
    await Promise.all([writing.done, isOver]);
    expect(Buffer.concat(chunks).equals(BYTES)).toBe(true);
  });

  it('stops the peer while nobody reads yet, and loses nothing', async () => {
    const { local, remote } = await streamPair({ listener: SMALL_WINDOW });
    const writing = counting(local);
    expect(await stalled(writing.sent)).toBeLessThan(HELD_BYTES_MAX);
    expect(remote.readBufferLength).toBeLessThanOrEqual(
      STREAM_READ_BYTES_PAUSE + MESSAGE_BYTES_MAX,
    );
    const [received] = await Promise.all([readAll(remote), writing.done]);
    expect(received.equals(BYTES)).toBe(true);
  });

  it('stops the peer while a loop over the stream is busy, and loses nothing', async () => {
    const { local, remote } = await streamPair({ listener: SMALL_WINDOW });
    const writing = counting(local);
    const chunks: Uint8Array[] = [];
    for await (const chunk of remote) {
      if (chunks.length === 0) {
        expect(await stalled(writing.sent)).toBeLessThan(HELD_BYTES_MAX + MESSAGE_BYTES_MAX);
      }
      chunks.push(chunk.subarray());
    }
    await writing.done;
    expect(Buffer.concat(chunks).equals(BYTES)).toBe(true);
  });

  it('keeps below a read buffer that the application made small', async () => {
    const streamOptions = { maxReadBufferLength: 96 * 1024 };
    const { local, remote } = await streamPair({ listener: { ...SMALL_WINDOW, streamOptions } });
    const writing = counting(local);
    await stalled(writing.sent);
    expect(remote.readBufferLength).toBeLessThanOrEqual(96 * 1024);
    expect(remote.status).toBe('open');
    const [received] = await Promise.all([readAll(remote), writing.done]);
    expect(received.equals(BYTES)).toBe(true);
  });

  it('aborts a stream whose writer does not wait', async () => {
    const streamOptions = { maxWriteBufferLength: MB };
    const { local, remote } = await streamPair({
      dialer: { streamOptions },
      listener: SMALL_WINDOW,
    });
    const [ending, remoteEnding] = [closed(local), closed(remote)];
    expect(() => {
      for (let sent = 0; sent < BYTES.length; sent += PIECE_BYTES) {
        local.send(BYTES.subarray(sent, sent + PIECE_BYTES));
      }
    }).toThrow(/closed/);
    expect(await ending).toMatchObject({ name: 'StreamBufferError' });
    expect(await remoteEnding).toMatchObject({ name: 'StreamResetError' });
  });
});

describe('what is written in any pieces', () => {
  it('comes as it was, in both directions, whether the reader pauses or not', async () => {
    const [one, two] = await Promise.all([startNode(), startNode({}, SMALL_WINDOW)]);
    await two.handle(PROTOCOL, async (stream) => {
      for await (const chunk of stream) if (!stream.send(chunk)) await stream.onDrain();
      await stream.close();
    });
    const connection = await one.dial(addressOf(two));
    const pieces = fc.array(fc.nat(200_000), { maxLength: 8 });
    await fuzz(
      fc.asyncProperty(pieces, fc.boolean(), async (sizes, isPausing) => {
        const stream = await connection.newStream(PROTOCOL);
        const chunks: Uint8Array[] = [];
        stream.addEventListener('message', ({ data }: StreamMessageEvent) => {
          chunks.push(data.subarray());
          if (!isPausing || stream.readStatus !== 'readable') return;
          stream.pause();
          setImmediate(() => {
            if (stream.readStatus === 'paused') stream.resume();
          });
        });
        const ended = new Promise((resolve) => stream.addEventListener('end', resolve));
        let offset = 0;
        for (const size of sizes) {
          if (!stream.send(BYTES.subarray(offset, offset + size))) await stream.onDrain();
          offset += size;
        }
        await stream.close();
        await ended;
        expect(Buffer.concat(chunks).equals(BYTES.subarray(0, offset))).toBe(true);
      }),
      50,
    );
    expect(connection.streams).toHaveLength(0);
  });
});

describe('the end of a stream', () => {
  it('comes in both directions apart', async () => {
    const { local, remote, connection, remoteConnection } = await streamPair();
    await sendAll(local, Buffer.from('question'), PIECE_BYTES);
    expect((await readAll(remote)).toString()).toBe('question');
    expect(local.status).toBe('open');
    expect(local.writeStatus).toBe('closed');
    const [answer] = await Promise.all([
      readAll(local),
      sendAll(remote, Buffer.from('answer'), PIECE_BYTES),
    ]);
    expect(answer.toString()).toBe('answer');
    expect([local.status, remote.status]).toEqual(['closed', 'closed']);
    expect([connection.streams, remoteConnection.streams]).toEqual([[], []]);
  });

  it('is told to a loop that starts after it', async () => {
    const { local, remote } = await streamPair();
    const ended = new Promise((resolve) => remote.addEventListener('end', resolve));
    await local.close();
    await ended;
    expect(await readAll(remote)).toHaveLength(0);
  });

  it('by abort is a reset for the peer, and leaves nothing behind', async () => {
    const { local, remote, connection, remoteConnection } = await streamPair();
    const endings = [closed(local), closed(remote)];
    const reading = readAll(remote);
    local.send(Buffer.from('half of'));
    local.abort(new Error('changed my mind'));
    await expect(reading).rejects.toMatchObject({ name: 'StreamResetError' });
    expect((await endings[0])?.message).toBe('changed my mind');
    expect(await endings[1]).toMatchObject({ name: 'StreamResetError' });
    expect([local.status, remote.status]).toEqual(['aborted', 'reset']);
    expect([connection.streams, remoteConnection.streams]).toEqual([[], []]);
    expect(connection.status).toBe('open');
  });

  it('by abort of the side that was dialled is the same', async () => {
    const { local, remote, connection, remoteConnection } = await streamPair();
    const ending = closed(local);
    remote.abort(new Error('no'));
    expect(await ending).toMatchObject({ name: 'StreamResetError' });
    expect([connection.streams, remoteConnection.streams]).toEqual([[], []]);
    // The place among the streams is free again on both sides.
    const again = await connection.newStream(PROTOCOL);
    expect(again.status).toBe('open');
  });

  it.each(['dialling', 'dialled'])(
    'that only the %s side has no interest in reading does not stop its writing',
    async (side) => {
      const { local, remote } = await streamPair();
      const [reader, writer] = side === 'dialling' ? [local, remote] : [remote, local];
      await reader.closeRead();
      expect(reader.readStatus).toBe('closed');
      const received = readAll(writer);
      await sendAll(writer, BYTES, PIECE_BYTES);
      await sendAll(reader, Buffer.from('still here'), PIECE_BYTES);
      expect((await received).toString()).toBe('still here');
      await expect.poll(() => [local.status, remote.status], WITHIN).toEqual(['closed', 'closed']);
    },
  );

  it('is an error, not an end, when the peer closes the connection before it', async () => {
    const { local, remote, remoteConnection } = await streamPair();
    remote.pause();
    const reading = readAll(local);
    const ending = closed(local);
    // Without the muxer, which would end the stream first: what a peer does that crashes.
    remote.send(Buffer.from('half of'));
    remoteConnection.abort(new Error('crash'));
    await expect(reading).rejects.toMatchObject({ name: 'StreamResetError' });
    expect(await ending).toMatchObject({ name: 'StreamResetError' });
  });
});

describe('a connection', () => {
  it('that is aborted is reset at the other side', async () => {
    const { connection, remoteConnection } = await streamPair();
    const endings = [closed(connection), closed(remoteConnection)];
    connection.abort(new Error('enough'));
    expect((await endings[0])?.message).toBe('enough');
    expect(await endings[1]).toMatchObject({ name: 'StreamResetError' });
    expect([connection.status, remoteConnection.status]).toEqual(['aborted', 'reset']);
    await expect(connection.newStream(PROTOCOL)).rejects.toThrow();
    await expect(remoteConnection.newStream(PROTOCOL)).rejects.toThrow();
  });

  it('that is closed delivers what was written before', async () => {
    const { local, remote, connection, remoteConnection } = await streamPair();
    const ending = closed(remoteConnection);
    const received = readAll(remote);
    local.send(BYTES.subarray(0, MB));
    await connection.close();
    expect((await received).equals(BYTES.subarray(0, MB))).toBe(true);
    expect(await ending).toBeUndefined();
    expect([connection.status, remoteConnection.status]).toEqual(['closed', 'closed']);
  });

  it('lets those wait who want more streams than the peer allows', async () => {
    const listener = { settings: { streamsMax: 2 } };
    const { local, connection } = await streamPair({ listener });
    await connection.newStream(PROTOCOL, { maxOutboundStreams: 9 });
    const controller = new AbortController();
    const givenUp = connection.newStream(PROTOCOL, {
      maxOutboundStreams: 9,
      signal: controller.signal,
    });
    let isOpen = false;
    const waiting = connection.newStream(PROTOCOL, { maxOutboundStreams: 9 }).then((stream) => {
      isOpen = true;
      return stream;
    });
    controller.abort();
    await expect(givenUp).rejects.toMatchObject({ name: 'AbortError' });
    expect(isOpen).toBe(false);
    local.abort(new Error('makes room'));
    expect((await waiting).status).toBe('open');
  });

  it('lets no more than 1,024 wait', async () => {
    const listener = { settings: { streamsMax: 1 } };
    const { connection } = await streamPair({ listener });
    const waiting = Array.from({ length: STREAMS_WAITING_MAX }, () =>
      connection.newStream(PROTOCOL).catch((error: Error) => error.name),
    );
    await expect(connection.newStream(PROTOCOL)).rejects.toMatchObject({
      name: 'Libp2pTransportError',
      code: 'limit',
    });
    connection.abort(new Error('enough'));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['MuxerClosedError']));
  });

  it('that ends lets nobody wait for streams', async () => {
    const listener = { settings: { streamsMax: 1 } };
    const { connection } = await streamPair({ listener });
    const waiting = connection.newStream(PROTOCOL, { maxOutboundStreams: 9 });
    connection.abort(new Error('enough'));
    await expect(waiting).rejects.toMatchObject({ name: 'MuxerClosedError' });
  });
});
