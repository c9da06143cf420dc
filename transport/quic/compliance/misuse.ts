import { strict as assert, AssertionError } from 'node:assert';
import { ERROR_CODE_MAX } from '../limits.js';
import type { ComplianceCase } from './case.js';
import { bytesOf, connectPair, echo } from './pair.js';

const NO_CODES = [-1, 1.5, ERROR_CODE_MAX + 1, NaN, Infinity];

/** What only a bug of the user can cause is an assertion, at the place of the bug. */
export const misuseCases: readonly ComplianceCase[] = [
  {
    name: 'a second handler of a connection is an assertion',
    async run(context) {
      const { client } = await connectPair(context);
      assert.throws(() => client.connection.setHandler(client), AssertionError);
      assert.equal(client.connection.isOpen, true);
    },
  },
  {
    name: 'a code of a stream that is no integer from 0 to 2^53 - 1 is an assertion',
    async run(context) {
      const { client } = await connectPair(context, { onServer: { onStream: echo } });
      const recorder = client.bidirectional();
      for (const code of NO_CODES) {
        assert.throws(() => recorder.stream.reset(code), AssertionError, `reset ${code}`);
        assert.throws(() => recorder.stream.stop(code), AssertionError, `stop ${code}`);
      }
      recorder.stream.write(bytesOf('unharmed'), true);
      await context.until(() => recorder.isFinal, 'the stream still works');
      assert.equal(recorder.text, 'unharmed');
    },
  },
  {
    name: 'a code of `close` that is no integer from 0 to 2^53 - 1 is an assertion',
    async run(context) {
      const { client } = await connectPair(context);
      for (const code of NO_CODES) {
        assert.throws(() => void client.connection.close(code, ''), AssertionError, `${code}`);
      }
      assert.equal(client.connection.isOpen, true);
    },
  },
  {
    name: 'an urgency that is no integer from 0 to 7 is an assertion',
    async run(context) {
      const { client } = await connectPair(context);
      const { stream } = client.bidirectional();
      for (const urgency of [-1, 8, 0.5, NaN]) {
        assert.throws(() => stream.setPriority(urgency, true), AssertionError, `${urgency}`);
      }
      for (const urgency of [0, 7]) stream.setPriority(urgency, false);
    },
  },
  {
    name: 'what is written after the final bytes is never sent',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: { onStream: (stream) => void stream.pause() },
        server: { settings: { streamWindowBytes: 65_536 } },
      });
      const recorders = [client.bidirectional(), client.bidirectional()];
      // One whose end is on its way, and one whose end waits in the queue.
      recorders[0]!.stream.write(bytesOf('end'), true);
      recorders[1]!.stream.write(new Uint8Array(200_000), true);
      for (const { stream } of recorders) {
        // Whether it throws or is dropped depends on how far the end has got.
        try {
          stream.write(bytesOf('too late'));
        } catch (error) {
          assert(error instanceof AssertionError, String(error));
        }
      }
      await context.until(() => server.streams.length === 2, 'the streams have come');
      for (const { stream } of server.streams) stream.resume();
      await context.until(() => server.streams.every(({ isFinal }) => isFinal), 'both have ended');
      await context.settle();
      assert.deepEqual(
        server.streams.map(({ receivedBytes }) => receivedBytes),
        [3, 200_000],
      );
    },
  },
];
