import { describe, expect, it } from 'vitest';
import { Admission } from '../../../transport/rpc/admission.js';
import { RATE_PEERS_MAX } from '../../../transport/rpc/limits.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { TokenBucket } from '../../../transport/token-bucket.js';
import { addressOf, listen, pair, rejection } from './pair.js';
import { WITHIN, sleep } from '../../waiting.js';

const zero = (): number => 0;

describe('a rate with a burst', () => {
  it('lets the burst through, then one at a time, and says when', () => {
    const bucket = new TokenBucket(10, 3, 0);
    expect([0, 0, 0].map((now) => bucket.take(now))).toEqual([0, 0, 0]);
    expect(bucket.take(0)).toBe(100);
    expect(bucket.take(60)).toBe(40);
    expect(bucket.take(100)).toBe(0);
    expect(bucket.take(100_000)).toBe(0);
    expect([1, 2].map(() => bucket.take(100_000))).toEqual([0, 0]);
    expect(bucket.take(100_000)).toBe(100);
    // A clock that goes back gives nothing and takes nothing.
    expect(bucket.take(99_000)).toBe(100);
  });

  it('fills up with time, to its maximum, also when several are taken', () => {
    const bucket = new TokenBucket(1, 2, 0);
    expect([bucket.take(0, 2), bucket.take(500), bucket.take(1_000)]).toEqual([0, 500, 0]);
    expect(bucket.take(100_000, 3)).toBe(1_000);
  });
});

describe('admission', () => {
  it('bounds the handlers of a peer and of all, each with its own reason', () => {
    const admission = new Admission({ handlersPerPeerMax: 2, handlersMax: 3 });
    expect(admission.enter('a', zero)).toBeUndefined();
    expect(admission.enter('a', zero)).toBeUndefined();
    expect(admission.enter('a', zero)).toMatchObject({
      code: 'overloaded',
      reason: 'peer-handlers',
      details: { retryAfterMs: 50 },
    });
    expect(admission.enter('b', zero)).toBeUndefined();
    expect(admission.enter('b', zero)).toMatchObject({ reason: 'endpoint-handlers' });
    admission.leave('a');
    expect(admission.enter('b', zero)).toBeUndefined();
    expect(admission.runningCount).toBe(3);
    for (const peer of ['a', 'b', 'b']) admission.leave(peer);
    expect(admission.runningCount).toBe(0);
    expect(() => admission.leave('b')).toThrow(/ends once/);
  });

  it('bounds the rate of a peer, and forgets peers that it has not heard of for longest', () => {
    const admission = new Admission({ ratePerPeer: { perSecond: 1, burst: 1 } });
    const ask = (peer: string): unknown => {
      const error = admission.enter(peer, zero);
      if (error === undefined) admission.leave(peer);
      return error?.reason;
    };
    expect([ask('a'), ask('a'), ask('b')]).toEqual([undefined, 'peer-rate', undefined]);
    for (let index = 0; index < RATE_PEERS_MAX - 1; index += 1) ask(`p${index}`);
    expect([ask('b'), ask('a')]).toEqual(['peer-rate', undefined]);
  });

  it.each([
    { handlersPerPeerMax: 0 },
    { handlersMax: 1.5 },
    { ratePerPeer: { perSecond: 0, burst: 1 } },
    { ratePerPeer: { perSecond: 1, burst: 0 } },
  ])('does not take %j', (limits) => {
    expect(() => new Admission(limits)).toThrow(/above 0/);
  });
});

describe('a flood', () => {
  it('of 10,000 calls of one peer leaves the other peer served', async () => {
    let most = 0;
    let running = 0;
    const { server, connection } = await pair(
      {
        work: async () => {
          running += 1;
          most = Math.max(most, running);
          await sleep(5);
          running -= 1;
          return 1;
        },
      },
      { server: { load: { handlersPerPeerMax: 20, handlersMax: 40 } } },
    );
    const other = await (await listen()).connect(addressOf(server), WITHIN);
    const outcomes = new Map<string, number>();
    let left = 10_000;
    const flood = Array.from({ length: 400 }, async () => {
      while (left > 0) {
        left -= 1;
        const outcome = await connection.call('work', null, WITHIN).then(
          () => 'answered',
          (error: unknown) => (error as RpcError).reason ?? String(error),
        );
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    });
    const flooding = new AbortController();
    const done = Promise.all(flood).then(() => flooding.abort());
    let served = 0;
    while (!flooding.signal.aborted) {
      expect(await other.call('work', null, WITHIN)).toBe(1);
      served += 1;
    }
    await done;
    expect(served).toBeGreaterThan(5);
    expect(most).toBeLessThanOrEqual(21);
    expect([...outcomes.keys()].toSorted()).toEqual(['answered', 'peer-handlers']);
    expect([...outcomes.values()].reduce((sum, each) => sum + each)).toBe(10_000);
  });

  it('over several connections of one peer counts as one', async () => {
    const hang = (): Promise<unknown> => new Promise(() => undefined);
    const { server, client, connection } = await pair(
      { hang, echo: (payload) => payload },
      { server: { load: { handlersPerPeerMax: 10 } } },
    );
    const second = await client.connect(addressOf(server), WITHIN);
    const calls = Array.from({ length: 10 }, (_, index) =>
      rejection((index % 2 === 0 ? connection : second).call('hang', 1, { timeoutMs: 1_000 })),
    );
    await sleep(100);
    for (const each of [connection, second]) {
      expect(await rejection(each.call('echo', 1, WITHIN))).toMatchObject({
        code: 'overloaded',
        reason: 'peer-handlers',
        details: { retryAfterMs: 50 },
      });
    }
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: 'deadline-exceeded' });
    }
  });

  it('beyond the rate of a peer is sent away before its handler runs', async () => {
    let runs = 0;
    const { connection } = await pair(
      { count: () => (runs += 1) },
      { server: { load: { ratePerPeer: { perSecond: 0.001, burst: 5 } } } },
    );
    for (let index = 0; index < 5; index += 1) await connection.call('count', 1, WITHIN);
    expect(await rejection(connection.call('count', 1, WITHIN))).toMatchObject({
      code: 'overloaded',
      reason: 'peer-rate',
    });
    connection.notify('count', 1);
    await sleep(50);
    expect(runs).toBe(5);
  });
});
