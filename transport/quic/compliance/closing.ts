import { strict as assert } from 'node:assert';
import type { ConnectionCloseInfo } from '../connection.js';
import { CLOSE_FLUSH_MS_MAX, CLOSE_REASON_BYTES_MAX, ERROR_CODE_MAX } from '../limits.js';
import type { ComplianceCase } from './case.js';
import { assertSameBytes, bytesOf, connectPair, dial, pattern, sideOf, type Side } from './pair.js';
import { StreamRecorder } from './recorder.js';

function closed(code: number, reason: string, local: boolean): ConnectionCloseInfo {
  return { kind: 'application', code, reason, local };
}

/** How connections end. */
export const closingCases: readonly ComplianceCase[] = [
  {
    name: '`close` tells both sides code and reason, and who decided it',
    async run(context) {
      for (const [code, reason] of [
        [7, 'enough'],
        [0, ''],
        [ERROR_CODE_MAX, 'the largest'],
      ] as const) {
        const { client, server } = await connectPair(context);
        assert.deepEqual(await client.connection.close(code, reason), closed(code, reason, true));
        assert.deepEqual(await client.connection.closed, closed(code, reason, true));
        assert.deepEqual(await server.connection.closed, closed(code, reason, false));
      }
    },
  },
  {
    name: 'the side that was dialled closes in the same way',
    async run(context) {
      const { client, server } = await connectPair(context);
      await server.connection.close(8, 'go away');
      assert.deepEqual(await server.connection.closed, closed(8, 'go away', true));
      assert.deepEqual(await client.connection.closed, closed(8, 'go away', false));
    },
  },
  {
    name: 'a reason is text in UTF-8',
    async run(context) {
      const { client, server } = await connectPair(context);
      const reason = 'Auf Wiederhören, 再见, 👋';
      await client.connection.close(1, reason);
      assert.deepEqual(await server.connection.closed, closed(1, reason, false));
    },
  },
  {
    name: `a reason of more than ${CLOSE_REASON_BYTES_MAX} bytes is cut at a whole character`,
    async run(context) {
      const { client, server } = await connectPair(context);
      // One byte first, so that no character of three ends at the bound.
      const reason = `a${'再'.repeat(CLOSE_REASON_BYTES_MAX)}`;
      await client.connection.close(1, reason);
      const { reason: told } = await server.connection.closed;
      assert(Buffer.byteLength(told) <= CLOSE_REASON_BYTES_MAX, 'it is short enough');
      assert(Buffer.byteLength(told) > CLOSE_REASON_BYTES_MAX / 2, 'it is not empty');
      assert(reason.startsWith(told), `it is a beginning, but ends in ${told.slice(-3)}`);
    },
  },
  {
    name: '`close` delivers what was written before it',
    async run(context) {
      const { client, server } = await connectPair(context);
      const sent = pattern(900_000);
      const { stream } = client.bidirectional();
      stream.write(sent, true);
      client.unidirectional().stream.write(bytesOf('the last'), true);
      await client.connection.close(1, 'done');
      await server.connection.closed;
      await context.until(() => server.streams.length === 2, 'both streams have come');
      assertSameBytes(server.streams[0]!.received, sent, 'the first stream');
      assert.equal(server.streams[0]!.isFinal, true);
      assert.equal(server.streams[1]!.text, 'the last');
    },
  },
  {
    name: '`close` delivers also what was written to streams that have not ended',
    async run(context) {
      const { client, server } = await connectPair(context);
      client.bidirectional().stream.write(bytesOf('begun, not ended'));
      await client.connection.close(1, 'done');
      await server.connection.closed;
      assert.equal(server.streams[0]?.text, 'begun, not ended');
      assert.equal(server.streams[0]?.isFinal, false);
      assert.deepEqual(server.streams[0]?.closeInfo, closed(1, 'done', false));
    },
  },
  {
    name: '`close` delivers what a stream holds for a peer that is slow, as it reads',
    async run(context) {
      const settings = { streamWindowBytes: 65_536, connectionWindowBytes: 65_536 };
      const { client, server } = await connectPair(context, { server: { settings } });
      const sent = pattern(1_000_000);
      assert.equal(client.bidirectional().stream.write(sent, true), false);
      await client.connection.close(1, 'done');
      await server.connection.closed;
      assertSameBytes(server.streams[0]!.received, sent, 'what came');
    },
  },
  {
    name: '`close` does not wait for ever for a peer that does not read',
    async run(context) {
      const { client, server } = await connectPair(context, {
        server: { settings: { streamWindowBytes: 65_536 } },
        onServer: { onStream: (stream) => void stream.pause() },
      });
      client.bidirectional().stream.write(new Uint8Array(1_000_000), true);
      await context.until(() => server.streams.length === 1, 'the stream has come');
      const startedAt = performance.now();
      await client.connection.close(9, 'late');
      const tookMs = performance.now() - startedAt;
      assert(tookMs < 4 * CLOSE_FLUSH_MS_MAX, `it took ${Math.round(tookMs)} ms`);
      assert.deepEqual(await server.connection.closed, closed(9, 'late', false));
    },
  },
  {
    name: '`close` with nothing to deliver takes no fixed time',
    async run(context) {
      const { client } = await connectPair(context);
      await context.settle();
      const startedAt = performance.now();
      await client.connection.close(0, '');
      const tookMs = performance.now() - startedAt;
      assert(tookMs < CLOSE_FLUSH_MS_MAX / 2, `it took ${Math.round(tookMs)} ms`);
    },
  },
  {
    name: 'streams that are open hear of the end, on both sides, once; those that are over do not',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: {
          onStream: (stream) => ({
            onData: (bytes, isFinal) => {
              if (isFinal) stream.write(new Uint8Array(bytes), true);
            },
          }),
        },
      });
      const [open, over, sending] = [
        client.bidirectional(),
        client.bidirectional(),
        client.unidirectional(),
      ];
      open.stream.write(bytesOf('open'));
      over.stream.write(bytesOf('over'), true);
      sending.stream.write(bytesOf('over too'), true);
      await context.until(() => over.isFinal && server.streams.length === 3, 'all have come');
      await context.settle();
      await client.connection.close(3, 'end');
      await server.connection.closed;
      assert.deepEqual(open.closeInfo, closed(3, 'end', true));
      assert.equal(over.closeInfo, undefined);
      assert.equal(sending.closeInfo, undefined);
      const there = server.streams.map(({ stream, closeInfo }) => [stream.id, closeInfo] as const);
      assert.deepEqual(
        new Map(there),
        new Map([
          [0, closed(3, 'end', false)],
          [4, undefined],
          [2, undefined],
        ]),
      );
      await context.settle();
    },
  },
  {
    name: 'streams hear of the end before `closed` resolves',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('open'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      const seen: (ConnectionCloseInfo | undefined)[] = [];
      void client.connection.closed.then(() => seen.push(recorder.closeInfo));
      void server.connection.closed.then(() => seen.push(server.streams[0]!.closeInfo));
      await client.connection.close(3, 'end');
      await context.until(() => seen.length === 2, 'both sides are closed');
      assert(!seen.includes(undefined), 'each had been told');
    },
  },
  {
    name: 'of two calls of `close` the first counts, and both get its outcome',
    async run(context) {
      const { client, server } = await connectPair(context);
      const first = client.connection.close(1, 'first');
      const second = client.connection.close(2, 'second');
      assert.deepEqual(await first, closed(1, 'first', true));
      assert.deepEqual(await second, closed(1, 'first', true));
      assert.deepEqual(await client.connection.close(3, 'third'), closed(1, 'first', true));
      assert.deepEqual(await server.connection.closed, closed(1, 'first', false));
      assert.deepEqual(await server.connection.close(4, 'fourth'), closed(1, 'first', false));
    },
  },
  {
    name: 'both sides may close at once',
    async run(context) {
      const { client, server } = await connectPair(context);
      const infos = await Promise.all([
        client.connection.close(1, 'client'),
        server.connection.close(2, 'server'),
      ]);
      for (const info of infos) {
        assert.equal(info.kind, 'application');
        assert.equal(info.reason, info.code === 1 ? 'client' : 'server');
      }
    },
  },
  {
    name: 'from `close` on the connection is not open and gives no streams',
    async run(context) {
      const { client, server } = await connectPair(context);
      const closing = client.connection.close(0, '');
      const check = ({ connection }: Side): void => {
        assert.equal(connection.isOpen, false);
        assert.equal(connection.openBidirectional(new StreamRecorder(context)), undefined);
        assert.equal(connection.openUnidirectional(new StreamRecorder(context)), undefined);
      };
      check(client);
      await closing;
      check(client);
      await server.connection.closed;
      check(server);
    },
  },
  {
    name: 'what is written after the end is dropped, and other calls on a stream do no harm',
    async run(context) {
      const { client, server } = await connectPair(context);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('open'));
      await context.until(() => server.streams.length === 1, 'the stream has come');
      await client.connection.close(0, '');
      await server.connection.closed;
      for (const { stream } of [recorder, server.streams[0]!]) {
        assert.equal(stream.write(bytesOf('late')), true);
        assert.equal(stream.queuedBytes, 0);
        stream.pause();
        stream.resume();
        stream.reset(1);
        stream.stop(1);
        stream.cut();
        assert.equal(stream.write(bytesOf('late'), true), true);
      }
      assert.equal(client.connection.queuedBytes, 0);
      await context.settle();
    },
  },
  {
    name: 'a handler may close its connection inside `onData`',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: {
          onStream: () => ({ onData: () => void server.connection.close(6, 'seen') }),
        },
      });
      client.bidirectional().stream.write(bytesOf('close'));
      assert.deepEqual(await client.connection.closed, closed(6, 'seen', false));
      assert.deepEqual(await server.connection.closed, closed(6, 'seen', true));
    },
  },
  {
    name: 'a connection whose own handler throws is closed, and no other',
    async run(context) {
      const accepted: Side[] = [];
      const serverEngine = await context.open({
        onConnection: (connection) => {
          accepted.push(
            sideOf(context, connection, {
              onStream: () => {
                throw new Error('a bug in a handler, which is not for the peer');
              },
            }),
          );
        },
      });
      const clientEngine = await context.open();
      const [one, two] = [
        await dial(context, clientEngine, serverEngine),
        await dial(context, clientEngine, serverEngine),
      ];
      one.bidirectional().stream.write(bytesOf('break'));
      const info = await one.connection.closed;
      assert.equal(info.kind, 'transport');
      assert.equal(info.local, false);
      assert(!info.reason.includes('a bug'), 'the text of the error stays on its side');
      await context.settle();
      assert.equal(two.connection.isOpen, true);
      await context.until(() => accepted.length === 2, 'both had come');
      assert.equal(accepted.filter(({ connection }) => connection.isOpen).length, 1);
    },
  },
  {
    name: 'without keep-alive a connection that hears nothing is over, on both sides, as `idle`',
    async run(context) {
      const settings = { idleTimeoutMs: 300, keepAliveMs: 0 };
      const { client, server } = await connectPair(context, {
        client: { settings },
        server: { settings: { ...settings, idleTimeoutMs: 60_000 } },
      });
      const recorder = client.bidirectional();
      for (const { connection } of [client, server]) {
        const { kind, code, local } = await connection.closed;
        assert.deepEqual({ kind, code, local }, { kind: 'idle', code: 0, local: false });
      }
      assert.equal(recorder.closeInfo?.kind, 'idle');
    },
  },
  {
    name: 'with keep-alive a connection outlives its idle timeout',
    async run(context) {
      const settings = { idleTimeoutMs: 400, keepAliveMs: 50 };
      const { client, server } = await connectPair(context, {
        client: { settings },
        server: { settings: { ...settings, keepAliveMs: 0 } },
      });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.equal(client.connection.isOpen, true);
      assert.equal(server.connection.isOpen, true);
    },
  },
  {
    name: 'an engine that closes tells its peers before its address is gone',
    async run(context) {
      const { client, serverEngine } = await connectPair(context);
      await serverEngine.close(5, 'bye');
      assert.deepEqual(await client.connection.closed, closed(5, 'bye', false));
    },
  },
];
