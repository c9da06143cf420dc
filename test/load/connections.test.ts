import { expect, it } from 'vitest';
import { addressOf, listen } from '../transport/rpc/pair.js';
import { describeGrowth, look, type Resources } from './resources.js';
import { WITHIN, until } from '../waiting.js';

const CONNECTIONS_AT_ONCE = 100;
const ROUNDS = 100;
/** Rounds until everything that grows once has grown: caches, code, places for lingering packets. */
const ROUNDS_WARM_UP = 30;
/**
 * Less than 300 bytes for each of the 7,000 connections after the warm-up, both ends together. What
 * a connection holds in JavaScript alone is about 10 KB.
 */
const HEAP_BYTES_MAX = 2_000_000;
/**
 * 3 KB for each of them. A connection of quiche takes 40 KB and more on each side: one in twenty
 * that is never freed would show. The allocator and the garbage collector move by some megabytes.
 */
const RESIDENT_BYTES_MAX = 21_000_000;

it('100 connections opened and closed 100 times leave nothing behind', async () => {
  const server = await listen({ echo: (payload) => payload });
  const client = await listen();
  let count = 0;
  const use = async (): Promise<void> => {
    const connection = await client.connect(addressOf(server), WITHIN);
    expect(await connection.call('echo', count, WITHIN)).toBeTypeOf('number');
    count += 1;
    await connection.close();
  };
  const trend: Resources[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, use));
    if (round + 1 >= ROUNDS_WARM_UP && (round + 1 - ROUNDS_WARM_UP) % 10 === 0) {
      await until(() => [...server.connections()].length === 0);
      trend.push(await look());
    }
  }
  expect(count).toBe(CONNECTIONS_AT_ONCE * ROUNDS);
  const before = trend[0]!;
  const after = trend.at(-1)!;
  const growth = describeGrowth(before, after);
  const resident = trend.map(({ residentBytes }) => Math.round(residentBytes / 1e6)).join(', ');
  console.log(`7,000 connections after 3,000: ${growth}; resident every 1,000: ${resident} MB`);
  expect(after.handles, growth).toBeLessThanOrEqual(before.handles);
  expect(after.heapBytes - before.heapBytes, growth).toBeLessThan(HEAP_BYTES_MAX);
  expect(after.residentBytes - before.residentBytes, growth).toBeLessThan(RESIDENT_BYTES_MAX);
});
