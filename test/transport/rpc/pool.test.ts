import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import {
  ConnectionPool,
  type Dialler,
  type PeerAddress,
  type PoolOptions,
} from '../../../transport/rpc/index.js';
import { addressOf, listen, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

const FAST = { backoff: { firstMs: 20, maxMs: 100, factor: 2 }, connectTimeoutMs: 1_000 };

const pools: ConnectionPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

/** A pool that counts how often it dials. */
async function counted(
  options: PoolOptions = {},
): Promise<{ readonly pool: ConnectionPool; readonly dials: PeerAddress[] }> {
  const endpoint = await listen();
  const dials: PeerAddress[] = [];
  const dialler: Dialler = {
    connect: (address, given) => {
      dials.push(address);
      return endpoint.connect(address, given);
    },
  };
  const pool = new ConnectionPool(dialler, { ...FAST, ...options });
  pools.push(pool);
  return { pool, dials };
}

const echo = { echo: (payload: unknown) => payload };
const stateOf = (pool: ConnectionPool): unknown => pool.stats().map(({ state }) => state);

/** An address at which nobody answers. */
async function silence(): Promise<{ readonly address: PeerAddress; close(): void }> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  const { peerId } = createIdentity();
  return { address: { host: '127.0.0.1', port, peerId }, close: () => socket.close() };
}

describe('a connection pool', () => {
  it('makes no call again for its key on a connection of version 1, which leaves keys out', async () => {
    let runs = 0;
    let lose: (() => void) | undefined;
    const server = await listen(
      {
        pay: async () => {
          runs += 1;
          lose?.();
          return await new Promise(() => undefined);
        },
      },
      {
        protocols: ['agentic-flow/1'],
        onConnection: (connection) => (lose = () => void connection.close(0, 'lost')),
      },
    );
    const { pool, dials } = await counted();
    const call = pool.call(addressOf(server), 'pay', 1, { ...WITHIN, idempotencyKey: 'k' });
    expect(await rejection(call)).toMatchObject({ code: 'unavailable' });
    expect([runs, dials.length]).toEqual([1, 1]);
  });

  it('connects when it is asked, once for all who ask, and keeps the connection', async () => {
    const server = await listen(echo);
    const { pool, dials } = await counted();
    expect(dials).toEqual([]);
    const calls = Array.from({ length: 50 }, (_, index) =>
      pool.call(addressOf(server), 'echo', index, WITHIN),
    );
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(await pool.call(addressOf(server), 'echo', 'later', WITHIN)).toBe('later');
    expect(dials).toHaveLength(1);
    expect(pool.stats()).toMatchObject([{ state: 'open', callsOpen: 0, failures: 0 }]);
  });

  it('connects again when the connection is lost', async () => {
    const server = await listen(echo);
    const { pool, dials } = await counted();
    const first = await pool.connection(addressOf(server), WITHIN);
    await [...server.connections()][0]?.close(0, 'go away');
    await first.closed;
    expect(await pool.call(addressOf(server), 'echo', 2, WITHIN)).toBe(2);
    expect(dials).toHaveLength(2);
  });

  it('fails at once while a peer cannot be reached, and says since when and why', async () => {
    const { address, close } = await silence();
    const { pool, dials } = await counted({
      connectTimeoutMs: 100,
      backoff: { firstMs: 60_000, maxMs: 60_000, factor: 1 },
    });
    expect(await rejection(pool.call(address, 'echo', 1, WITHIN))).toMatchObject({
      code: 'unavailable',
      reason: 'timeout',
    });
    const error = await rejection(pool.call(address, 'echo', 1, WITHIN));
    expect(error).toMatchObject({ code: 'unavailable', reason: 'backing-off' });
    expect((error as Error).message).toContain('no answer from');
    expect(dials).toHaveLength(1);
    expect(pool.stats()).toMatchObject([{ state: 'backing-off', failures: 1 }]);
    close();
  });

  it('waits for a peer that is not there yet when it is told to', async () => {
    const identity = createIdentity();
    const { address, close } = await silence();
    const { pool } = await counted({ connectTimeoutMs: 150 });
    const target = { ...address, peerId: identity.peerId };
    const call = pool.call(target, 'echo', 'at last', { ...WITHIN, waitForReady: true });
    await until(() => (pool.stats()[0]?.failures ?? 0) >= 2);
    close();
    await listen(echo, { identity, port: address.port });
    expect(await call).toBe('at last');
    expect(pool.stats()).toMatchObject([{ state: 'open', failures: 0, lastError: '' }]);
  });

  it('waits no longer than the deadline or the signal of the call', async () => {
    const { address, close } = await silence();
    const { pool } = await counted({ connectTimeoutMs: 5_000 });
    const call = pool.call(address, 'echo', 1, { timeoutMs: 100, waitForReady: true });
    const { port } = address;
    expect(await rejection(call)).toMatchObject({
      code: 'unavailable',
      reason: 'timeout',
      message: expect.stringMatching(
        /was not reached within (99|100) ms: no answer from/,
      ) as string,
    });
    expect(pool.stats()).toMatchObject([{ lastError: `no answer from 127.0.0.1:${port} so far` }]);
    const controller = new AbortController();
    const options = { ...WITHIN, waitForReady: true, signal: controller.signal };
    const second = rejection(pool.call(address, 'echo', 1, options));
    controller.abort();
    expect(await second).toMatchObject({ code: 'cancelled' });
    close();
  });

  it('tries again a call that may run twice, when the connection was lost in between', async () => {
    let runs = 0;
    const server = await listen({
      flaky: async () => {
        runs += 1;
        if (runs > 1) return runs;
        await [...server.connections()][0]?.close(0, 'lost');
        return new Promise(() => undefined);
      },
    });
    const { pool } = await counted();
    const to = addressOf(server);
    expect(await pool.call(to, 'flaky', 1, { ...WITHIN, idempotent: true })).toBe(2);
    runs = 0;
    expect(await rejection(pool.call(to, 'flaky', 1, WITHIN))).toMatchObject({
      code: 'unavailable',
    });
    expect(runs).toBe(1);
  });

  it('waits as long as a peer with too much to do says, and tries again', async () => {
    const server = await listen(echo, {
      load: { ratePerPeer: { perSecond: 10, burst: 1 } },
    });
    const { pool } = await counted({ random: () => 0 });
    const caller = pool.to(addressOf(server), { waitForReady: true, idempotent: true });
    const startedAt = performance.now();
    expect(await caller.call('echo', 1, WITHIN)).toBe(1);
    expect(await caller.call('echo', 2, WITHIN)).toBe(2);
    expect(await caller.call('echo', 3, WITHIN)).toBe(3);
    // Without jitter: what the rate of the peer allows, and no attempt in vain.
    expect(performance.now() - startedAt).toBeGreaterThan(190);
  });

  it('replaces a connection that does not answer', async () => {
    const server = await listen({ ...echo, hang: () => new Promise(() => undefined) });
    let isDeaf = false;
    const endpoint = await listen();
    let dials = 0;
    const dialler: Dialler = {
      connect: async (address, given) => {
        dials += 1;
        const connection = await endpoint.connect(address, given);
        if (dials > 1) return connection;
        // The path loses what is called on the first connection, which seems open for a while.
        return new Proxy(connection, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name, target);
            if (name === 'call' && isDeaf) {
              return (_method: string, payload: unknown, options: never) =>
                target.call('hang', payload, options);
            }
            return typeof value === 'function' ? value.bind(target) : value;
          },
        });
      },
    };
    const pool = new ConnectionPool(dialler, { ...FAST, pingTimeoutMs: 100 });
    pools.push(pool);
    const to = addressOf(server);
    expect(await pool.call(to, 'echo', 1, WITHIN)).toBe(1);
    isDeaf = true;
    expect(await rejection(pool.call(to, 'echo', 2, { timeoutMs: 50 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
    await until(() => stateOf(pool)?.toString() === 'idle');
    expect(await pool.call(to, 'echo', 3, WITHIN)).toBe(3);
    expect(dials).toBe(2);
  });

  it('keeps a connection whose peer answers pings, of either release', async () => {
    for (const protocols of [undefined, ['agentic-flow/1'] as const]) {
      const server = await listen(echo, protocols === undefined ? {} : { protocols });
      const { pool, dials } = await counted({ healthMs: 20, idleMs: 60_000 });
      await pool.call(addressOf(server), 'echo', 1, WITHIN);
      await sleep(200);
      expect(stateOf(pool)).toEqual(['open']);
      expect(dials).toHaveLength(1);
    }
  });

  it('closes a connection that is idle, and forgets the peer', async () => {
    const server = await listen(echo);
    const { pool } = await counted({ idleMs: 60 });
    await pool.call(addressOf(server), 'echo', 1, WITHIN);
    await until(() => pool.stats().length === 0);
    await until(() => [...server.connections()].length === 0);
    expect(await pool.call(addressOf(server), 'echo', 2, WITHIN)).toBe(2);
  });

  it('does not close one on which a stream is read', async () => {
    const server = await listen(
      {},
      {
        methods: {
          tick: {
            kind: 'server-stream',
            handler: async function* () {
              for (let tick = 0; ; tick += 1) yield await sleep(20).then(() => tick);
            },
          },
        },
      },
    );
    const { pool, dials } = await counted({ idleMs: 50 });
    let last: unknown;
    for await (const tick of pool.to(addressOf(server)).serverStream('tick', null, WITHIN)) {
      last = tick;
      if (tick === 15) break;
    }
    expect(last).toBe(15);
    expect(dials).toHaveLength(1);
    await until(() => pool.stats().length === 0);
  });

  it('closes one whose only stream nobody has read, once the time of the call is over', async () => {
    const methods = {
      tick: {
        kind: 'server-stream' as const,
        handler: async function* () {
          yield 1;
        },
      },
    };
    const server = await listen({}, { methods });
    const { pool } = await counted({ idleMs: 50 });
    pool.to(addressOf(server)).serverStream('tick', null, { timeoutMs: 300 });
    await until(() => pool.stats().some(({ callsOpen }) => callsOpen === 1));
    await until(() => pool.stats().length === 0);
  });

  it('is bounded: the one idle for longest gives way, busy ones do not', async () => {
    const servers = await Promise.all(
      [1, 2, 3].map(() => listen({ ...echo, hang: () => new Promise(() => undefined) })),
    );
    const [a, b, c] = servers.map(addressOf) as [PeerAddress, PeerAddress, PeerAddress];
    const { pool } = await counted({ connectionsMax: 2 });
    await pool.call(a, 'echo', 1, WITHIN);
    await pool.call(b, 'echo', 1, WITHIN);
    await pool.call(c, 'echo', 1, WITHIN);
    expect(pool.stats().map(({ address }) => address)).toEqual([b, c]);
    const hangs = [b, c].map((each) => rejection(pool.call(each, 'hang', 1, { timeoutMs: 1_000 })));
    await until(() => pool.stats().every(({ callsOpen }) => callsOpen === 1));
    expect(await rejection(pool.call(a, 'echo', 1, WITHIN))).toMatchObject({
      code: 'overloaded',
      reason: 'pool-full',
    });
    await Promise.all(hangs);
  });

  it('that is closed fails what waits, and takes nothing more', async () => {
    const { address, close } = await silence();
    const { pool } = await counted({ connectTimeoutMs: 60_000 });
    const waiting = rejection(pool.call(address, 'echo', 1, WITHIN));
    await until(() => stateOf(pool)?.toString() === 'connecting');
    await pool.close();
    expect(await waiting).toMatchObject({ code: 'unavailable' });
    expect(await rejection(pool.call(address, 'echo', 1, WITHIN))).toMatchObject({
      code: 'unavailable',
      message: 'the connection pool is closed',
    });
    const caller = pool.to(address);
    for (const each of [caller.serverStream('x', 1, WITHIN), caller.duplex('x', [], WITHIN)]) {
      expect(await rejection(each.next())).toMatchObject({ code: 'unavailable' });
      expect(await each.next()).toEqual({ done: true, value: undefined });
    }
    expect(await rejection(caller.clientStream('x', [], WITHIN))).toMatchObject({
      code: 'unavailable',
    });
    close();
  });
});
