import { expect, it } from 'vitest';
import { pair } from '../transport/rpc/pair.js';
import { describeGrowth, look } from './resources.js';
import { WITHIN, until } from '../waiting.js';

const CALLS_WARM_UP = 10_000;
const CALLS = 10_000;
const STREAMS_OF_A_PEER = 100;
/** quiche gives places back in halves, and that of the last stream only with its acknowledgement. */
const PLACES_MIN = 50;
/**
 * 100 bytes a call. A call that stays behind holds a promise, a timer, a handler with its closures
 * and a stream: well over a kilobyte each, so that even one in ten would show. Compiled code and
 * inline caches still move by some hundred kilobytes after the warm-up.
 */
const HEAP_BYTES_MAX = 1_000_000;
/**
 * quiche remembers the id of every finished stream, some 18 bytes each, on both sides: 0.4 MB. The
 * rest is what the allocator and the garbage collector keep for later, which came to 2 to 6 MB. A
 * native stream that is never freed is larger than a kilobyte, on both sides: 20 MB.
 */
const RESIDENT_BYTES_MAX = 16_000_000;

it('10,000 calls one after another leave nothing behind', async () => {
  let running = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { connection } = await pair({
    echo: (payload) => payload,
    wait: async () => {
      running += 1;
      await gate;
    },
  });
  const payload = new Uint8Array(64).fill(7);
  const call = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      expect(await connection.call('echo', payload, WITHIN)).toHaveLength(64);
    }
  };
  await call(CALLS_WARM_UP);
  const before = await look();
  await call(CALLS);
  const after = await look();
  const growth = describeGrowth(before, after);
  console.log(`10,000 calls: ${growth}`);
  expect(after.handles, growth).toBeLessThanOrEqual(before.handles);
  expect(after.heapBytes - before.heapBytes, growth).toBeLessThan(HEAP_BYTES_MAX);
  expect(after.residentBytes - before.residentBytes, growth).toBeLessThan(RESIDENT_BYTES_MAX);
  // A stream that was never freed takes a place of those that the peer allows: of 10,000 one in two
  // hundred would be enough to see it here.
  const all = Promise.allSettled(
    Array.from({ length: STREAMS_OF_A_PEER }, () => connection.call('wait', null, WITHIN)),
  );
  await until(() => running >= PLACES_MIN);
  open();
  await all;
});
