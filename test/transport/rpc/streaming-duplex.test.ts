import { describe, expect, it } from 'vitest';
import type { Metadata } from '../../../transport/rpc/metadata.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { pairWith, rejection } from './pair.js';
import { all, count, failure, methods } from './streaming-methods.js';
import { WITHIN, sleep, until } from '../../waiting.js';

describe('a duplex call', () => {
  it('runs both ways at once', async () => {
    const { connection } = await pairWith(methods);
    const sent: number[] = [];
    const got: unknown[] = [];
    let wake: (() => void) | undefined;
    const source = (async function* () {
      for (let number = 0; number < 50; number += 1) {
        sent.push(number);
        yield number;
        // The next goes out when the answer to this one is here.
        if (got.length < sent.length) await new Promise<void>((resolve) => (wake = resolve));
      }
    })();
    for await (const message of connection.duplex('echo', source, WITHIN)) {
      got.push((message as { got: number }).got);
      wake?.();
    }
    expect(got).toEqual(sent);
    expect(got).toHaveLength(50);
  });

  it('goes on one way when the other has ended', async () => {
    const { connection } = await pairWith({
      after: {
        kind: 'duplex',
        handler: async function* (messages) {
          let sum = 0;
          for await (const message of messages) sum += Number(message);
          yield* count(sum);
        },
      },
    });
    expect(await all(connection.duplex('after', [1, 2, 3], WITHIN))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('carries 40 MB each way without holding more than flow control allows', async () => {
    const { connection } = await pairWith(methods);
    const chunk = new Uint8Array(256 * 1024).fill(9);
    let received = 0;
    const source = Array.from({ length: 160 }, () => chunk);
    for await (const message of connection.duplex('echo', source, WITHIN)) {
      received += (message as { got: Uint8Array }).got.length;
    }
    expect(received).toBe(160 * chunk.length);
    expect(connection.stats().callsOpen).toBe(0);
  });

  it('that is broken off ends the source and the handler', async () => {
    let isCleared = false;
    const { server, connection } = await pairWith(methods);
    const source = (async function* () {
      try {
        for (let number = 0; ; number += 1) yield await sleep(1).then(() => number);
      } finally {
        isCleared = true;
      }
    })();
    for await (const message of connection.duplex('echo', source, WITHIN)) {
      if ((message as { got: number }).got >= 5) break;
    }
    await until(() => isCleared);
    await until(() => [...server.connections()][0]?.stats().handlersRunning === 0);
  });

  it('fails when the connection is lost, at both ends', async () => {
    let reason: unknown;
    const { server, connection } = await pairWith({
      hang: {
        kind: 'duplex',
        handler: async function* (messages, { signal }) {
          signal.addEventListener('abort', () => (reason = signal.reason));
          for await (const message of messages) yield message;
        },
      },
    });
    const source = (async function* () {
      yield 1;
      await new Promise(() => undefined);
    })();
    const messages = connection.duplex('hang', source, WITHIN);
    expect(await messages.next()).toEqual({ done: false, value: 1 });
    const next = rejection(messages.next());
    await server.close(0);
    expect(await next).toMatchObject({ code: 'unavailable' });
    expect(reason).toMatchObject({ code: 'unavailable' });
  });
});

describe('a streaming call', () => {
  it('to a method of another kind, or none, says so', async () => {
    const { connection } = await pairWith(methods);
    expect(await failure(connection.serverStream('nothing', 1, WITHIN))).toMatchObject({
      code: 'unknown-method',
    });
    expect(await failure(connection.serverStream('sum', 1, WITHIN))).toMatchObject({
      code: 'unknown-method',
      reason: 'kind',
      message: "'sum' is of the kind client-stream and was called as server-stream",
    });
    expect(await rejection(connection.call('count', 1, WITHIN))).toMatchObject({ reason: 'kind' });
    expect(await rejection(connection.clientStream('echo', [1], WITHIN))).toMatchObject({
      reason: 'kind',
    });
  });

  it('brings metadata there and a trailer back, also with a failure', async () => {
    const seen: Metadata[] = [];
    const { connection } = await pairWith({
      tell: {
        kind: 'server-stream',
        handler: async function* (payload, context) {
          seen.push(context.metadata);
          yield 1;
          context.setTrailer({ rows: '1', raw: Uint8Array.of(1) });
          if (payload === 'fail') throw new RpcError('refused', 'no');
        },
      },
    });
    const metadata = { tenant: 'blue', key: Uint8Array.of(7) };
    for (const payload of ['fail', 'go on']) {
      const trailers: Metadata[] = [];
      const onTrailer = (trailer: Metadata): void => void trailers.push(trailer);
      const messages = connection.serverStream('tell', payload, { ...WITHIN, metadata, onTrailer });
      await all(messages).catch((error: unknown) =>
        expect(error).toMatchObject({ code: 'refused' }),
      );
      expect(trailers).toEqual([{ rows: '1', raw: Uint8Array.of(1) }]);
    }
    expect(seen).toEqual([metadata, metadata]);
  });

  it('waits for a place among the streams of the peer, and keeps its deadline there', async () => {
    const { connection } = await pairWith(
      {
        ...methods,
        hold: {
          kind: 'server-stream',
          handler: async function* () {
            yield await new Promise(() => undefined);
          },
        },
      },
      { server: { settings: { streamsMax: 1 } } },
    );
    const held = connection.serverStream('hold', null, { timeoutMs: 400 });
    const late = connection.serverStream('count', 2, { timeoutMs: 100 });
    expect(await rejection(late.next())).toMatchObject({ code: 'deadline-exceeded' });
    const patient = connection.serverStream('count', 2, WITHIN);
    expect(await rejection(held.next())).toMatchObject({ code: 'deadline-exceeded' });
    expect(await all(patient)).toEqual([0, 1]);
  });

  it('that nobody ever reads ends with its deadline, and leaves nothing', async () => {
    const { connection } = await pairWith(methods);
    connection.serverStream('count', 5, { timeoutMs: 100 });
    await until(() => connection.stats().callsOpen === 0);
  });
});
