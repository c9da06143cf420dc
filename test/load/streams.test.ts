import { expect, it } from 'vitest';
import type { Connection, Stream, StreamHandler } from '../../transport/quic/index.js';
import { bidirectional, connected, handler } from '../transport/quic/engines.js';
import { describeGrowth, look } from './resources.js';
import { until } from '../waiting.js';

const STREAMS_WARM_UP = 400;
const STREAMS = 1_000;
const AT_ONCE = 50;
const BYTES = 64 * 1024;
/** Of 100: quiche gives places back in halves. */
const PLACES_MIN = 50;
/** 1.5 % of the 64 MB that pass, and one KB a stream: one forgotten buffer in sixty would show. */
const HEAP_BYTES_MAX = 1_000_000;
/**
 * A quarter of what passes each way. Buffers that are free again stay with the allocator until the
 * system wants them, and how many that is depends on how much was under way at once.
 */
const RESIDENT_BYTES_MAX = 16_000_000;

const answerAtEnd = (stream: Stream): StreamHandler => {
  const parts: Buffer[] = [];
  return handler({
    onData: (bytes, isFinal) => {
      parts.push(Buffer.from(bytes));
      if (isFinal) stream.write(Buffer.concat(parts), true);
    },
  });
};

async function exchange(connection: Connection, payload: Uint8Array): Promise<void> {
  const received: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const stream = bidirectional(
      connection,
      handler({
        onData: (bytes, isFinal) => {
          received.push(Buffer.from(bytes));
          if (isFinal) resolve();
        },
        onReset: () => reject(new Error('reset')),
        onConnectionClosed: () => reject(new Error('closed')),
      }),
    );
    stream.write(payload, true);
  });
  expect(Buffer.concat(received).equals(payload)).toBe(true);
}

it('1,000 streams of 64 KB each way leave nothing behind', async () => {
  const { client, server } = await connected(answerAtEnd);
  const payload = Buffer.alloc(BYTES);
  for (let index = 0; index < BYTES; index += 1) payload[index] = index * 31;
  const exchangeAll = async (count: number): Promise<void> => {
    let begun = 0;
    const goOn = async (): Promise<void> => {
      while (begun < count) {
        begun += 1;
        await exchange(client, payload);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, goOn));
  };
  await exchangeAll(STREAMS_WARM_UP);
  const before = await look();
  await exchangeAll(STREAMS);
  const after = await look();
  const growth = describeGrowth(before, after);
  console.log(`1,000 streams of 64 KB each way: ${growth}`);
  expect(after.handles, growth).toBeLessThanOrEqual(before.handles);
  expect(after.heapBytes - before.heapBytes, growth).toBeLessThan(HEAP_BYTES_MAX);
  expect(after.residentBytes - before.residentBytes, growth).toBeLessThan(RESIDENT_BYTES_MAX);
  expect(client.queuedBytes).toBe(0);
  expect(server.queuedBytes).toBe(0);
  // A stream that was never freed would take a place of those that the peer allows.
  let opened = 0;
  await until(() => {
    while (opened < PLACES_MIN) {
      const stream = client.openBidirectional(handler());
      if (stream === undefined) return false;
      stream.write(Buffer.from('x'));
      opened += 1;
    }
    return true;
  });
});
