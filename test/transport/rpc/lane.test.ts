import { describe, expect, it } from 'vitest';
import { Lane } from '../../../transport/rpc/lane.js';
import { LaneHandlers } from '../../../transport/rpc/lane-handlers.js';
import {
  LANE_METHOD,
  answerMessage,
  callMessage,
  cancelMessage,
  failureMessage,
  readAnswer,
  readRequest,
} from '../../../transport/rpc/lane-wire.js';
import { LANE_CALLS_MAX } from '../../../transport/rpc/limits.js';
import { RpcError, type Handlers } from '../../../transport/rpc/rpc.js';
import { encodeMessage } from '../../../transport/rpc/wire2.js';
import { hex } from './golden.js';
import { pair, pairWith, rejection } from './pair.js';
import { WITHIN, sleep, until } from '../../waiting.js';

async function laneTo(handlers: Handlers, plain: Handlers = {}, errors: string[] = []) {
  const lanes = new LaneHandlers(handlers, (method) => errors.push(method));
  const { connection } = await pair(plain, { server: { methods: lanes.methods } });
  return { lanes, connection, lane: new Lane(connection) };
}

// Messages of version 1 as released: they never change, since a peer of that release is somewhere.
describe('the bytes of lanes', () => {
  const golden: readonly (readonly [unknown[], string])[] = [
    [
      callMessage({ id: 7, method: 'echo', payload: 'x', timeoutMs: 5_000 }),
      '0000000f9302019407a46563686fa178cd1388',
    ],
    [cancelMessage(7), '000000059302019107'],
    [answerMessage(7, 'x'), '00000008930201930700a178'],
    [
      failureMessage(7, new RpcError('refused', 'no', { reason: 'why' })),
      '0000001793020193070194a772656675736564a26e6fa3776879c0',
    ],
  ];

  it.each(golden)('%j', (message, bytes) => {
    expect(hex(encodeMessage(message))).toBe(bytes);
  });

  it('are read back', () => {
    const call = { id: 7, method: 'echo', payload: 'x', timeoutMs: 5_000 };
    expect(readRequest(callMessage(call))).toEqual(call);
    expect(readRequest(cancelMessage(7))).toEqual({ cancelled: 7 });
    expect(readAnswer(answerMessage(7, null))).toEqual({ id: 7, payload: null });
    const failure = readAnswer(failureMessage(7, new RpcError('refused', 'no', { reason: 'why' })));
    expect(failure).toMatchObject({ id: 7, error: { code: 'refused', reason: 'why' } });
  });

  const unreadable = [
    null,
    7,
    [],
    ['7'],
    [-1],
    [0.5],
    [7, 1, null, 5],
    [7, 'a', null, 0],
    [7, 'a'],
  ];
  it.each(unreadable.map((message) => [message]))('that no release sends: %j', (message) => {
    expect(() => readRequest(message)).toThrow(RpcError);
  });

  it.each([[[7]], [[7, 2, 'x']], [[7, 0]], [[7, 1, 'text']]])('nor answers: %j', (message) => {
    expect(() => readAnswer(message)).toThrow(RpcError);
  });
});

describe('a lane', () => {
  it('answers each call with its own answer, in any order, on one stream', async () => {
    const { lane, connection } = await laneTo({
      wait: async (payload) => {
        await sleep(Number(payload));
        return payload;
      },
    });
    const calls = Array.from({ length: 60 }, (_, at) => lane.call('wait', (at * 7) % 20, WITHIN));
    expect(connection.stats().callsOpen).toBe(1);
    expect(await Promise.all(calls)).toEqual(calls.map((_, at) => (at * 7) % 20));
  });

  it('sends the calls of a turn in fewer packets than there are calls', async () => {
    const { lane, connection } = await laneTo({ echo: (payload) => payload });
    await lane.call('echo', 0, WITHIN);
    const before = connection.stats().sentPackets;
    await Promise.all(Array.from({ length: 100 }, (_, at) => lane.call('echo', at, WITHIN)));
    expect(connection.stats().sentPackets - before).toBeLessThan(20);
  });

  it('hands on failures, and hides what else a handler throws', async () => {
    const errors: string[] = [];
    const { lane } = await laneTo(
      {
        refuse: () => {
          throw new RpcError('refused', 'no', { reason: 'why', details: { at: 1 } });
        },
        break: () => Promise.reject(new Error('no such table')),
      },
      {},
      errors,
    );
    expect(await rejection(lane.call('refuse', null, WITHIN))).toMatchObject({
      code: 'refused',
      reason: 'why',
      details: { at: 1 },
    });
    const broken = await rejection(lane.call('break', null, WITHIN));
    expect(broken).toMatchObject({ code: 'internal' });
    expect(String(broken)).not.toContain('table');
    expect(errors).toEqual(['break']);
  });

  it('ends a call at its deadline or when it is cancelled, and tells the handler', async () => {
    const aborted: unknown[] = [];
    const { lane } = await laneTo({
      hang: (payload, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(payload);
            reject(signal.reason as Error);
          });
        }),
    });
    const late = rejection(lane.call('hang', 'late', { timeoutMs: 50 }));
    const controller = new AbortController();
    const { signal } = controller;
    const cancelled = rejection(lane.call('hang', 'cancelled', { ...WITHIN, signal }));
    expect(await late).toMatchObject({ code: 'deadline-exceeded' });
    controller.abort();
    expect(await cancelled).toMatchObject({ code: 'cancelled' });
    await until(() => aborted.length === 2);
    expect(aborted.toSorted()).toEqual(['cancelled', 'late']);
  });

  it('leaves to streams of their own what is too much for it, or not known on lanes', async () => {
    let release: (() => void) | undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const wait = (): Promise<string> => released.then(() => 'lane');
    const { lane } = await laneTo({ wait }, { wait: () => 'alone', other: () => 'alone' });
    const calls = Array.from({ length: LANE_CALLS_MAX }, () => lane.call('wait', null, WITHIN));
    expect(await lane.call('wait', null, WITHIN)).toBe('alone');
    release?.();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['lane']));
    expect(await lane.call('other', null, WITHIN)).toBe('alone');
  });

  it('does without when the peer knows no lanes', async () => {
    const { connection } = await pair({ echo: (payload) => payload });
    const lane = new Lane(connection);
    expect(await lane.call('echo', 1, WITHIN)).toBe(1);
    expect(await lane.call('echo', 2, WITHIN)).toBe(2);
    expect(lane.isOver).toBe(false);
  });

  it('fails with the connection, and its handlers hear of it', async () => {
    let isAborted = false;
    const { lane, connection } = await laneTo({
      hang: (_payload, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            isAborted = true;
            reject(signal.reason as Error);
          });
        }),
    });
    const lost = rejection(lane.call('hang', null, WITHIN));
    await sleep(50);
    await connection.close();
    expect(await lost).toMatchObject({ code: 'unavailable' });
    expect(lane.isOver).toBe(true);
    await until(() => isAborted);
  });

  it('ends with the last call when the peer closes its lanes', async () => {
    const { lane, lanes } = await laneTo({
      wait: async () => {
        await sleep(100);
        return 'done';
      },
    });
    const running = lane.call('wait', null, WITHIN);
    await sleep(30);
    lanes.close();
    expect(await rejection(lane.call('wait', null, WITHIN))).toMatchObject({ code: 'unavailable' });
    expect(await running).toBe('done');
    await until(() => lane.isOver);
  });
});

describe('what no lane sends', () => {
  const first = 1;
  const call = callMessage({ id: 0, method: 'hang', payload: null, timeoutMs: 5_000 });
  it.each([
    ['another version', [2]],
    ['a text', [first, 'text']],
    ['an id that is taken', [first, call, call]],
  ])('ends it: %s', async (_what, messages) => {
    const lanes = new LaneHandlers({ hang: () => new Promise(() => undefined) });
    const { connection } = await pairWith(lanes.methods);
    const source = (async function* () {
      yield* messages;
      await new Promise(() => undefined);
    })();
    const answers = connection.duplex(LANE_METHOD, source, WITHIN);
    expect(await rejection(answers.next())).toMatchObject({ code: 'malformed' });
    // The place is free again.
    const lane = new Lane(connection);
    expect(await rejection(lane.call('hang', null, { timeoutMs: 50 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
  });

  it('is a second one on a connection', async () => {
    const { connection, lane } = await laneTo({ echo: (payload) => payload });
    expect(await lane.call('echo', 1, WITHIN)).toBe(1);
    const answers = connection.duplex(LANE_METHOD, [first], WITHIN);
    expect(await rejection(answers.next())).toMatchObject({ code: 'overloaded', reason: 'lanes' });
  });

  it('is calls without reading the answers: it holds a bounded number', async () => {
    const lanes = new LaneHandlers({ echo: () => 'x'.repeat(100_000) });
    const { connection } = await pairWith(lanes.methods);
    const source = (function* () {
      yield first;
      for (let id = 0; id < 5_000; id += 1) {
        yield callMessage({ id, method: 'echo', payload: null, timeoutMs: 5_000 });
      }
    })();
    const answers = connection.duplex(LANE_METHOD, source, { timeoutMs: 60_000 });
    // Nothing is read meanwhile, so that flow control stops the peer.
    await sleep(500);
    const seen: unknown[] = [];
    const failure = await (async () => {
      for await (const message of answers) seen.push(message);
      return undefined;
    })().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'overloaded' });
    expect(seen.length).toBeLessThan(4 * LANE_CALLS_MAX);
  });
});
