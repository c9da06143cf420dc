import { describe, expect, it } from 'vitest';
import { UNREAD_BYTES_HIGH } from '../../../transport/rpc/limits.js';
import { RpcError, type CallContext } from '../../../transport/rpc/rpc.js';
import { pairWith, rejection } from './pair.js';
import { all, count, failure, methods, sumTo } from './streaming-methods.js';
import { WITHIN, sleep, until } from '../../waiting.js';

describe('a server stream', () => {
  it.each([0, 1, 2, 1_000])('brings all of %i messages in order', async (length) => {
    const { connection } = await pairWith(methods);
    const messages = await all(connection.serverStream('count', length, WITHIN));
    expect(messages).toEqual(Array.from({ length }, (_, index) => index));
  });

  it('of a handler that returns a list brings the list', async () => {
    const { connection } = await pairWith(methods);
    const list = [1, 'two', null, { three: Uint8Array.of(3) }, []];
    expect(await all(connection.serverStream('list', list, WITHIN))).toEqual(list);
  });

  it('takes a request that does not fit into the head, and answers as large', async () => {
    const { connection } = await pairWith(methods);
    const large = new Uint8Array(3_000_000).fill(5);
    const messages = await all(connection.serverStream('list', [large, 1, large], WITHIN));
    expect(messages.map((each) => (each instanceof Uint8Array ? each.length : each))).toEqual([
      3_000_000, 1, 3_000_000,
    ]);
  });

  it('goes from the side that was dialled, too', async () => {
    const { server } = await pairWith({}, { client: { methods } });
    await until(() => [...server.connections()].length === 1);
    const [back] = [...server.connections()];
    expect(await all(back?.serverStream('count', 3, WITHIN) ?? count(0))).toEqual([0, 1, 2]);
  });

  it('that fails in the middle brings what came before, then the failure', async () => {
    const { connection } = await pairWith({
      fail: {
        kind: 'server-stream',
        handler: async function* () {
          yield* count(2);
          throw new RpcError('refused', 'no more', { reason: 'empty', details: { at: 2 } });
        },
      },
    });
    const seen: unknown[] = [];
    const error = await rejection(
      (async () => {
        for await (const message of connection.serverStream('fail', null, WITHIN)) {
          seen.push(message);
        }
      })(),
    );
    expect(seen).toEqual([0, 1]);
    expect(error).toMatchObject({ code: 'refused', reason: 'empty', details: { at: 2 } });
  });

  it.each([
    [
      'throws',
      (): never => {
        throw new Error('secret');
      },
      'the handler of',
    ],
    ['returns no iterable', () => 5 as never, 'the handler of'],
    ['yields what cannot be sent', () => [new Date()], 'cannot be sent'],
  ])('whose handler %s fails without saying why, but to its own side', async (_, run, text) => {
    const errors: unknown[] = [];
    const { connection } = await pairWith(
      { bad: { kind: 'server-stream', handler: run } },
      { server: { onHandlerError: (...told) => errors.push(told) } },
    );
    const error = (await failure(connection.serverStream('bad', null, WITHIN))) as RpcError;
    expect(error.code).toBe('internal');
    expect(error.message).toContain(text);
    expect(error.message).not.toContain('secret');
    expect(errors).toHaveLength(1);
  });

  it('that nobody reads holds the handler back, and goes on when somebody does', async () => {
    let produced = 0;
    const chunk = new Uint8Array(64 * 1024);
    const { connection } = await pairWith({
      flood: {
        kind: 'server-stream',
        handler: async function* () {
          for (; produced < 1_000; produced += 1) yield await Promise.resolve(chunk);
        },
      },
    });
    const messages = connection.serverStream('flood', null, WITHIN);
    await messages.next();
    await sleep(300);
    const before = produced;
    await sleep(200);
    // 1 MB of flow control, what waits here unread, and what the engine took.
    expect(produced).toBe(before);
    expect(produced * chunk.length).toBeLessThan(3_000_000 + UNREAD_BYTES_HIGH);
    expect(await all(messages)).toHaveLength(999);
  });

  it('that nobody wants any more is cancelled, and the handler clears up', async () => {
    let isCleared = false;
    let reason: unknown;
    const { connection } = await pairWith({
      endless: {
        kind: 'server-stream',
        handler: async function* (_payload, { signal }: CallContext) {
          signal.addEventListener('abort', () => (reason = signal.reason));
          try {
            for (;;) yield await Promise.resolve('more');
          } finally {
            isCleared = true;
          }
        },
      },
    });
    for await (const message of connection.serverStream('endless', null, WITHIN)) {
      if (message === 'more') break;
    }
    await until(() => isCleared);
    expect(reason).toMatchObject({ code: 'cancelled' });
    expect(connection.stats().callsOpen).toBe(0);
  });

  it('is cancelled by a signal, at both ends', async () => {
    let reason: unknown;
    const { server, connection } = await pairWith({
      hang: {
        kind: 'server-stream',
        handler: async function* (_payload, { signal }: CallContext) {
          yield 1;
          await new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              reason = signal.reason;
              resolve(null);
            });
          });
        },
      },
    });
    const controller = new AbortController();
    const options = { ...WITHIN, signal: controller.signal };
    const messages = connection.serverStream('hang', null, options);
    expect(await messages.next()).toEqual({ done: false, value: 1 });
    const next = rejection(messages.next());
    controller.abort(new Error('enough'));
    expect(await next).toMatchObject({ code: 'cancelled', cause: { message: 'enough' } });
    await until(() => reason !== undefined);
    expect(await messages.next()).toEqual({ done: true, value: undefined });
    await until(() => [...server.connections()][0]?.stats().handlersRunning === 0);
  });

  it('has a deadline that ends both ends', async () => {
    const reasons: unknown[] = [];
    const { connection } = await pairWith({
      hang: {
        kind: 'server-stream',
        handler: async function* (_payload, { signal, timeoutMs, remainingMs }: CallContext) {
          reasons.push(timeoutMs, remainingMs <= timeoutMs);
          yield 1;
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          reasons.push((signal.reason as RpcError).code);
        },
      },
    });
    const messages = connection.serverStream('hang', null, { timeoutMs: 150 });
    await messages.next();
    expect(await rejection(messages.next())).toMatchObject({ code: 'deadline-exceeded' });
    await until(() => reasons.length === 3);
    expect(reasons.slice(0, 2)).toEqual([150, true]);
    // The deadline of the caller is heard of as the end of its direction, or passes here first.
    expect(reasons[2]).toMatch(/deadline-exceeded|cancelled/);
  });

  it('that is broken off 300 times in full flow costs the connection nothing', async () => {
    const chunk = new Uint8Array(16 * 1024);
    let running = 0;
    const { connection } = await pairWith({
      flood: {
        kind: 'server-stream',
        handler: async function* () {
          running += 1;
          try {
            for (;;) yield await Promise.resolve(chunk);
          } finally {
            running -= 1;
          }
        },
      },
    });
    for (let round = 0; round < 300; round += 1) {
      let received = 0;
      for await (const _ of connection.serverStream('flood', null, WITHIN)) {
        received += 1;
        if (received > round % 30) break;
      }
    }
    await until(() => running === 0);
    expect(connection.isOpen).toBe(true);
    const after = Array.from({ length: 120 }, () =>
      connection.serverStream('flood', null, WITHIN).next(),
    );
    await Promise.race([Promise.all(after), until(() => running === 100)]);
    await connection.close();
    await Promise.allSettled(after);
    await until(() => running === 0);
  });
});

describe('a client stream', () => {
  it.each([0, 1, 1_000])('brings %i messages to the handler, and its answer back', async (to) => {
    const { connection } = await pairWith(methods);
    expect(await connection.clientStream('sum', count(to), WITHIN)).toBe(sumTo(to));
    const list = Array.from({ length: to }, (_, index) => index);
    expect(await connection.clientStream('sum', list, WITHIN)).toBe(sumTo(to));
  });

  it('is held back by a handler that does not read, and asks its source for no more', async () => {
    let produced = 0;
    let release: (() => void) | undefined;
    const { connection } = await pairWith({
      slow: {
        kind: 'client-stream',
        handler: async (messages) => {
          await new Promise<void>((resolve) => (release = resolve));
          let received = 0;
          for await (const _ of messages) received += 1;
          return received;
        },
      },
    });
    const source = (function* () {
      for (; produced < 800; produced += 1) yield new Uint8Array(64 * 1024);
    })();
    const answer = connection.clientStream('slow', source, WITHIN);
    await until(() => release !== undefined);
    await sleep(300);
    const before = produced;
    await sleep(200);
    expect(produced).toBe(before);
    expect(produced).toBeLessThan(60);
    release?.();
    expect(await answer).toBe(800);
  });

  it('that the handler answers before its end is over, and its source is told', async () => {
    let isCleared = false;
    const { connection } = await pairWith({
      first: {
        kind: 'client-stream',
        handler: async (messages) => {
          for await (const message of messages) return message;
          return undefined;
        },
      },
    });
    const source = (async function* () {
      try {
        for (let number = 7; ; number += 1) yield await sleep(1).then(() => number);
      } finally {
        isCleared = true;
      }
    })();
    expect(await connection.clientStream('first', source, WITHIN)).toBe(7);
    await until(() => isCleared);
  });

  it('whose source fails is cancelled, and the caller is told why', async () => {
    let reason: unknown;
    let received = 0;
    const { connection } = await pairWith({
      take: {
        kind: 'client-stream',
        handler: async (messages, { signal }) => {
          signal.addEventListener('abort', () => (reason = signal.reason));
          for await (const _ of messages) received += 1;
          return 'all';
        },
      },
    });
    const source = (async function* () {
      yield* count(3);
      await until(() => received === 3);
      throw new Error('the disk is gone');
    })();
    const error = await rejection(connection.clientStream('take', source, WITHIN));
    expect(error).toMatchObject({ code: 'cancelled', cause: { message: 'the disk is gone' } });
    await until(() => reason !== undefined);
    expect(reason).toMatchObject({ code: 'cancelled' });
  });

  it('that is cancelled reaches a handler that reads nothing', async () => {
    let reason: unknown;
    const { connection } = await pairWith({
      deaf: {
        kind: 'client-stream',
        handler: (_messages, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              reason = signal.reason;
              resolve(null);
            });
          }),
      },
      ...methods,
    });
    const controller = new AbortController();
    const source = Array.from({ length: 100 }, () => new Uint8Array(64 * 1024));
    const options = { ...WITHIN, signal: controller.signal };
    const answer = rejection(connection.clientStream('deaf', source, options));
    await sleep(100);
    controller.abort();
    expect(await answer).toMatchObject({ code: 'cancelled' });
    await until(() => reason !== undefined);
    expect(reason).toMatchObject({ code: 'cancelled' });
    expect(await connection.clientStream('sum', [1, 2], WITHIN)).toBe(3);
  });
});
