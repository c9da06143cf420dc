import { strict as assert } from 'node:assert';
import { STREAM_QUEUE_BYTES_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { Stream } from '../stream.js';
import type { ComplianceCase } from './case.js';
import { assertSameBytes, bytesOf, connectPair, echo, pattern, type Pair } from './pair.js';

const KB = 1_024;
const WINDOW = 64 * KB;
/** Small windows on the side that receives, and no packets but those of the case. */
const SMALL = {
  server: {
    settings: { streamWindowBytes: WINDOW, connectionWindowBytes: 4 * WINDOW, keepAliveMs: 0 },
  },
  client: { settings: { keepAliveMs: 0 } },
};

const pausing = {
  onStream: (stream: Stream): undefined => {
    stream.pause();
  },
};

/** Bytes that are on their way or that the peer holds. */
function takenOf(stream: Stream, written: number): number {
  return written - stream.queuedBytes;
}

/** Windows and back-pressure, in both directions (RFC 9000 4). */
export const flowControlCases: readonly ComplianceCase[] = [
  {
    name: 'a peer that is paused takes one window of a stream, and `write` says that it took no more',
    async run(context) {
      const { client, server } = await connectPair(context, { ...SMALL, onServer: pausing });
      const { stream } = client.bidirectional();
      assert.equal(stream.write(new Uint8Array(3 * WINDOW)), false);
      assert.equal(stream.write(new Uint8Array(1)), false);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      await context.until(() => takenOf(stream, 3 * WINDOW + 1) >= WINDOW, 'the window is full');
      await context.settle();
      assert.equal(takenOf(stream, 3 * WINDOW + 1), WINDOW);
      assert.deepEqual(server.streams[0]?.events, []);
    },
  },
  {
    name: 'all streams together are held to the window of the connection',
    async run(context) {
      const { client } = await connectPair(context, { ...SMALL, onServer: pausing });
      const streams = Array.from({ length: 8 }, () => client.bidirectional().stream);
      for (const stream of streams) stream.write(new Uint8Array(WINDOW));
      const taken = (): number => streams.reduce((sum, stream) => sum + takenOf(stream, WINDOW), 0);
      await context.until(() => taken() >= 4 * WINDOW, 'the window of the connection is full');
      await context.settle();
      assert.equal(taken(), 4 * WINDOW);
      assert.equal(client.connection.queuedBytes, 4 * WINDOW);
    },
  },
  {
    name: 'after `resume` everything that waited arrives, in order',
    async run(context) {
      const { client, server } = await connectPair(context, { ...SMALL, onServer: pausing });
      const sent = pattern(5 * WINDOW);
      const recorder = client.bidirectional();
      recorder.stream.write(sent, true);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      await context.settle();
      server.streams[0]!.stream.resume();
      await context.until(() => server.streams[0]!.isFinal, 'everything has come');
      assertSameBytes(server.streams[0]!.received, sent, 'what came');
      await context.until(() => recorder.drainedCount > 0, 'the sender is told');
      assert.equal(recorder.drainedCount, 1);
      assert.equal(recorder.stream.queuedBytes, 0);
    },
  },
  {
    name: '`resume` hands over what has come without waiting for another packet',
    async run(context) {
      const { client, server } = await connectPair(context, { ...SMALL, onServer: pausing });
      client.bidirectional().stream.write(bytesOf('waits'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      await context.settle();
      assert.deepEqual(server.streams[0]?.events, []);
      server.streams[0]!.stream.resume();
      await context.until(() => server.streams[0]!.text === 'waits', 'it is handed over');
    },
  },
  {
    name: 'a stream that is paused inside `onData` is handed nothing more until `resume`',
    async run(context) {
      const { client, server } = await connectPair(context, {
        ...SMALL,
        onServer: { onStream: (stream) => ({ onData: () => stream.pause() }) },
      });
      const sent = pattern(3 * WINDOW);
      client.bidirectional().stream.write(sent, true);
      await context.until(() => server.streams[0]?.events.length === 1, 'some has come');
      const recorder = server.streams[0]!;
      for (let seen = 1; !recorder.isFinal; seen += 1) {
        await context.settle();
        assert.equal(recorder.events.length, seen, 'nothing comes while it is paused');
        recorder.stream.resume();
        await context.until(() => recorder.events.length > seen, 'more comes after resume');
      }
      assertSameBytes(recorder.received, sent, 'what came');
    },
  },
  {
    name: 'the end of a stream waits while it is paused, though all bytes were handed over',
    async run(context) {
      const { client, server } = await connectPair(context, SMALL);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('data'));
      await context.until(() => server.streams[0]?.text === 'data', 'the data has come');
      const recorder = server.streams[0]!;
      recorder.stream.pause();
      recorder.stream.pause();
      stream.write(new Uint8Array(), true);
      await context.settle();
      assert.equal(recorder.isFinal, false);
      recorder.stream.resume();
      recorder.stream.resume();
      await context.until(() => recorder.isFinal, 'the end is handed over');
    },
  },
  {
    name: '`onDrained` follows a `write` that returned false, once, and no other',
    async run(context) {
      const { client, server } = await connectPair(context, { ...SMALL, onServer: pausing });
      const calm = client.bidirectional();
      assert.equal(calm.stream.write(bytesOf('small')), true);
      const busy = client.bidirectional();
      assert.equal(busy.stream.write(new Uint8Array(2 * WINDOW)), false);
      assert.equal(busy.stream.write(bytesOf('more')), false);
      await context.until(() => server.streams.length === 2, 'the streams have come');
      await context.settle();
      assert.equal(busy.drainedCount, 0);
      for (const { stream } of server.streams) stream.resume();
      await context.until(() => busy.drainedCount > 0, 'the busy one is told');
      await context.settle();
      assert.deepEqual(busy.events, ['drained']);
      assert.deepEqual(calm.events, []);
    },
  },
  {
    name: 'a sender that writes in `onDrained` gets through any amount',
    async run(context) {
      const { client, server } = await connectPair(context, SMALL);
      const sent = pattern(40 * WINDOW);
      let at = 0;
      const pump = (stream: Stream): void => {
        for (let isTaken = true; isTaken && at < sent.length;) {
          const bytes = sent.subarray(at, at + 10_000);
          at += bytes.length;
          isTaken = stream.write(bytes, at === sent.length);
        }
      };
      const recorder = client.bidirectional({ onDrained: () => pump(recorder.stream) });
      pump(recorder.stream);
      assert(at < sent.length, 'a window full is not everything');
      await context.until(() => server.streams[0]?.isFinal === true, 'everything has come');
      assertSameBytes(server.streams[0]!.received, sent, 'what came');
    },
  },
  {
    name: 'bytes come back through a peer that is held up itself',
    async run(context) {
      const settings = { streamWindowBytes: WINDOW, connectionWindowBytes: 2 * WINDOW };
      const { client } = await connectPair(context, {
        server: { settings },
        client: { settings },
        onServer: { onStream: echo },
      });
      const sent = [1, 2, 3].map((seed) => pattern(10 * WINDOW, seed));
      const recorders = sent.map((bytes) => {
        const recorder = client.bidirectional();
        recorder.stream.write(bytes, true);
        return recorder;
      });
      await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all came back');
      recorders.forEach(({ received }, index) => {
        assertSameBytes(received, sent[index]!, `stream ${index}`);
      });
    },
  },
  {
    name: 'a stream that is paused holds up no other',
    async run(context) {
      const { client, server } = await connectPair(context, {
        ...SMALL,
        onServer: {
          onStream: (stream) => {
            if (stream.id === 0) stream.pause();
            return echo(stream);
          },
        },
      });
      client.bidirectional().stream.write(new Uint8Array(5 * WINDOW));
      const other = client.bidirectional();
      other.stream.write(new Uint8Array(10 * WINDOW), true);
      await context.until(() => other.isFinal, 'the other has come back');
      assert.equal(other.receivedBytes, 10 * WINDOW);
      assert.deepEqual(server.streams[0]?.events, []);
    },
  },
  {
    name: 'the window that a stream took and gave up by `reset` is there for others',
    async run(context) {
      const { client, server } = await connectPair(context, SMALL);
      const greedy = [1, 2, 3, 4].map(() => client.bidirectional());
      for (const { stream } of greedy) stream.write(new Uint8Array(WINDOW));
      const other = client.bidirectional();
      assert.equal(other.stream.write(bytesOf('my turn'), true), false);
      for (const { stream } of greedy) stream.reset(1);
      const text = (): string | undefined =>
        server.streams.find(({ stream }) => stream.id === other.stream.id)?.text;
      await context.until(() => text() === 'my turn', 'the other has come');
    },
  },
  {
    name: 'streams that are paused and hold most of the window of the connection leave the rest to others',
    async run(context) {
      const { client, server } = await connectPair(context, {
        ...SMALL,
        onServer: {
          onStream: (stream) => {
            if (stream.id < 12) stream.pause();
            return {};
          },
        },
      });
      const held = [1, 2, 3].map(() => client.bidirectional());
      for (const { stream } of held) stream.write(new Uint8Array(WINDOW));
      await context.until(() => server.streams.length === 3, 'the streams have come');
      const other = client.bidirectional();
      other.stream.write(new Uint8Array(10 * WINDOW), true);
      await context.until(() => server.streams[3]?.isFinal === true, 'the other has come');
      assert.equal(server.streams[3]!.receivedBytes, 10 * WINDOW);
    },
  },
  {
    name: 'a connection whose window is full is quiet until the peer reads',
    async run(context) {
      const { client } = await connectPair(context, { ...SMALL, onServer: pausing });
      const streams = Array.from({ length: 8 }, () => client.bidirectional().stream);
      for (const stream of streams) stream.write(new Uint8Array(WINDOW));
      await context.until(
        () => client.connection.queuedBytes === 4 * WINDOW,
        'the window of the connection is full',
      );
      await context.settle();
      const before = client.connection.stats().sentPackets;
      for (let round = 0; round < 3; round += 1) await context.settle();
      const sent = client.connection.stats().sentPackets - before;
      assert(sent <= 20, `${sent} packets were sent for nothing`);
    },
  },
  {
    name: 'a `write` that would pass the bound of the queue throws `limit`, and changes nothing',
    async run(context) {
      const { client, server } = await connectPair(context, { ...SMALL, onServer: pausing });
      const { stream } = client.bidirectional();
      stream.write(new Uint8Array(2 * WINDOW));
      const before = stream.queuedBytes;
      assert.throws(
        () => stream.write(new Uint8Array(STREAM_QUEUE_BYTES_MAX)),
        (error: unknown) => error instanceof QuicError && error.code === 'limit',
      );
      assert.equal(stream.queuedBytes, before);
      stream.write(bytesOf('end'), true);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      server.streams[0]!.stream.resume();
      await context.until(() => server.streams[0]!.isFinal, 'the end has come');
      assert.equal(server.streams[0]!.receivedBytes, 2 * WINDOW + 3);
    },
  },
  {
    name: 'the bytes of a stream that is reset go back to the window of the connection',
    async run(context) {
      const pair = await connectPair(context, { ...SMALL, onServer: pausing });
      for (let round = 0; round < 12; round += 1) {
        const { stream } = pair.client.bidirectional();
        stream.write(new Uint8Array(WINDOW));
        await context.until(() => pair.server.streams.length === round + 1, 'it has come');
        await context.settle();
        stream.reset(1);
        const there = pair.server.streams[round]!;
        there.stream.resume();
        there.stream.write(new Uint8Array(), true);
        await context.until(() => there.resetCode === 1 || there.isFinal, 'it is over');
      }
      await assertWindowIsWhole(context, pair);
    },
  },
  {
    name: 'the bytes of a stream that is stopped go back to the window of the connection',
    async run(context) {
      const pair = await connectPair(context, {
        ...SMALL,
        onServer: { onStream: (stream) => void stream.stop(1) },
      });
      const recorders = Array.from({ length: 12 }, () => pair.client.bidirectional());
      for (const { stream } of recorders) stream.write(new Uint8Array(2 * WINDOW), true);
      await context.until(
        () => recorders.every(({ stream }) => stream.queuedBytes === 0),
        'everything was read and dropped',
      );
      for (const { events } of pair.server.streams) assert.deepEqual(events, []);
    },
  },
];

/** More than the window of the connection passes. */
async function assertWindowIsWhole(
  context: Parameters<ComplianceCase['run']>[0],
  { client, server }: Pair,
): Promise<void> {
  const count = server.streams.length;
  client.bidirectional().stream.write(new Uint8Array(9 * WINDOW), true);
  await context.until(() => server.streams.length === count + 1, 'a new stream has come');
  const recorder = server.streams[count]!;
  recorder.stream.resume();
  await context.until(() => recorder.isFinal, 'more than the window passes');
  assert.equal(recorder.receivedBytes, 9 * WINDOW);
}
