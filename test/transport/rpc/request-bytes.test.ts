import { describe, expect, it } from 'vitest';
import type { ListenOptions, Methods } from '../../../transport/rpc/index.js';
import { addressOf, listen, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const LARGE = new Uint8Array(1024 * 1024);
const NO_ROOM = {
  code: 'overloaded',
  reason: 'request-bytes',
  details: { retryAfterMs: 50 },
};

/** Handlers that run until they are let go; their callers may have gone. */
async function holding(protocols?: ListenOptions['protocols']) {
  const goers: (() => void)[] = [];
  let notified = 0;
  const wait = (): Promise<number> => new Promise((resolve) => goers.push(() => resolve(1)));
  const methods: Methods = {
    wait: { kind: 'unary', handler: wait },
    note: { kind: 'unary', handler: () => (notified += 1) },
    echo: { kind: 'unary', handler: () => 'echo' },
    stream: {
      kind: 'server-stream',
      handler: async function* () {
        yield 0;
        await wait();
      },
    },
  };
  const load = { requestBytesPerPeerMax: 1_500_000, requestBytesMax: 3_200_000 };
  const server = await listen({}, { methods, load, ...(protocols ? { protocols } : {}) });
  return {
    server,
    goers,
    notified: () => notified,
    connect: async () => await (await listen()).connect(addressOf(server), WITHIN),
    letGo: () => goers.splice(0).forEach((go) => go()),
  };
}

describe('requests that handlers work on', () => {
  it.each(['agentic-flow/1', 'agentic-flow/2'] as const)(
    'are bounded in bytes for a peer, until their handlers end, over %s',
    async (protocol) => {
      const { connect, goers, letGo } = await holding([protocol]);
      const connection = await connect();
      const cancelled = new AbortController();
      const first = rejection(
        connection.call('wait', LARGE, { ...WITHIN, signal: cancelled.signal }),
      );
      await until(() => goers.length === 1);
      expect(await rejection(connection.call('echo', LARGE, WITHIN))).toMatchObject(NO_ROOM);
      expect(await connection.call('echo', 'small', WITHIN)).toBe('echo');
      cancelled.abort();
      expect(await first).toMatchObject({ code: 'cancelled' });
      // The caller has gone, its request has not.
      expect(await rejection(connection.call('echo', LARGE, WITHIN))).toMatchObject(NO_ROOM);
      letGo();
      for (let index = 0; index < 20; index += 1) {
        expect(await connection.call('echo', LARGE, WITHIN)).toBe('echo');
      }
    },
  );

  it('count when they open a stream, and when they are notifications', async () => {
    const { connect, goers, letGo, notified } = await holding();
    const connection = await connect();
    const answers = connection.serverStream('stream', LARGE, WITHIN);
    expect(await answers.next()).toMatchObject({ value: 0 });
    await until(() => goers.length === 1);
    const other = connection.serverStream('stream', LARGE, WITHIN);
    expect(await rejection(other.next())).toMatchObject(NO_ROOM);
    connection.notify('note', LARGE);
    connection.notify('note', 1);
    await sleep(500);
    expect(notified()).toBe(1);
    letGo();
    expect(await answers.next()).toMatchObject({ done: true });
    connection.notify('note', LARGE);
    await until(() => notified() > 1);
    expect(await connection.call('echo', LARGE, WITHIN)).toBe('echo');
  });

  it('count while they wait for the answer to the same idempotency key', async () => {
    const { connect, goers, letGo } = await holding();
    const connection = await connect();
    const keyed = { ...WITHIN, idempotencyKey: 'k' };
    const small = new Uint8Array(600 * 1024);
    const first = connection.call('wait', small, keyed);
    await until(() => goers.length === 1);
    const joined = connection.call('wait', small, keyed);
    expect(await rejection(connection.call('wait', small, keyed))).toMatchObject(NO_ROOM);
    letGo();
    expect(await Promise.all([first, joined])).toEqual([1, 1]);
    expect(await connection.call('echo', LARGE, WITHIN)).toBe('echo');
  });

  it('are bounded for all peers, of which each may have one', async () => {
    const { connect, goers, letGo } = await holding();
    const peers = [await connect(), await connect(), await connect()];
    const calls = peers.map((peer) => peer.call('wait', LARGE, WITHIN));
    await until(() => goers.length === 3);
    const some = new Uint8Array(200 * 1024);
    for (const peer of peers) {
      expect(await rejection(peer.call('echo', some, WITHIN))).toMatchObject(NO_ROOM);
    }
    letGo();
    expect(await Promise.all(calls)).toEqual([1, 1, 1]);
    for (const peer of peers) expect(await peer.call('echo', LARGE, WITHIN)).toBe('echo');
  });
});
