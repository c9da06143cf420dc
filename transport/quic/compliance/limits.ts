import { strict as assert } from 'node:assert';
import type { ComplianceCase, ComplianceContext } from './case.js';
import { bytesOf, connectPair, echo, type Side } from './pair.js';
import { StreamRecorder } from './recorder.js';

const NOTHING = new Uint8Array();
const FIVE = { server: { settings: { streamsMax: 5 } } };

/** Opens a stream as soon as the peer has room for it. */
async function openSoon(context: ComplianceContext, client: Side): Promise<StreamRecorder> {
  const recorder = new StreamRecorder(context);
  await context.until(() => {
    const stream = client.connection.openBidirectional(recorder);
    if (stream !== undefined) recorder.stream = stream;
    return stream !== undefined;
  }, 'there is a place for a stream');
  return recorder;
}

/** How many streams may be open at once (RFC 9000 4.6). */
export const limitCases: readonly ComplianceCase[] = [
  {
    name: 'no more streams can be opened than the peer allows, for each type apart',
    async run(context) {
      const { client } = await connectPair(context, FIVE);
      for (const type of ['openBidirectional', 'openUnidirectional'] as const) {
        for (let count = 0; count < 5; count += 1) {
          const recorder = new StreamRecorder(context);
          const stream = client.connection[type](recorder);
          assert(stream !== undefined, `${type} works below the limit`);
          recorder.stream = stream;
          stream.write(bytesOf('open'));
        }
        assert.equal(client.connection[type](new StreamRecorder(context)), undefined);
      }
    },
  },
  {
    name: 'the limit that counts is that of the peer, not the own one',
    async run(context) {
      const { client, server } = await connectPair(context, FIVE);
      for (let count = 0; count < 20; count += 1) server.bidirectional();
      for (let count = 0; count < 5; count += 1) client.bidirectional();
      assert.equal(client.connection.openBidirectional(new StreamRecorder(context)), undefined);
    },
  },
  {
    name: 'streams count from when they are opened, also when nothing is written',
    async run(context) {
      const { client } = await connectPair(context, FIVE);
      const opened = Array.from({ length: 5 }, () => client.bidirectional());
      assert.equal(client.connection.openBidirectional(new StreamRecorder(context)), undefined);
      for (const { stream } of opened) stream.write(bytesOf('late'));
      assert.equal(client.connection.openBidirectional(new StreamRecorder(context)), undefined);
    },
  },
  {
    name: 'who was refused a stream is told when there is room, and who was not is not',
    async run(context) {
      const { client, server } = await connectPair(context, FIVE);
      const opened = Array.from({ length: 5 }, () => client.bidirectional());
      for (const { stream } of opened) stream.write(bytesOf('open'), true);
      await context.until(() => server.streams.length === 5, 'the streams have come');
      assert.equal(client.connection.openBidirectional(new StreamRecorder(context)), undefined);
      await context.settle();
      assert.equal(client.availableCount, 0);
      for (const { stream } of server.streams) stream.write(NOTHING, true);
      await context.until(() => client.availableCount > 0, 'room is told');
      client.bidirectional().stream.write(bytesOf('again'), true);
      assert.equal(server.availableCount, 0);
    },
  },
  {
    name: 'nobody is told of room who never was refused',
    async run(context) {
      const { client } = await connectPair(context, { ...FIVE, onServer: { onStream: echo } });
      for (let round = 0; round < 4; round += 1) {
        const recorders = [1, 2, 3].map(() => client.bidirectional());
        for (const { stream } of recorders) stream.write(bytesOf('echo'), true);
        await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all came back');
        // Room for the next round is told by the peer in its own time.
        await context.settle();
      }
      assert.equal(client.availableCount, 0);
    },
  },
  {
    name: '1,000 streams go one after another over a limit of 100',
    async run(context) {
      let doneCount = 0;
      let openedCount = 0;
      const openMore = (): void => {
        while (openedCount < 1_000) {
          const recorder = new StreamRecorder(context, {
            onData: (_bytes, isFinal) => void (doneCount += Number(isFinal)),
          });
          const stream = client.connection.openBidirectional(recorder);
          if (stream === undefined) return;
          openedCount += 1;
          stream.write(bytesOf(`${openedCount}`), true);
        }
      };
      const { client } = await connectPair(context, {
        onServer: { onStream: echo },
        onClient: { onStreamsAvailable: () => openMore() },
      });
      openMore();
      assert.equal(openedCount, 100);
      await context.until(() => doneCount === 1_000, 'all have come back');
      assert.equal(client.connection.streamsCount, 1_000);
    },
  },
  {
    name: '300 unidirectional streams go over a limit of 10',
    async run(context) {
      const settings = { streamsMax: 10 };
      let openedCount = 0;
      const openMore = (): void => {
        while (openedCount < 300) {
          const stream = client.connection.openUnidirectional(new StreamRecorder(context));
          if (stream === undefined) return;
          openedCount += 1;
          stream.write(bytesOf(`${openedCount}`), true);
        }
      };
      const { client, server } = await connectPair(context, {
        server: { settings },
        onClient: { onStreamsAvailable: () => openMore() },
      });
      openMore();
      assert.equal(openedCount, 10);
      await context.until(
        () => server.streams.filter(({ isFinal }) => isFinal).length === 300,
        'all have come',
      );
      const numbers = server.streams.map(({ text }) => Number(text)).sort((a, b) => a - b);
      assert.deepEqual(
        numbers,
        Array.from({ length: 300 }, (_, index) => index + 1),
      );
    },
  },
  {
    name: 'streams that both sides reset give their places back',
    async run(context) {
      const { client } = await connectPair(context, {
        ...FIVE,
        onServer: {
          onStream: (stream) => ({ onData: () => stream.reset(2) }),
        },
      });
      for (let round = 0; round < 30; round += 1) {
        const recorder = await openSoon(context, client);
        recorder.stream.write(bytesOf('hello'));
        await context.until(() => recorder.resetCode === 2, 'the peer has reset it');
        recorder.stream.reset(1);
      }
    },
  },
  {
    name: 'streams that are stopped by who opened them and reset give their places back',
    async run(context) {
      const { client, server } = await connectPair(context, FIVE);
      for (let round = 0; round < 30; round += 1) {
        const recorder = await openSoon(context, client);
        recorder.stream.write(bytesOf('hello'));
        await context.until(() => server.streams[round]?.text === 'hello', 'it has come');
        recorder.stream.reset(1);
        recorder.stream.stop(1);
      }
    },
  },
  {
    name: 'streams that are reset before anything was written give their places back',
    async run(context) {
      const { client, server } = await connectPair(context, {
        ...FIVE,
        onServer: { onStream: (stream) => ({ onReset: () => stream.reset(3) }) },
      });
      for (let round = 0; round < 30; round += 1) {
        (await openSoon(context, client)).stream.reset(1);
      }
      const last = await openSoon(context, client);
      last.stream.write(bytesOf('still here'), true);
      await context.until(
        () => server.streams.some(({ text }) => text === 'still here'),
        'what is written to it arrives',
      );
    },
  },
];
