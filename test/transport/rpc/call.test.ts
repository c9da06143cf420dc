import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Stream, StreamHandler } from '../../../transport/quic/index.js';
import { RpcError, type RpcConnection } from '../../../transport/rpc/rpc.js';
import { PROTOCOL, WELCOME_METHOD, encodeNotification } from '../../../transport/rpc/wire.js';
import { handler, openEngine } from '../quic/engines.js';
import { listen, pair, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

describe('a call', () => {
  it('gets the answer of the handler, with the payload and the peer that is proven', async () => {
    const seen: unknown[] = [];
    const { client, connection } = await pair({
      describe: (payload, context) => {
        seen.push(payload, context.connection.peerId, context.timeoutMs);
        return { got: payload };
      },
    });
    const payload = { text: 'hello', bytes: Uint8Array.of(1, 2, 3), list: [1, null, { a: true }] };
    expect(await connection.call('describe', payload, { timeoutMs: 1_234 })).toEqual({
      got: payload,
    });
    expect(seen).toEqual([payload, client.peerId, 1_234]);
  });

  it('works 64 at a time, each with its own answer', async () => {
    const { connection } = await pair({
      square: async (payload) => {
        await sleep(Number(payload) % 5);
        return Number(payload) ** 2;
      },
    });
    const numbers = Array.from({ length: 640 }, (_, index) => index);
    let next = 0;
    const results: unknown[] = [];
    const worker = async (): Promise<void> => {
      for (let number = next++; number < numbers.length; number = next++) {
        results[number] = await connection.call('square', number, WITHIN);
      }
    };
    await Promise.all(Array.from({ length: 64 }, worker));
    expect(results).toEqual(numbers.map((number) => number ** 2));
  });

  it('carries 10 MB both ways', async () => {
    const { connection } = await pair({ echo: (payload) => payload });
    const bytes = new Uint8Array(10_000_000);
    for (let index = 0; index < bytes.length; index += 1)
      bytes[index] = (index * 31 + (index >> 12)) & 0xff;
    const answers = await Promise.all([
      connection.call('echo', bytes, WITHIN),
      connection.call('echo', 'in between', WITHIN),
      connection.call('echo', bytes, WITHIN),
    ]);
    expect(answers[1]).toBe('in between');
    for (const answer of [answers[0], answers[2]]) {
      expect(Buffer.from(answer as Uint8Array).equals(bytes)).toBe(true);
    }
  });

  it('goes from the side that was dialled, too', async () => {
    const { server, client, connection } = await pair({});
    const back = [...server.connections()][0] as RpcConnection;
    expect(back.peerId).toBe(client.peerId);
    expect((await rejection(back.call('nothing', null, WITHIN))) as RpcError).toMatchObject({
      code: 'unknown-method',
    });
    expect([...client.connections()]).toEqual([connection]);
  });

  it('goes from an endpoint to itself', async () => {
    const { server } = await pair({ echo: (payload) => payload });
    const address = { host: server.host, port: server.port, peerId: server.peerId };
    const self = await server.connect(address, WITHIN);
    expect(await self.call('echo', 1, WITHIN)).toBe(1);
  });
});

describe('a failed call', () => {
  it.each(['nothing', 'toString', '__proto__', '$welcome'])(
    'to the unknown method %s says so',
    async (name) => {
      const { connection } = await pair({ echo: (payload) => payload });
      expect(await rejection(connection.call(name, null, WITHIN))).toMatchObject({
        name: 'RpcError',
        code: 'unknown-method',
        message: `the peer has no method '${name}'`,
      });
    },
  );

  it.each([false, true])(
    'brings the code, reason and details of the handler (async: %s)',
    async (isAsync) => {
      const { connection } = await pair({
        refuse: () => {
          const error = new RpcError('refused', 'ask node 2', {
            reason: 'not-leader',
            details: { leader: 'n2', at: Uint8Array.of(9) },
          });
          if (isAsync) return Promise.reject(error);
          throw error;
        },
      });
      expect(await rejection(connection.call('refuse', null, WITHIN))).toMatchObject({
        code: 'refused',
        message: 'ask node 2',
        reason: 'not-leader',
        details: { leader: 'n2', at: Uint8Array.of(9) },
      });
    },
  );

  it('tells no more than that the handler failed, but tells its own side', async () => {
    const errors: unknown[] = [];
    const { client, connection } = await pair(
      {
        sync: () => {
          throw new Error('secret /etc/passwd');
        },
        async: () => Promise.reject(new TypeError('another secret')),
        unsendable: () => new Date(),
      },
      { server: { onHandlerError: (...all) => errors.push(all) } },
    );
    for (const method of ['sync', 'async', 'unsendable']) {
      const error = (await rejection(connection.call(method, null, WITHIN))) as RpcError;
      expect(error.code).toBe('internal');
      expect(JSON.stringify({ ...error, message: error.message })).not.toMatch(/secret|\.ts|\.js/);
    }
    expect(errors).toMatchObject([
      ['sync', client.peerId, { message: 'secret /etc/passwd' }],
      ['async', client.peerId, { message: 'another secret' }],
      ['unsendable', client.peerId, { code: 'malformed' }],
    ]);
    expect(connection.isOpen).toBe(true);
  });

  it('whose handler throws is a warning of the process, once for each method', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', onWarning);
    const { connection } = await pair({
      broken: () => {
        throw new Error('the disk is full');
      },
      other: () => Promise.reject(new Error('no such table')),
    });
    for (const method of ['broken', 'broken', 'other', 'other']) {
      await rejection(connection.call(method, null, WITHIN));
    }
    process.off('warning', onWarning);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining("the handler of 'broken' failed: the disk is full"),
      expect.stringContaining("the handler of 'other' failed: no such table"),
    ]);
  });

  it('whose answer is too large says so', async () => {
    const { connection } = await pair({ all: () => new Uint8Array(17 * 1024 * 1024) });
    expect(await rejection(connection.call('all', null, WITHIN))).toMatchObject({
      code: 'internal',
      reason: 'message-too-long',
      message: expect.stringContaining('the answer is too large') as string,
    });
  });

  it('with a payload that cannot be sent does not leave this side', async () => {
    const { connection } = await pair({ echo: (payload) => payload });
    const tooLarge = new Uint8Array(17 * 1024 * 1024);
    for (const payload of [new Date(), tooLarge]) {
      expect(await rejection(connection.call('echo', payload, WITHIN))).toMatchObject({
        code: 'malformed',
      });
    }
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
  });
});

describe('a deadline', () => {
  it('ends the call here and aborts the handler there', async () => {
    let aborted: unknown;
    const { connection } = await pair({
      hang: (_payload, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = signal.reason;
            resolve(null);
          });
        }),
    });
    const startedAt = performance.now();
    expect(await rejection(connection.call('hang', null, { timeoutMs: 100 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
    expect(performance.now() - startedAt).toBeGreaterThan(95);
    await until(() => aborted !== undefined);
    expect(aborted).toMatchObject({ code: 'deadline-exceeded' });
  });

  it('does not wait for a handler that ignores its signal', async () => {
    const { connection } = await pair({ hang: () => new Promise(() => undefined) });
    // It never ends: who waited for it would not, either.
    expect(await rejection(connection.call('hang', null, { timeoutMs: 50 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'of %s is a mistake of the caller',
    async (timeoutMs) => {
      const { connection } = await pair({});
      expect(() => connection.call('x', null, { timeoutMs })).toThrow(/timeout/);
    },
  );
});

describe('cancelling', () => {
  it('ends the call at once and reaches the handler', async () => {
    let isRunning = false;
    let aborted: unknown;
    const { connection } = await pair({
      hang: (_payload, { signal }) => {
        isRunning = true;
        return new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted = signal.reason;
          });
        });
      },
    });
    const controller = new AbortController();
    const call = connection.call('hang', null, { timeoutMs: 60_000, signal: controller.signal });
    await until(() => isRunning);
    controller.abort(new Error('no longer needed'));
    expect(await rejection(call)).toMatchObject({
      code: 'cancelled',
      cause: { message: 'no longer needed' },
    });
    await until(() => aborted !== undefined);
    expect(aborted).toMatchObject({ code: 'cancelled' });
  });

  it('before the call sends nothing', async () => {
    let count = 0;
    const { connection } = await pair({ count: () => (count += 1) });
    const call = connection.call('count', null, { timeoutMs: 1_000, signal: AbortSignal.abort() });
    expect(await rejection(call)).toMatchObject({ code: 'cancelled' });
    expect(await connection.call('count', null, WITHIN)).toBe(1);
  });

  it('frees the streams: a thousand cancelled calls, fifty at a time on one signal', async () => {
    let running = 0;
    const { connection } = await pair({
      hang: (_payload, { signal }) => {
        running += 1;
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            running -= 1;
            resolve(null);
          });
        });
      },
      echo: (payload) => payload,
    });
    for (let round = 0; round < 20; round += 1) {
      const { abort, signal } = bound(new AbortController());
      const calls = Array.from({ length: 50 }, () =>
        rejection(connection.call('hang', null, { timeoutMs: 60_000, signal })),
      );
      if (round % 2 === 0) await until(() => running === 50);
      abort();
      for (const error of await Promise.all(calls))
        expect(error).toMatchObject({ code: 'cancelled' });
      await until(() => running === 0);
    }
    const after = Array.from({ length: 100 }, (_, index) => connection.call('echo', index, WITHIN));
    expect(await Promise.all(after)).toHaveLength(100);
    expect(connection.isOpen).toBe(true);
  });

  it('a large upload ends it short of its length, without a reset', async () => {
    const events: unknown[] = [];
    const streams: Stream[] = [];
    let received = 0;
    const { connection } = await pairWithRawServer((stream) => {
      stream.pause();
      streams.push(stream);
      return handler({
        onData: (bytes, isFinal) => {
          received += bytes.length;
          if (isFinal) events.push('end');
        },
        onReset: (code) => events.push(['reset', code]),
        onStopped: (code) => events.push(['stop', code]),
      });
    });
    const { abort, signal } = bound(new AbortController());
    const call = connection.call('upload', new Uint8Array(5_000_000), { ...WITHIN, signal });
    await until(() => streams.length === 1);
    abort();
    expect(await rejection(call)).toMatchObject({ code: 'cancelled' });
    streams[0]?.resume();
    await until(() => events.length > 0);
    expect(events).toEqual(['end']);
    expect(received).toBeLessThan(5_000_000);
  });

  it.each([
    ['before the answer stops it', false, [['stop', 1]]],
    ['during the answer reads the rest away', true, []],
  ])('%s', async (_what, isAnswering, expected) => {
    const events: unknown[] = [];
    const streams: Stream[] = [];
    const { connection } = await pairWithRawServer((stream) => {
      streams.push(stream);
      return handler({
        onData: () => {
          if (!isAnswering) return;
          // The beginning of an answer that is longer than what comes of it.
          const part = new Uint8Array(3_000_000);
          part.set([0, 0xff]);
          stream.write(part);
        },
        onStopped: (code) => events.push(['stop', code]),
      });
    });
    const { abort, signal } = bound(new AbortController());
    const call = connection.call('download', null, { ...WITHIN, signal });
    await until(() => streams.length === 1);
    await sleep(30);
    abort();
    expect(await rejection(call)).toMatchObject({ code: 'cancelled' });
    if (isAnswering) await until(() => streams[0]?.queuedBytes === 0);
    await sleep(50);
    expect(events).toEqual(expected);
  });

  it('large uploads and downloads leaves the connection whole', async () => {
    const large = new Uint8Array(4_000_000);
    const { connection } = await pair({ upload: () => 1, download: () => large });
    for (let round = 0; round < 20; round += 1) {
      const { abort, signal } = bound(new AbortController());
      const [method, payload] = round % 5 === 0 ? ['download', null] : ['upload', large];
      const call = connection.call(method as string, payload, { ...WITHIN, signal });
      await sleep(round % 4);
      abort();
      await call.catch((error: unknown) => expect(error).toMatchObject({ code: 'cancelled' }));
    }
    expect(await connection.call('upload', large, WITHIN)).toBe(1);
  });
});

/** A client, and a server that answers as it likes. */
async function pairWithRawServer(
  onStream: (stream: Stream) => StreamHandler,
): Promise<{ readonly connection: RpcConnection }> {
  const identity = createIdentity();
  const server = await openEngine({
    ...identity,
    protocols: [PROTOCOL],
    onConnection: (connection) => {
      connection.setHandler({ onStream, onStreamsAvailable: () => undefined });
      const welcome = encodeNotification({ method: WELCOME_METHOD, payload: null });
      connection.openUnidirectional(handler())?.write(welcome, true);
    },
  });
  const client = await listen();
  const { host, port } = server;
  return { connection: await client.connect({ host, port, peerId: identity.peerId }, WITHIN) };
}

function bound(controller: AbortController): { abort: () => void; signal: AbortSignal } {
  return { abort: () => controller.abort(), signal: controller.signal };
}
