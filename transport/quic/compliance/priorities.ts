import { strict as assert } from 'node:assert';
import type { ComplianceCase, ComplianceContext } from './case.js';
import { bytesOf, connectPair } from './pair.js';
import type { StreamRecorder } from './recorder.js';

/** Far more than any engine puts on the way at once, and less than a window. */
const LARGE_BYTES = 8_000_000;
const settings = { streamWindowBytes: 2 * LARGE_BYTES, connectionWindowBytes: 8 * LARGE_BYTES };

interface Wanted {
  readonly urgency: number;
  readonly isIncremental: boolean;
}

/** Writes as much to each of several streams at once, and says how much of each had come when the first ended. */
async function race(
  context: ComplianceContext,
  wanted: readonly Wanted[],
): Promise<{ readonly order: readonly number[]; readonly bytesAtFirstEnd: readonly number[] }> {
  const order: number[] = [];
  let bytesAtFirstEnd: number[] = [];
  const { client, server } = await connectPair(context, {
    server: { settings },
    onServer: {
      onStream: (stream) => ({
        onData: (_bytes, isFinal) => {
          if (!isFinal) return;
          order.push(stream.id / 4);
          if (order.length === 1) bytesAtFirstEnd = wanted.map((_, index) => bytesOfStream(index));
        },
      }),
    },
  });
  const bytesOfStream = (index: number): number =>
    server.streams.find(({ stream }) => stream.id === index * 4)?.receivedBytes ?? 0;
  const recorders: StreamRecorder[] = wanted.map(() => client.bidirectional());
  wanted.forEach(({ urgency, isIncremental }, index) => {
    recorders[index]!.stream.setPriority(urgency, isIncremental);
  });
  for (const { stream } of recorders) stream.write(new Uint8Array(LARGE_BYTES), true);
  await context.until(() => order.length === wanted.length, 'all streams have ended');
  return { order, bytesAtFirstEnd };
}

/** Which stream is sent first (RFC 9218). */
export const priorityCases: readonly ComplianceCase[] = [
  {
    name: 'a more urgent stream ends before one that was written earlier and is less urgent',
    async run(context) {
      const { order, bytesAtFirstEnd } = await race(context, [
        { urgency: 7, isIncremental: true },
        { urgency: 4, isIncremental: true },
        { urgency: 0, isIncremental: true },
      ]);
      assert.deepEqual(order, [2, 1, 0]);
      assert(bytesAtFirstEnd[0]! < LARGE_BYTES / 2, 'the least urgent has waited');
    },
  },
  {
    name: 'equal streams that are not incremental go one after another',
    async run(context) {
      const { order, bytesAtFirstEnd } = await race(context, [
        { urgency: 3, isIncremental: false },
        { urgency: 3, isIncremental: false },
      ]);
      assert.deepEqual(order, [0, 1]);
      assert(bytesAtFirstEnd[1]! < LARGE_BYTES / 2, 'the second has waited');
    },
  },
  {
    name: 'equal streams that are incremental take turns',
    async run(context) {
      const { bytesAtFirstEnd } = await race(context, [
        { urgency: 3, isIncremental: true },
        { urgency: 3, isIncremental: true },
      ]);
      for (const bytes of bytesAtFirstEnd) {
        assert(bytes > LARGE_BYTES / 2, `only ${bytes} bytes of a stream had come`);
      }
    },
  },
  {
    name: 'streams take turns until a priority is set',
    async run(context) {
      const order: number[] = [];
      const { client, server } = await connectPair(context, { server: { settings } });
      const recorders = [client.bidirectional(), client.bidirectional()];
      for (const { stream } of recorders) stream.write(new Uint8Array(LARGE_BYTES), true);
      const seen = new Set<StreamRecorder>();
      let otherBytes = 0;
      await context.until(() => {
        for (const recorder of server.streams) {
          if (!recorder.isFinal || seen.has(recorder)) continue;
          if (seen.size === 0) {
            otherBytes = Math.min(...server.streams.map(({ receivedBytes }) => receivedBytes));
          }
          seen.add(recorder);
          order.push(recorder.stream.id);
        }
        return order.length === 2;
      }, 'both have ended');
      assert(otherBytes > LARGE_BYTES / 2, 'neither has waited for the other');
    },
  },
  {
    name: 'a priority may be set at any time, also when the stream is over',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { stream } = client.bidirectional();
      stream.setPriority(5, false);
      stream.write(bytesOf('a'));
      stream.setPriority(1, true);
      stream.write(bytesOf('b'), true);
      stream.setPriority(0, false);
      await context.until(() => server.streams[0]?.isFinal === true, 'the end has come');
      stream.setPriority(7, false);
      assert.equal(server.streams[0]?.text, 'ab');
      server.streams[0]!.stream.setPriority(2, true);
      await client.connection.close(0, '');
      stream.setPriority(3, true);
    },
  },
];
