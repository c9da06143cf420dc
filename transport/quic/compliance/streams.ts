import { strict as assert } from 'node:assert';
import type { ComplianceCase } from './case.js';
import { assertSameBytes, bytesOf, connectPair, echo, pattern } from './pair.js';
import type { StreamRecorder } from './recorder.js';

const NOTHING = new Uint8Array();

/** Bytes on streams: order, ends, ids. */
export const streamCases: readonly ComplianceCase[] = [
  {
    name: 'bytes arrive in the order in which they were written, in both directions',
    async run(context) {
      const { client } = await connectPair(context, { onServer: { onStream: echo } });
      const sent = pattern(700_000);
      const recorder = client.bidirectional();
      // Pieces of every size from 1 byte to 40 KB.
      for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 3) % 40_961) {
        recorder.stream.write(sent.subarray(at, at + size), at + size >= sent.length);
      }
      await context.until(() => recorder.isFinal, 'everything has come back');
      assertSameBytes(recorder.received, sent, 'what came back');
    },
  },
  {
    name: 'the last bytes are marked as final, once',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('first'));
      stream.write(bytesOf(' last'), true);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      await context.settle();
      assert.equal(server.streams[0]?.text, 'first last');
      assert.equal(server.streams[0]?.events.filter((event) => event === 'final').length, 1);
    },
  },
  {
    name: 'a stream can end with empty bytes after its data',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('data'));
      await context.until(() => server.streams[0]?.text === 'data', 'the data has come');
      assert.equal(server.streams[0]?.isFinal, false);
      assert.equal(stream.write(NOTHING, true), true, 'an end alone is never queued');
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      assert.deepEqual(server.streams[0]?.events.at(-1), 'final');
      assert.equal(server.streams[0]?.text, 'data');
    },
  },
  {
    name: 'a stream can end without any data',
    async run(context) {
      const { client, server } = await connectPair(context);
      client.bidirectional().stream.write(NOTHING, true);
      client.unidirectional().stream.write(NOTHING, true);
      await context.until(
        () => server.streams.length === 2 && server.streams.every(({ isFinal }) => isFinal),
        'both ends have come',
      );
      for (const { events } of server.streams) assert.deepEqual(events, ['final']);
    },
  },
  {
    name: 'a write of nothing that does not end the stream hands nothing over',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('a'));
      assert.equal(stream.write(NOTHING), true);
      stream.write(NOTHING, false);
      stream.write(bytesOf('b'), true);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      assert.equal(server.streams[0]?.text, 'ab');
    },
  },
  {
    name: 'each direction of a bidirectional stream ends by itself',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('question'), true);
      await context.until(() => server.streams[0]?.isFinal === true, 'the question has come');
      await context.settle();
      assert.deepEqual(recorder.events, []);
      const answer = pattern(100_000);
      server.streams[0]!.stream.write(answer.subarray(0, 50_000));
      server.streams[0]!.stream.write(answer.subarray(50_000), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
      assertSameBytes(recorder.received, answer, 'the answer');
    },
  },
  {
    name: 'ids say who opened a stream and of which type it is, from 0 in steps of 4 (RFC 9000 2.1)',
    async run(context) {
      const { client, server } = await connectPair(context);
      assert.deepEqual(
        ids(() => client.bidirectional()),
        [0, 4, 8],
      );
      assert.deepEqual(
        ids(() => server.bidirectional()),
        [1, 5, 9],
      );
      assert.deepEqual(
        ids(() => client.unidirectional()),
        [2, 6, 10],
      );
      assert.deepEqual(
        ids(() => server.unidirectional()),
        [3, 7, 11],
      );
    },
  },
  {
    name: 'both sides know a stream by the same id and type, and one of them as local',
    async run(context) {
      const { client, server } = await connectPair(context);
      const opened = [
        client.bidirectional(),
        client.unidirectional(),
        server.bidirectional(),
        server.unidirectional(),
      ];
      for (const { stream } of opened) stream.write(bytesOf(`${stream.id}`), true);
      const came = (): StreamRecorder[] => [...server.streams, ...client.streams];
      await context.until(
        () => came().filter(({ isFinal }) => isFinal).length === 4,
        'all streams have come',
      );
      for (const { stream, text } of came()) {
        const there = opened.find(({ stream: { id } }) => id === stream.id)!.stream;
        assert.equal(text, `${stream.id}`);
        assert.equal(stream.isLocal, false);
        assert.equal(there.isLocal, true);
        assert.equal(stream.isUnidirectional, (stream.id & 2) !== 0);
        assert.equal(there.isUnidirectional, (stream.id & 2) !== 0);
        assert.equal(stream.isEarly, false);
        assert.equal(there.isEarly, false);
      }
    },
  },
  {
    name: 'the peer hears of a stream when something is written to it, not before',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      await context.settle();
      assert.equal(server.streams.length, 0);
      stream.write(bytesOf('now'));
      await context.until(() => server.streams[0]?.text === 'now', 'the stream has come');
    },
  },
  {
    name: 'a stream that is written to opens those of its type with lower ids, the lowest first',
    async run(context) {
      const { client, server } = await connectPair(context);
      const opened = [1, 2, 3].map(() => client.bidirectional());
      const other = client.unidirectional();
      opened[2]!.stream.write(bytesOf('third'), true);
      await context.until(() => server.streams.length === 3, 'all three are known');
      assert.deepEqual(
        server.streams.map(({ stream }) => stream.id),
        [0, 4, 8],
      );
      opened[0]!.stream.write(bytesOf('first'), true);
      opened[1]!.stream.write(bytesOf('second'), true);
      other.stream.write(bytesOf('other'), true);
      await context.until(() => server.streams.every(({ isFinal }) => isFinal), 'all have ended');
      await context.until(() => server.streams.length === 4, 'the other type has come');
      assert.deepEqual(
        server.streams.slice(0, 3).map(({ text }) => text),
        ['first', 'second', 'third'],
      );
    },
  },
  {
    name: 'a unidirectional stream carries bytes of the side that opened it alone',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.unidirectional();
      recorder.stream.write(bytesOf('one way'));
      await context.until(() => server.streams[0]?.text === 'one way', 'the bytes have come');
      assert.equal(server.streams[0]!.stream.write(bytesOf('back'), true), true);
      await context.settle();
      assert.deepEqual(recorder.events, []);
      assert.equal(server.streams[0]!.stream.queuedBytes, 0);
    },
  },
  {
    name: 'the side that was dialled opens streams too, of both types',
    async run(context) {
      const { client, server } = await connectPair(context, { onClient: { onStream: echoIfBoth } });
      const asked = server.bidirectional();
      asked.stream.write(bytesOf('ask'), true);
      server.unidirectional().stream.write(bytesOf('tell'), true);
      await context.until(() => asked.isFinal && client.streams.length === 2, 'both have come');
      await context.until(() => client.streams.every(({ isFinal }) => isFinal), 'both have ended');
      assert.equal(asked.text, 'ask');
      assert.deepEqual(client.streams.map(({ text }) => text).sort(), ['ask', 'tell']);
    },
  },
  {
    name: 'bytes may be changed once `write` has returned true',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      const bytes = new Uint8Array(100).fill(7);
      assert.equal(stream.write(bytes), true);
      bytes.fill(8);
      assert.equal(stream.write(bytes), true);
      bytes.fill(9);
      // `slice` of a Buffer copies nothing.
      const buffer = Buffer.alloc(100, 10);
      assert.equal(stream.write(buffer, true), true);
      buffer.fill(11);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      const expected = Buffer.concat([7, 8, 10].map((byte) => Buffer.alloc(100, byte)));
      assertSameBytes(server.streams[0]!.received, expected, 'what was written');
    },
  },
  {
    name: 'whoever changes the bytes that it is handed changes nothing of the sender or of the stream',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: { onStream: () => ({ onData: (bytes) => void bytes.fill(0) }) },
      });
      const sent = pattern(50_000);
      const kept = sent.slice();
      const { stream } = client.bidirectional();
      stream.write(sent);
      stream.write(sent, true);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      assertSameBytes(sent, kept, 'the bytes of the sender');
      assertSameBytes(server.streams[0]!.received, Buffer.concat([kept, kept]), 'what came');
    },
  },
  {
    name: 'a hundred streams at once each bring back what was written to them',
    async run(context) {
      const { client } = await connectPair(context, { onServer: { onStream: echo } });
      const recorders = Array.from({ length: 100 }, () => client.bidirectional());
      const sent = recorders.map((_, index) => pattern(5_000 + index, index + 1));
      for (const half of [0, 1]) {
        recorders.forEach(({ stream }, index) => {
          const bytes = sent[index]!;
          const middle = bytes.length >> 1;
          stream.write(half === 0 ? bytes.subarray(0, middle) : bytes.subarray(middle), half === 1);
        });
      }
      await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all have ended');
      recorders.forEach(({ received }, index) => {
        assertSameBytes(received, sent[index]!, `stream ${index}`);
      });
    },
  },
  {
    name: 'streams are counted, those of both sides together',
    async run(context) {
      const { client, server } = await connectPair(context);
      const before = client.connection.streamsCount;
      client.bidirectional().stream.write(bytesOf('a'), true);
      client.unidirectional().stream.write(bytesOf('b'), true);
      server.unidirectional().stream.write(bytesOf('c'), true);
      await context.until(() => client.streams.length + server.streams.length === 3, 'all came');
      assert.equal(client.connection.streamsCount - before, 3);
      assert.equal(server.connection.streamsCount - before, 3);
    },
  },
  {
    name: 'the statistics of a connection count at least the bytes that streams have carried',
    async run(context) {
      const { client, server } = await connectPair(context);
      client.bidirectional().stream.write(new Uint8Array(200_000), true);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      const [here, there] = [client.connection.stats(), server.connection.stats()];
      assert(here.sentBytes >= 200_000 && there.receivedBytes >= 200_000);
      assert(here.sentPackets > 0 && there.receivedPackets > 0 && here.lostPackets >= 0);
      assert(here.packetBytes >= 1_200 && here.congestionWindowBytes > 0 && here.rttMs >= 0);
    },
  },
  {
    name: 'no handler is called before the call that causes it has returned',
    async run(context) {
      const { client, server } = await connectPair(context, { onServer: { onStream: echo } });
      const recorder = client.bidirectional();
      const others = [client.bidirectional(), client.bidirectional()];
      const spare = client.bidirectional();
      const calls: (() => unknown)[] = [
        () => recorder.stream.write(bytesOf('echo')),
        () => recorder.stream.pause(),
        () => recorder.stream.write(bytesOf('more')),
        () => recorder.stream.resume(),
        () => others[0]!.stream.reset(1),
        () => others[1]!.stream.stop(1),
        () => client.connection.sendDatagram(bytesOf('datagram')),
        () => recorder.stream.write(new Uint8Array(4_000_000)),
        () => spare.stream.cut(),
        () => client.bidirectional(),
      ];
      const all = [recorder, ...others, spare];
      const told = (): number =>
        [...all, ...server.streams].reduce((sum, { events }) => sum + events.length, 0) +
        server.datagrams.length +
        server.streams.length;
      for (const call of calls) {
        const before = told();
        call();
        assert.equal(told(), before, `something was called inside ${call.toString()}`);
        await context.settle();
      }
    },
  },
  {
    name: 'no handler is called before `close` of its connection has returned',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('open'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      await context.settle();
      const closing = client.connection.close(0, '');
      assert.deepEqual(recorder.events, []);
      await closing;
      assert.deepEqual(recorder.events, ['closed']);
    },
  },
];

function echoIfBoth(stream: Parameters<typeof echo>[0]): ReturnType<typeof echo> | undefined {
  return stream.isUnidirectional ? undefined : echo(stream);
}

function ids(open: () => StreamRecorder): number[] {
  return [1, 2, 3].map(() => open().stream.id);
}
