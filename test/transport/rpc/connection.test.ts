import { describe, expect, it, vi } from 'vitest';
import { QuicheStream } from '../../../transport/quic/quiche/quiche-stream.js';
import { addressOf, listen, pair, pairWith, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

describe('a connection', () => {
  it('carries datagrams both ways, to who wants them', async () => {
    const seen: [string, number[]][] = [];
    const { client, server, connection } = await pair(
      {},
      {
        server: {
          onDatagram: (from, bytes) => {
            seen.push([from.peerId, [...bytes]]);
            from.sendDatagram(Uint8Array.of(9));
          },
        },
        client: { onDatagram: (from, bytes) => seen.push([from.peerId, [...bytes]]) },
      },
    );
    expect(connection.datagramBytesMax).toBeGreaterThan(1_000);
    expect(connection.sendDatagram(new Uint8Array(100_000))).toBe(false);
    expect(connection.sendDatagram(Uint8Array.of(1, 2))).toBe(true);
    await until(() => seen.length === 2);
    expect(seen).toEqual([
      [client.peerId, [1, 2]],
      [server.peerId, [9]],
    ]);
    await connection.close();
    expect(connection.sendDatagram(Uint8Array.of(1))).toBe(false);
  });

  it('that nobody listens for datagrams on drops them', async () => {
    const { connection } = await pair({ echo: (payload) => payload });
    expect(connection.sendDatagram(Uint8Array.of(1))).toBe(true);
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
  });

  it('knows how it stands', async () => {
    const releases: (() => void)[] = [];
    const { server, connection } = await pair(
      { hold: () => new Promise((resolve) => releases.push(() => resolve(1))) },
      { server: { settings: { streamsMax: 1 } } },
    );
    const calls = [1, 2].map(() => connection.call('hold', null, WITHIN));
    await until(() => releases.length === 1);
    expect(connection.stats()).toMatchObject({ callsOpen: 2, callsWaiting: 1, handlersRunning: 0 });
    const [back] = [...server.connections()];
    expect(back?.stats()).toMatchObject({ callsOpen: 0, callsWaiting: 0, handlersRunning: 1 });
    expect(connection.stats().sentBytes).toBeGreaterThan(1_000);
    expect(connection.stats().packetBytes).toBeGreaterThan(1_000);
    releases[0]?.();
    await until(() => releases.length === 2);
    releases[1]?.();
    await Promise.all(calls);
    expect(connection.stats()).toMatchObject({ callsOpen: 0, callsWaiting: 0 });
  });

  it('moves to another local address in the middle of a call', async () => {
    const { connection } = await pair({
      slow: async (payload) => {
        await sleep(200);
        return payload;
      },
    });
    const call = connection.call('slow', 'moved', WITHIN);
    await connection.migrate({ host: '127.0.0.1', port: 0 });
    expect(await call).toBe('moved');
    expect(await connection.call('slow', 'still', WITHIN)).toBe('still');
  });

  it('gives the urgency of a call to its stream, at both ends', async () => {
    const { connection } = await pairWith({
      echo: { kind: 'unary', handler: (payload) => payload },
      list: { kind: 'server-stream', handler: (payload) => payload as unknown[] },
    });
    const seen: unknown[] = [];
    const setPriority = vi
      .spyOn(QuicheStream.prototype, 'setPriority')
      .mockImplementation(function (this: QuicheStream, ...told) {
        seen.push([this.isLocal, ...told]);
      });
    await connection.call('echo', 1, WITHIN);
    expect(seen).toEqual([]);
    await connection.call('echo', 1, { ...WITHIN, urgency: 0 });
    await connection.serverStream('list', [1], { ...WITHIN, urgency: 6 }).next();
    setPriority.mockRestore();
    expect(seen).toEqual([
      [true, 0, true],
      [false, 0, true],
      [true, 6, true],
      [false, 6, true],
    ]);
  });

  it('has a ping that every peer answers, and no other reserved method', async () => {
    const { connection } = await pair({});
    expect(await connection.call('$ping', null, WITHIN)).toBeNull();
    expect(await rejection(connection.call('$other', null, WITHIN))).toMatchObject({
      code: 'unknown-method',
    });
    expect(await rejection(listen({ $mine: () => 1 }))).toMatchObject({
      message: expect.stringContaining('must not begin with $') as string,
    });
  });

  it('tells a handler how much time is left', async () => {
    const { connection } = await pair({
      left: async (_payload, context) => {
        const before = context.remainingMs;
        await sleep(60);
        return [context.timeoutMs, before, context.remainingMs];
      },
    });
    const [given, before, after] = (await connection.call('left', null, {
      timeoutMs: 60_000,
    })) as [number, number, number];
    expect(given).toBe(60_000);
    expect(before).toBeLessThanOrEqual(60_000);
    expect(after).toBeLessThan(before - 50);
  });

  it('brings metadata of a unary call there, and a trailer back', async () => {
    const { connection } = await pair({
      tell: (_payload, context) => {
        context.setTrailer({ seen: String(Object.keys(context.metadata).length) });
        return context.metadata;
      },
    });
    const trailers: unknown[] = [];
    const metadata = { tenant: 'blue', raw: Uint8Array.of(1) };
    const onTrailer = (trailer: unknown): void => void trailers.push(trailer);
    const answer = await connection.call('tell', null, { ...WITHIN, metadata, onTrailer });
    expect(answer).toEqual(metadata);
    expect(trailers).toEqual([{ seen: '2' }]);
    const bad = connection.call('tell', null, { ...WITHIN, metadata: { Tenant: 'blue' } });
    expect(await rejection(bad)).toMatchObject({ code: 'malformed' });
  });

  it('takes methods of all kinds beside handlers, but no name twice', async () => {
    const { server } = await pairWith(
      { list: { kind: 'server-stream', handler: (payload) => payload as unknown[] } },
      { server: { handlers: { echo: (payload) => payload } } },
    );
    const connection = await (await listen()).connect(addressOf(server), WITHIN);
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
    expect(await connection.serverStream('list', [2], WITHIN).next()).toMatchObject({ value: 2 });
    const twice = { a: { kind: 'unary' as const, handler: () => 1 } };
    expect(await rejection(listen({ a: () => 1 }, { methods: twice }))).toMatchObject({
      message: expect.stringContaining("the method 'a' is given twice") as string,
    });
  });
});
