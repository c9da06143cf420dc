import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import { createMemoryNetwork } from '../../../transport/quic/memory/memory-network.js';
import type { ListenOptions, PeerEndpoint, SessionStore } from '../../../transport/rpc/index.js';
import { PROTOCOL } from '../../../transport/rpc/wire.js';
import { UdpRelay } from '../quic/udp-relay.js';
import { addressOf, listen, rejection } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

const EARLY = { ...WITHIN, earlyData: true };
const IDEMPOTENT = { ...WITHIN, idempotent: true };

/** A round trip that is long enough to see what goes out before its end. Milliseconds one way. */
const DELAY_MS = 60;

class Sessions implements SessionStore {
  readonly all = new Map<string, Uint8Array>();

  take(peerId: string): Uint8Array | undefined {
    const session = this.all.get(peerId);
    this.all.delete(peerId);
    return session;
  }

  put(peerId: string, session: Uint8Array): void {
    this.all.set(peerId, Uint8Array.from(session));
  }
}

interface World {
  readonly open: Pick<ListenOptions, 'openEngine'>;
  /** From here on the way to the server takes `DELAY_MS`; returns the port to dial. */
  slow(server: PeerEndpoint): Promise<number>;
}

function memoryWorld(): World {
  const network = createMemoryNetwork();
  return {
    open: { openEngine: network.openMemoryEngine },
    slow: async (server) => {
      network.latencyMs = DELAY_MS;
      return server.port;
    },
  };
}

function quicheWorld(): World {
  return {
    open: {},
    slow: async (server) => {
      const relay = await UdpRelay.to(server.port);
      relay.delayMs = DELAY_MS;
      return relay.port;
    },
  };
}

describe.each([
  ['the engine in memory', memoryWorld],
  ['quiche', quicheWorld],
])('0-RTT over %s', (_engine, makeWorld) => {
  /** A server and a client that has been connected to it once and holds a session. */
  async function met(options: Partial<ListenOptions> = {}, again: Partial<ListenOptions> = {}) {
    const world = makeWorld();
    const runs: [method: string, payload: unknown][] = [];
    const key = randomBytes(48);
    const identity = createIdentity();
    const ofServer: Partial<ListenOptions> = {
      ...world.open,
      identity,
      tickets: { keys: () => [key], keysUsedSince: Date.now() },
      handlers: {
        get: (payload) => {
          runs.push(['get', payload]);
          return payload;
        },
        put: (payload) => {
          runs.push(['put', payload]);
          return payload;
        },
        note: (payload) => runs.push(['note', payload]),
      },
      idempotentMethods: ['get'],
      ...options,
    };
    let server = await listen({}, ofServer);
    const sessions = new Sessions();
    const client = await listen({}, { ...world.open, sessions });
    const first = await client.connect(addressOf(server), WITHIN);
    expect(await first.call('get', 0, IDEMPOTENT)).toBe(0);
    await until(() => sessions.all.size === 1);
    await first.close();
    runs.length = 0;
    if (Object.keys(again).length > 0) {
      await server.close(0);
      server = await listen({}, { ...ofServer, ...again });
    }
    const address = { ...addressOf(server), port: await world.slow(server) };
    return { server, client, sessions, address, runs };
  }

  it('connects at once; what may run twice goes first, all else when the peer is proven', async () => {
    const { client, address, runs } = await met();
    const connection = await client.connect(address, EARLY);
    expect([connection.isEarly, connection.version]).toEqual([true, 2]);
    expect(connection.notify('note', 'dropped')).toBe(false);
    expect(connection.sendDatagram(Uint8Array.of(1))).toBe(false);
    let isEarly = true;
    void connection.admitted.then(() => (isEarly = false));
    const put = connection.call('put', 2, WITHIN);
    const get = connection.call('get', 1, IDEMPOTENT);
    await until(() => runs.length === 1);
    expect(runs).toEqual([['get', 1]]);
    expect(isEarly).toBe(true);
    expect(await Promise.all([get, put])).toEqual([1, 2]);
    expect(runs).toEqual([
      ['get', 1],
      ['put', 2],
    ]);
    expect([connection.isEarly, isEarly]).toEqual([false, false]);
    expect([...client.connections()]).toEqual([connection]);
    expect(connection.notify('note', 3)).toBe(true);
    await until(() => runs.length === 3);
  });

  it('a method that is not registered as idempotent is not run early, but afterwards', async () => {
    const { client, address, runs } = await met();
    const connection = await client.connect(address, EARLY);
    // The caller believes that it may be run twice; the peer knows better: `too-early`, once more.
    expect(await connection.call('put', 7, IDEMPOTENT)).toBe(7);
    expect(runs).toEqual([['put', 7]]);
    expect(connection.isEarly).toBe(false);
  });

  it('a streaming call waits for the peer, since its messages can be read only once', async () => {
    const { client, address } = await met({
      methods: { list: { kind: 'server-stream', handler: (payload) => payload as unknown[] } },
    });
    const connection = await client.connect(address, EARLY);
    const messages = connection.serverStream('list', [1, 2], IDEMPOTENT);
    expect(connection.stats()).toMatchObject({ callsOpen: 1, callsWaiting: 1 });
    expect(await messages.next()).toEqual({ done: false, value: 1 });
    expect(connection.isEarly).toBe(false);
  });

  it('without a session, or without asking for it, connects as always', async () => {
    const { client, sessions, address } = await met();
    const resumed = await client.connect(address, WITHIN);
    expect(resumed.isEarly).toBe(false);
    await resumed.admitted;
    sessions.all.clear();
    const full = await client.connect(address, EARLY);
    expect(full.isEarly).toBe(false);
  });

  it('a session is used once, and the next comes with the connection', async () => {
    const { client, sessions, address } = await met();
    const connection = await client.connect(address, EARLY);
    expect(sessions.all.size).toBe(0);
    await connection.admitted;
    await until(() => sessions.all.size === 1);
  });

  it('fails what waits as connect would have failed, when the peer no longer lets us in', async () => {
    const isAdmitted = { now: true };
    const { client, address, runs } = await met({
      authorize: () => isAdmitted.now || 'it was removed',
    });
    isAdmitted.now = false;
    const connection = await client.connect(address, EARLY);
    const calls = [
      rejection(connection.call('put', 1, WITHIN)),
      rejection(connection.call('get', 1, IDEMPOTENT)),
      rejection(connection.admitted),
    ];
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({
        name: 'RpcError',
        code: 'permission-denied',
        message: expect.stringContaining('it was removed') as string,
      });
    }
    expect(runs).toEqual([]);
    expect([...client.connections()]).toEqual([]);
  });

  it('fails what waits when nobody is there any more', async () => {
    const { client, server, address } = await met();
    await server.close(0);
    const connection = await client.connect(address, { timeoutMs: 400, earlyData: true });
    const calls = [
      rejection(connection.call('put', 1, WITHIN)),
      rejection(connection.call('get', 1, IDEMPOTENT)),
      rejection(connection.admitted),
    ];
    const errors = await Promise.all(calls);
    for (const error of errors) expect(error).toMatchObject({ code: 'unavailable' });
  });

  it('is refused without harm by a peer that forgot its keys', async () => {
    const key = randomBytes(48);
    const { client, address, runs } = await met({}, { tickets: { keys: () => [key] } });
    const connection = await client.connect(address, EARLY);
    expect(await connection.call('get', 1, IDEMPOTENT)).toBe(1);
    expect(await connection.call('put', 2, WITHIN)).toBe(2);
    // What may run twice may have.
    expect(runs.filter(([method]) => method === 'put')).toEqual([['put', 2]]);
    expect(runs.length).toBeGreaterThan(1);
  });

  it('finds a peer that went back to the previous release, and speaks as it does', async () => {
    const { client, address, runs } = await met({}, { protocols: [PROTOCOL] });
    const connection = await client.connect(address, EARLY);
    const get = connection.call('get', 1, IDEMPOTENT);
    const put = connection.call('put', 2, WITHIN);
    expect(await Promise.all([get, put])).toEqual([1, 2]);
    expect(connection.version).toBe(1);
    expect(runs.filter(([method]) => method === 'put')).toEqual([['put', 2]]);
  });
});
