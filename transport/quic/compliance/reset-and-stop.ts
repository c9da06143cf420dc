import { strict as assert } from 'node:assert';
import { ERROR_CODE_MAX } from '../limits.js';
import type { ComplianceCase } from './case.js';
import { assertSameBytes, bytesOf, connectPair, pattern, type PairOptions } from './pair.js';

const NOTHING = new Uint8Array();
const WINDOW = 65_536;

/** The dialled side reads nothing, and has small windows. */
const HELD_UP: PairOptions = {
  server: { settings: { streamWindowBytes: WINDOW, connectionWindowBytes: 16 * WINDOW } },
  onServer: { onStream: (stream) => void stream.pause() },
};

/** How streams are given up (RFC 9000 3, 19.4 and 19.5). */
export const resetAndStopCases: readonly ComplianceCase[] = [
  {
    name: '`reset` tells the peer its code, the smallest and the largest too',
    async run(context) {
      const { client, server } = await connectPair(context);
      for (const [index, code] of [0, 77, ERROR_CODE_MAX].entries()) {
        const { stream } = client.bidirectional();
        stream.write(bytesOf('begun'));
        await context.until(() => server.streams.length === index + 1, 'the stream has come');
        stream.reset(code);
        await context.until(() => server.streams[index]!.resetCode === code, 'the code has come');
      }
    },
  },
  {
    name: '`reset` drops what waits to be sent',
    async run(context) {
      const { client, server } = await connectPair(context, HELD_UP);
      const recorder = client.bidirectional();
      recorder.stream.write(new Uint8Array(10 * WINDOW));
      assert(recorder.stream.queuedBytes > 0);
      recorder.stream.reset(5);
      assert.equal(recorder.stream.queuedBytes, 0);
      assert.equal(client.connection.queuedBytes, 0);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      server.streams[0]!.stream.resume();
      await context.until(() => server.streams[0]!.resetCode === 5, 'the code has come');
      assert(server.streams[0]!.receivedBytes <= WINDOW);
      await context.settle();
      assert.deepEqual(recorder.events, []);
    },
  },
  {
    name: 'what is written after `reset` is dropped without an error',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('kept'));
      await context.until(() => server.streams[0]?.text === 'kept', 'the bytes have come');
      stream.reset(5);
      assert.equal(stream.write(bytesOf('lost')), true);
      assert.equal(stream.write(bytesOf('lost'), true), true);
      assert.equal(stream.queuedBytes, 0);
      await context.until(() => server.streams[0]!.resetCode === 5, 'the code has come');
      await context.settle();
      assert.equal(server.streams[0]!.text, 'kept');
    },
  },
  {
    name: '`reset` ends one direction: the other goes on',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('begun'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      recorder.stream.reset(5);
      await context.until(() => server.streams[0]!.resetCode === 5, 'the code has come');
      const answer = pattern(200_000);
      server.streams[0]!.stream.write(answer, true);
      await context.until(() => recorder.isFinal, 'the answer has come');
      assertSameBytes(recorder.received, answer, 'the answer');
    },
  },
  {
    name: '`reset` after the final bytes were taken changes nothing',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      assert.equal(stream.write(bytesOf('whole'), true), true);
      stream.reset(5);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      stream.reset(6);
      await context.settle();
      assert.equal(server.streams[0]!.text, 'whole');
      assert.equal(server.streams[0]!.resetCode, undefined);
    },
  },
  {
    name: '`reset` while the final bytes wait to be sent drops them',
    async run(context) {
      const { client, server } = await connectPair(context, HELD_UP);
      const { stream } = client.bidirectional();
      assert.equal(stream.write(new Uint8Array(10 * WINDOW), true), false);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      stream.reset(5);
      server.streams[0]!.stream.resume();
      await context.until(() => server.streams[0]!.resetCode === 5, 'the code has come');
      assert.equal(server.streams[0]!.isFinal, false);
    },
  },
  {
    name: 'of two resets the first counts',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('begun'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      stream.reset(5);
      stream.reset(6);
      await context.until(() => server.streams[0]!.resetCode !== undefined, 'a code has come');
      await context.settle();
      assert.equal(server.streams[0]!.resetCode, 5);
    },
  },
  {
    name: 'a reset is told to a paused stream, when it is resumed at the latest',
    async run(context) {
      const { client, server } = await connectPair(context, HELD_UP);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('begun'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      stream.reset(5);
      await context.settle();
      server.streams[0]!.stream.resume();
      await context.until(() => server.streams[0]!.resetCode === 5, 'the code has come');
    },
  },
  {
    name: '`stop` on a stream that this side opened tells the peer its code, also when nothing is sent',
    async run(context) {
      const { client, server } = await connectPair(context);
      for (const [index, code] of [0, 77, ERROR_CODE_MAX].entries()) {
        const { stream } = client.bidirectional();
        stream.write(bytesOf('begun'));
        await context.until(() => server.streams.length === index + 1, 'the stream has come');
        stream.stop(code);
        const there = server.streams[index]!;
        await context.until(() => there.stoppedCode === code, 'the code has come');
      }
    },
  },
  {
    name: 'what is written after the peer stopped the stream is dropped without an error',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('begun'), true);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      recorder.stream.stop(5);
      const there = server.streams[0]!;
      await context.until(() => there.stoppedCode === 5, 'the code has come');
      assert.equal(there.stream.write(new Uint8Array(5_000_000)), true);
      assert.equal(there.stream.write(NOTHING, true), true);
      assert.equal(there.stream.queuedBytes, 0);
      await context.settle();
      assert.deepEqual(recorder.events, []);
    },
  },
  {
    name: '`stop` frees a peer that is held up, which is not told that its queue was drained',
    async run(context) {
      const { client, server } = await connectPair(context, {
        client: { settings: { streamWindowBytes: WINDOW } },
      });
      const recorder = client.bidirectional();
      recorder.stream.pause();
      recorder.stream.write(bytesOf('begun'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      const there = server.streams[0]!;
      assert.equal(there.stream.write(new Uint8Array(10 * WINDOW)), false);
      await context.settle();
      recorder.stream.stop(5);
      await context.until(() => there.stoppedCode === 5, 'the code has come');
      assert.equal(there.stream.queuedBytes, 0);
      await context.settle();
      assert.equal(there.drainedCount, 0);
    },
  },
  {
    name: 'after `stop` nothing more is handed over, of either side of a stream',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: { onStream: (stream) => ({ onData: () => stream.stop(5) }) },
      });
      const recorder = client.bidirectional({ onData: () => recorder.stream.stop(6) });
      recorder.stream.write(bytesOf('one'));
      await context.until(() => server.streams[0]?.text === 'one', 'the first bytes have come');
      recorder.stream.write(bytesOf('two'), true);
      server.streams[0]!.stream.write(bytesOf('three'));
      await context.until(() => recorder.events.length === 1, 'the answer has come');
      server.streams[0]!.stream.write(bytesOf('four'), true);
      await context.settle();
      assert.deepEqual(recorder.events, ['data']);
      assert.equal(server.streams[0]!.text, 'one');
      assert.equal(server.streams[0]!.isFinal, false);
    },
  },
  {
    name: '`stop` on a stream of the peer drops what comes, and the peer is not told',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: { onStream: (stream) => void stream.stop(5) },
      });
      const recorder = client.bidirectional();
      recorder.stream.write(new Uint8Array(4_000_000), true);
      await context.until(() => recorder.stream.queuedBytes === 0, 'everything was taken');
      server.streams[0]!.stream.write(bytesOf('answer'), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
      assert.equal(recorder.text, 'answer');
      assert.equal(recorder.stoppedCode, undefined);
      assert.deepEqual(server.streams[0]!.events, []);
    },
  },
  {
    name: '`stop` ends one direction: what this side sends on the stream goes on, much or little',
    async run(context) {
      const { client, server } = await connectPair(context);
      for (const [index, length] of [10, 200_000].entries()) {
        const { stream } = client.bidirectional();
        const sent = pattern(length);
        stream.write(sent.subarray(0, length / 2));
        await context.until(() => server.streams.length === index + 1, 'the stream has come');
        const there = server.streams[index]!;
        await context.until(() => there.receivedBytes === length / 2, 'the first half has come');
        stream.stop(5);
        await context.until(() => there.stoppedCode === 5, 'the code has come');
        stream.write(sent.subarray(length / 2), true);
        await context.until(
          () => there.isFinal || there.resetCode !== undefined,
          'the other half has come',
        );
        assertSameBytes(there.received, sent, 'what came');
      }
    },
  },
  {
    name: '`stop` twice, or after the end, changes nothing',
    async run(context) {
      const { client, server } = await connectPair(context);
      const [stopped, ended] = [client.bidirectional(), client.bidirectional()];
      stopped.stream.write(bytesOf('begun'));
      ended.stream.write(bytesOf('begun'));
      await context.until(() => server.streams.length === 2, 'the streams have come');
      stopped.stream.stop(5);
      stopped.stream.stop(6);
      server.streams[1]!.stream.write(NOTHING, true);
      await context.until(() => ended.isFinal, 'the end has come');
      ended.stream.stop(7);
      await context.until(() => server.streams[0]!.stoppedCode !== undefined, 'a code has come');
      await context.settle();
      assert.equal(server.streams[0]!.stoppedCode, 5);
      assert.equal(server.streams[1]!.stoppedCode, undefined);
    },
  },
  {
    name: '`reset` and then `stop` tell the peer both',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.write(bytesOf('begun'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      stream.reset(5);
      stream.stop(6);
      const there = server.streams[0]!;
      await context.until(() => there.resetCode === 5 && there.stoppedCode === 6, 'both have come');
    },
  },
  {
    name: '`cut` ends a stream in the ordinary way before all of it was sent',
    async run(context) {
      const { client, server } = await connectPair(context, HELD_UP);
      const { stream } = client.bidirectional();
      const sent = pattern(10 * WINDOW);
      stream.write(sent, true);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      stream.cut();
      assert.equal(stream.queuedBytes, 0);
      const there = server.streams[0]!;
      there.stream.resume();
      await context.until(() => there.isFinal, 'the end has come');
      assert(there.receivedBytes < sent.length, 'not everything was sent');
      assertSameBytes(there.received, sent.subarray(0, there.receivedBytes), 'what came');
      assert.equal(there.resetCode, undefined);
    },
  },
  {
    name: '`cut` sends what the engine has taken',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      assert.equal(stream.write(bytesOf('taken')), true);
      stream.cut();
      assert.equal(stream.write(bytesOf('dropped')), true);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      stream.cut();
      await context.settle();
      assert.equal(server.streams[0]!.text, 'taken');
    },
  },
  {
    name: 'a handler that throws loses its stream, which the peer is told, and no other',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: {
          onStream: (stream) => ({
            onData: (bytes, isFinal) => {
              if (bytes[0] === 0) throw new Error('a bug in a handler');
              stream.write(new Uint8Array(bytes), isFinal);
            },
          }),
        },
      });
      const recorders = [0, 1, 0, 2].map((byte) => {
        const recorder = client.bidirectional();
        recorder.stream.write(Uint8Array.of(byte), true);
        return recorder;
      });
      await context.until(
        () => recorders.every(({ isFinal, resetCode }) => isFinal || resetCode !== undefined),
        'all streams are over',
      );
      assert.deepEqual(
        recorders.map(({ isFinal }) => isFinal),
        [false, true, false, true],
      );
      assert.equal(client.connection.isOpen, true);
      assert.equal(server.connection.isOpen, true);
    },
  },
  {
    name: 'a handler may give its own stream up, both ways, inside `onData`',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: {
          onStream: (stream) => ({
            onData: () => {
              stream.reset(9);
              stream.stop(9);
            },
          }),
        },
      });
      const recorder = client.bidirectional();
      recorder.stream.write(new Uint8Array(300_000), true);
      await context.until(() => recorder.resetCode === 9, 'the code has come');
      await context.settle();
      assert.equal(server.streams[0]!.events.length, 1);
    },
  },
];
