import { describe, expect, it } from 'vitest';
import { IdempotentAnswers } from '../../../transport/rpc/idempotency.js';
import {
  IDEMPOTENT_AGE_MS_MAX,
  IDEMPOTENT_ANSWERS_PER_PEER_MAX,
  IDEMPOTENT_BYTES_PER_PEER_MAX,
} from '../../../transport/rpc/limits.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { addressOf, listen, pair, rejection } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

describe('a call with an idempotency key', () => {
  it('runs once, and its answer is given again with its trailer', async () => {
    let runs = 0;
    const { connection } = await pair({
      add: (payload, context) => {
        context.setTrailer({ run: String((runs += 1)) });
        return [payload, context.idempotencyKey];
      },
    });
    const trailers: unknown[] = [];
    const options = {
      ...WITHIN,
      idempotencyKey: 'k',
      onTrailer: (trailer: unknown) => trailers.push(trailer),
    };
    for (let round = 0; round < 3; round += 1) {
      expect(await connection.call('add', { a: 1 }, options)).toEqual([{ a: 1 }, 'k']);
    }
    expect(runs).toBe(1);
    expect(trailers).toEqual([{ run: '1' }, { run: '1' }, { run: '1' }]);
  });

  it('that comes again while the first runs joins it', async () => {
    let runs = 0;
    let release: ((value: unknown) => void) | undefined;
    const { connection } = await pair({
      slow: () => {
        runs += 1;
        return new Promise((resolve) => (release = resolve));
      },
    });
    const options = { ...WITHIN, idempotencyKey: 'k' };
    const first = connection.call('slow', 1, options);
    await until(() => release !== undefined);
    const second = connection.call('slow', 1, options);
    const third = rejection(connection.call('slow', 1, { ...options, timeoutMs: 100 }));
    expect(await third).toMatchObject({ code: 'deadline-exceeded' });
    release?.('done');
    expect(await Promise.all([first, second])).toEqual(['done', 'done']);
    expect(runs).toBe(1);
  });

  it('is refused when the key was used for another payload or method', async () => {
    const { connection } = await pair({ echo: (payload) => payload, other: () => 1 });
    const options = { ...WITHIN, idempotencyKey: 'k' };
    expect(await connection.call('echo', { a: 1 }, options)).toEqual({ a: 1 });
    for (const [method, payload] of [
      ['echo', { a: 2 }],
      ['other', { a: 1 }],
    ] as const) {
      expect(await rejection(connection.call(method, payload, options))).toMatchObject({
        code: 'refused',
        reason: 'idempotency-key-reused',
      });
    }
  });

  it('belongs to the peer that used it', async () => {
    let runs = 0;
    const { server, connection } = await pair({ count: () => (runs += 1) });
    const other = await (await listen()).connect(addressOf(server), WITHIN);
    const options = { ...WITHIN, idempotencyKey: 'k' };
    expect(await connection.call('count', 1, options)).toBe(1);
    expect(await other.call('count', 1, options)).toBe(2);
    expect(await connection.call('count', 1, options)).toBe(1);
  });

  it.each([
    ['refused', 1],
    ['permission-denied', 1],
    ['unavailable', 2],
    ['overloaded', 2],
    ['internal', 2],
  ] as const)('that failed as %s has run %i times after two calls', async (code, expected) => {
    let runs = 0;
    const { connection } = await pair({
      fail: () => {
        runs += 1;
        throw new RpcError(code, 'no');
      },
    });
    const options = { ...WITHIN, idempotencyKey: 'k' };
    for (let round = 0; round < 2; round += 1) {
      expect(await rejection(connection.call('fail', 1, options))).toMatchObject({ code });
    }
    expect(runs).toBe(expected);
  });

  it('runs again for the one who joined when the first was cancelled', async () => {
    let runs = 0;
    const { server, connection } = await pair({
      work: (_payload, { signal }) => {
        runs += 1;
        if (runs > 1) return 'second';
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      },
    });
    expect(addressOf(server).peerId).toBe(server.peerId);
    const controller = new AbortController();
    const options = { ...WITHIN, idempotencyKey: 'k' };
    const first = rejection(connection.call('work', 1, { ...options, signal: controller.signal }));
    await until(() => runs === 1);
    const second = connection.call('work', 1, options);
    controller.abort();
    expect(await first).toMatchObject({ code: 'cancelled' });
    expect(await second).toBe('second');
    expect(runs).toBe(2);
  });

  it('is kept when its caller is gone, and answers the next one', async () => {
    let runs = 0;
    let release: ((value: unknown) => void) | undefined;
    const { client, server, connection } = await pair({
      slow: () => {
        runs += 1;
        return new Promise((resolve) => (release = resolve));
      },
    });
    const options = { ...WITHIN, idempotencyKey: 'k' };
    const first = rejection(connection.call('slow', 1, options));
    await until(() => release !== undefined);
    await connection.close();
    expect(await first).toMatchObject({ code: 'unavailable' });
    release?.('kept');
    const again = await client.connect(addressOf(server), WITHIN);
    expect(await again.call('slow', 1, options)).toBe('kept');
    expect(runs).toBe(1);
  });
});

describe('answers that are kept', () => {
  const call = { peerId: 'p', key: 'k', method: 'm', payload: 1 };
  const answer = (bytes: number) => ({
    frame: new Uint8Array(bytes),
    isFinal: true,
    isOfItsCaller: false,
  });
  const settle = (answers: IdempotentAnswers, peerId: string, key: string, bytes: number): void => {
    const claim = answers.claim({ ...call, peerId, key }, 0);
    if (claim.kind !== 'run') throw new Error('it was to run');
    claim.settle(answer(bytes), 0);
  };
  const kindOf = (answers: IdempotentAnswers, peerId: string, key: string, now = 0): string =>
    answers.claim({ ...call, peerId, key }, now).kind;

  it('are bounded in number, and a peer pushes out its own only', () => {
    const answers = new IdempotentAnswers();
    settle(answers, 'quiet', 'k', 10);
    for (let index = 0; index < IDEMPOTENT_ANSWERS_PER_PEER_MAX + 5; index += 1) {
      settle(answers, 'busy', `k${index}`, 10);
    }
    expect(answers.size).toBe(IDEMPOTENT_ANSWERS_PER_PEER_MAX + 1);
    expect(kindOf(answers, 'quiet', 'k')).toBe('answered');
    expect(kindOf(answers, 'busy', 'k0')).toBe('run');
    expect(kindOf(answers, 'busy', 'k900')).toBe('answered');
  });

  it('are bounded in bytes', () => {
    const answers = new IdempotentAnswers();
    for (let index = 0; index < 100; index += 1) settle(answers, 'p', `k${index}`, 100_000);
    expect(answers.bytes).toBeLessThanOrEqual(IDEMPOTENT_BYTES_PER_PEER_MAX);
    expect(answers.bytes).toBeGreaterThan(IDEMPOTENT_BYTES_PER_PEER_MAX - 110_000);
    settle(answers, 'p', 'huge', IDEMPOTENT_BYTES_PER_PEER_MAX);
    expect(kindOf(answers, 'p', 'huge')).toBe('run');
  });

  it('are forgotten when they are old', () => {
    const answers = new IdempotentAnswers();
    settle(answers, 'p', 'k', 10);
    expect(kindOf(answers, 'p', 'k', IDEMPOTENT_AGE_MS_MAX - 1)).toBe('answered');
    expect(kindOf(answers, 'p', 'k', IDEMPOTENT_AGE_MS_MAX)).toBe('run');
  });

  it('do not push out the key of a call that still runs, nor does time', () => {
    const answers = new IdempotentAnswers();
    const running = answers.claim({ ...call, key: 'slow' }, 0);
    for (let index = 0; index <= IDEMPOTENT_ANSWERS_PER_PEER_MAX; index += 1) {
      settle(answers, 'p', `k${index}`, 10);
    }
    expect(answers.size).toBe(IDEMPOTENT_ANSWERS_PER_PEER_MAX);
    const endMs = 2 * IDEMPOTENT_AGE_MS_MAX;
    expect(kindOf(answers, 'p', 'slow', endMs)).toBe('join');
    if (running.kind === 'run') running.settle(answer(10), endMs);
    expect(kindOf(answers, 'p', 'slow', endMs + IDEMPOTENT_AGE_MS_MAX - 1)).toBe('answered');
    expect(kindOf(answers, 'p', 'slow', endMs + IDEMPOTENT_AGE_MS_MAX)).toBe('run');
  });

  it('leave nothing behind when there was no answer', () => {
    const answers = new IdempotentAnswers();
    const claim = answers.claim(call, 0);
    if (claim.kind === 'run') claim.settle(undefined, 0);
    expect([answers.size, answers.bytes]).toEqual([0, 0]);
  });
});
