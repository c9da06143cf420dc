import { describe, expect, it } from 'vitest';
import {
  CALLS_WAITING_MAX,
  HANDLERS_RUNNING_MAX,
  SEND_BYTES_MAX,
} from '../../../transport/rpc/limits.js';
import type { RpcError } from '../../../transport/rpc/rpc.js';
import { pair, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

describe('the limits of calls', () => {
  it('calls beyond the streams of the peer wait, and beyond the queue are refused', async () => {
    const release: (() => void)[] = [];
    const { connection } = await pair(
      { hold: () => new Promise((resolve) => release.push(() => resolve(null))) },
      { server: { settings: { streamsMax: 10 } } },
    );
    const calls = Array.from({ length: 10 + CALLS_WAITING_MAX }, () =>
      connection.call('hold', null, WITHIN),
    );
    await until(() => release.length === 10);
    expect(await rejection(connection.call('hold', null, WITHIN))).toMatchObject({
      code: 'overloaded',
    });
    await sleep(20);
    expect(release.length).toBe(10);
    const timer = setInterval(() => release.splice(0).forEach((each) => each()), 1);
    await Promise.all(calls);
    clearInterval(timer);
  });

  it('a call that waits for a stream keeps its deadline', async () => {
    const { connection } = await pair(
      { hold: () => new Promise(() => undefined) },
      { server: { settings: { streamsMax: 1 } } },
    );
    const first = rejection(connection.call('hold', null, { timeoutMs: 500 }));
    expect(await rejection(connection.call('hold', null, { timeoutMs: 50 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
    expect(await first).toMatchObject({ code: 'deadline-exceeded' });
  });

  it('handlers that ignore their signals do not pile up', async () => {
    let running = 0;
    const { connection } = await pair({
      hang: () => {
        running += 1;
        return new Promise(() => undefined);
      },
    });
    const codes = new Set<unknown>();
    for (let round = 0; round < 4; round += 1) {
      const calls = Array.from({ length: 90 }, () =>
        rejection(connection.call('hang', null, { timeoutMs: 300 })),
      );
      for (const error of await Promise.all(calls)) codes.add((error as RpcError).code);
    }
    expect(running).toBe(HANDLERS_RUNNING_MAX);
    expect(codes).toEqual(new Set(['deadline-exceeded', 'overloaded']));
  });

  it('answers that nobody reads are not kept without bound', async () => {
    const large = new Uint8Array(16_000_000);
    let asked = 0;
    let release = (): void => undefined;
    const allAsked = new Promise<void>((resolve) => (release = resolve));
    const { connection } = await pair({
      download: async () => {
        asked += 1;
        if (asked === 12) release();
        await allAsked;
        return large;
      },
    });
    const calls = Array.from({ length: 12 }, () =>
      connection.call('download', null, WITHIN).then(
        () => 'answered',
        (error: unknown) => (error as RpcError).code,
      ),
    );
    const outcomes = await Promise.all(calls);
    expect(new Set(outcomes)).toEqual(new Set(['answered', 'overloaded']));
    const answeredBytes = outcomes.filter((each) => each === 'answered').length * large.length;
    expect(answeredBytes).toBeLessThanOrEqual(SEND_BYTES_MAX);
  });
});
