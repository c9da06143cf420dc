import { describe, expect, it } from 'vitest';
import {
  RpcError,
  authorization,
  formatTraceparent,
  metrics,
  onAnswerEnd,
  readTraceparent,
  tracing,
  type Interceptor,
  type Methods,
  type SpanContext,
} from '../../../transport/rpc/index.js';
import { pairWith, rejection } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

const methods: Methods = {
  echo: { kind: 'unary', handler: (payload) => payload },
  fail: {
    kind: 'unary',
    handler: () => {
      throw new RpcError('refused', 'no');
    },
  },
  list: { kind: 'server-stream', handler: (payload) => payload as unknown[] },
  size: {
    kind: 'client-stream',
    handler: async (messages) => {
      let size = 0;
      for await (const _ of messages) size += 1;
      return size;
    },
  },
  same: { kind: 'duplex', handler: (messages) => messages },
};

async function all(messages: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

/** Writes down what passes. */
const logging =
  (name: string, log: string[]): Interceptor =>
  (call, next) => {
    log.push(`${name} ${call.side} ${call.kind} ${call.method}`);
    return onAnswerEnd(next(call), ({ error, isAbandoned }) => {
      const how = error === undefined ? 'ok' : (error as RpcError).code;
      log.push(`${name} ends ${isAbandoned === true ? 'abandoned' : how}`);
    });
  };

describe('interceptors', () => {
  it.each([
    ['unary', 'echo'],
    ['server-stream', 'list'],
    ['client-stream', 'size'],
    ['duplex', 'same'],
  ] as const)('run in order around a call of the kind %s, on both sides', async (kind, method) => {
    const log: string[] = [];
    const { connection } = await pairWith(methods, {
      server: { interceptors: [logging('c', log), logging('d', log)] },
      client: { callInterceptors: [logging('a', log), logging('b', log)] },
    });
    if (kind === 'unary') await connection.call(method, 1, WITHIN);
    if (kind === 'server-stream') await all(connection.serverStream(method, [1], WITHIN));
    if (kind === 'client-stream') await connection.clientStream(method, [1], WITHIN);
    if (kind === 'duplex') await all(connection.duplex(method, [1], WITHIN));
    await until(() => log.length === 8);
    expect(log.slice(0, 4)).toEqual([
      `a caller ${kind} ${method}`,
      `b caller ${kind} ${method}`,
      `c handler ${kind} ${method}`,
      `d handler ${kind} ${method}`,
    ]);
    expect(log.slice(4).toSorted()).toEqual(['a ends ok', 'b ends ok', 'c ends ok', 'd ends ok']);
  });

  it('see failures and streams that nobody reads on', async () => {
    const log: string[] = [];
    const { connection } = await pairWith(methods, {
      client: { callInterceptors: [logging('a', log)] },
    });
    await rejection(connection.call('fail', 1, WITHIN));
    for await (const _ of connection.serverStream('list', [1, 2, 3], WITHIN)) break;
    expect(log.filter((line) => line.includes('ends'))).toEqual([
      'a ends refused',
      'a ends abandoned',
    ]);
  });

  it('change requests, metadata and answers, and answer by themselves', async () => {
    const twice: Interceptor = async (call, next) => {
      const request = Number(call.request) * 2;
      const metadata = { ...call.metadata, by: call.side };
      const answer = await (next({ ...call, request, metadata }) as Promise<unknown>);
      return [answer, metadata];
    };
    const { connection } = await pairWith(
      {
        ...methods,
        tell: { kind: 'unary', handler: (payload, context) => [payload, context.metadata] },
      },
      { server: { interceptors: [twice] }, client: { callInterceptors: [twice] } },
    );
    expect(await connection.call('tell', 3, { ...WITHIN, metadata: { a: 'b' } })).toEqual([
      [[12, { a: 'b', by: 'handler' }], { a: 'b', by: 'handler' }],
      { a: 'b', by: 'caller' },
    ]);
  });

  it('that throw fail the call, of any kind', async () => {
    const refuse: Interceptor = () => {
      throw new RpcError('refused', 'not today', { reason: 'today' });
    };
    for (const options of [
      { server: { interceptors: [refuse] } },
      { client: { callInterceptors: [refuse] } },
    ]) {
      const { connection } = await pairWith(methods, options);
      const failures = await Promise.all([
        rejection(connection.call('echo', 1, WITHIN)),
        rejection(all(connection.serverStream('list', [1], WITHIN))),
        rejection(connection.clientStream('size', [1], WITHIN)),
        rejection(all(connection.duplex('same', [1], WITHIN))),
      ]);
      for (const failure of failures) expect(failure).toMatchObject({ reason: 'today' });
    }
  });
});

describe('authorization', () => {
  it('is by method and peer, also of notifications, and the caller is told', async () => {
    const notes: unknown[] = [];
    const asked: string[] = [];
    const { client, connection } = await pairWith(methods, {
      server: {
        handlers: {
          note: (payload) => notes.push(payload),
          open: (payload) => notes.push(payload),
        },
        interceptors: [
          authorization((method, peerId, call) => {
            asked.push(peerId);
            if (call.kind === 'notification') return method === 'open';
            return method === 'echo' || (method === 'list' ? 'it is for members' : false);
          }),
        ],
      },
    });
    expect(await connection.call('echo', 1, WITHIN)).toBe(1);
    expect(await rejection(all(connection.serverStream('list', [1], WITHIN)))).toMatchObject({
      code: 'permission-denied',
      message: "'list' is refused: it is for members",
    });
    expect(await rejection(connection.clientStream('size', [1], WITHIN))).toMatchObject({
      code: 'permission-denied',
      message: "'size' is refused: it is not allowed to this peer",
    });
    connection.notify('note', 1);
    connection.notify('open', 2);
    await until(() => asked.length === 5);
    expect(notes).toEqual([2]);
    expect(new Set(asked)).toEqual(new Set([client.peerId]));
  });
});

describe('metrics', () => {
  it('count by side, method and outcome, with latencies', async () => {
    const server = metrics();
    const client = metrics();
    const { connection } = await pairWith(methods, {
      server: { interceptors: [server.interceptor] },
      client: { callInterceptors: [client.interceptor] },
    });
    await connection.call('echo', 1, WITHIN);
    await connection.call('echo', 2, WITHIN);
    await rejection(connection.call('fail', 2, WITHIN));
    await rejection(connection.call('nothing', 2, WITHIN));
    await all(connection.serverStream('list', [1], WITHIN));
    for await (const _ of connection.serverStream('list', [1, 2], WITHIN)) break;
    const ended = (side: Record<string, { readonly ended: unknown }>): unknown =>
      Object.fromEntries(Object.entries(side).map(([name, each]) => [name, each.ended]));
    expect(ended(client.metrics.caller)).toEqual({
      echo: { ok: 2 },
      fail: { refused: 1 },
      nothing: { 'unknown-method': 1 },
      list: { ok: 1, abandoned: 1 },
    });
    expect(server.metrics.handler['echo']).toMatchObject({ running: 0, ended: { ok: 2 } });
    expect(server.metrics.handler['nothing']).toBeUndefined();
    const echo = client.metrics.caller['echo'];
    expect(echo?.latency.reduce((sum, each) => sum + each)).toBe(2);
    expect(echo?.latencySumMs).toBeGreaterThan(0);
    expect(JSON.parse(JSON.stringify(client.metrics))).toEqual(client.metrics);
  });

  it('put latencies into their buckets, and names beyond a thousand together', async () => {
    let now = 0;
    const { interceptor, metrics: all } = metrics(() => now);
    const call = { side: 'caller', kind: 'unary', peerId: 'p', metadata: {}, request: 1 } as const;
    const run = async (method: string, ms: number): Promise<unknown> =>
      interceptor({ ...call, method }, async () => {
        now += ms;
        return null;
      });
    for (const ms of [0.5, 0.6, 10_000, 10_001]) await run('m', ms);
    expect(all.caller['m']?.latency).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    for (let index = 0; index < 2_000; index += 1) await run(`m${index}`, 1);
    await run('__proto__', 1);
    expect(Object.keys(all.caller)).toHaveLength(1_025);
    expect(all.caller['*']?.ended).toEqual({ ok: 2_000 - 1_023 + 1 });
  });
});

describe('tracing', () => {
  it('joins the spans of both sides by traceparent, and tells how they ended', async () => {
    const spans: [string, SpanContext, SpanContext | undefined, unknown][] = [];
    const root: SpanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: false };
    const hooks = (active: SpanContext | undefined) => ({
      active: () => active,
      start: (
        span: SpanContext,
        parent: SpanContext | undefined,
        { side }: { readonly side: string },
      ) => {
        return (error?: unknown) => void spans.push([side, span, parent, error]);
      },
    });
    const { connection } = await pairWith(methods, {
      server: { interceptors: [tracing(hooks(undefined))] },
      client: { callInterceptors: [tracing(hooks(root))] },
    });
    await rejection(connection.call('fail', 1, WITHIN));
    await all(connection.serverStream('list', [1], WITHIN));
    await until(() => spans.length === 4);
    const handlers = spans.filter(([side]) => side === 'handler');
    const callers = spans.filter(([side]) => side === 'caller');
    callers.forEach(([, span, parent], index) => {
      expect(parent).toEqual(root);
      expect(span).toMatchObject({ traceId: root.traceId, isSampled: false });
      expect(handlers[index]?.[2]).toEqual(span);
      expect(handlers[index]?.[1].traceId).toBe(root.traceId);
      expect(handlers[index]?.[1].spanId).not.toBe(span.spanId);
    });
    expect(callers.map(([, , , error]) => (error as RpcError | undefined)?.code)).toEqual([
      'refused',
      undefined,
    ]);
  });

  const span = { traceId: '0123456789abcdef'.repeat(2), spanId: 'fedcba9876543210' };
  it.each([
    [`00-${span.traceId}-${span.spanId}-01`, { ...span, isSampled: true }],
    [`00-${span.traceId}-${span.spanId}-00`, { ...span, isSampled: false }],
    [`cc-${span.traceId}-${span.spanId}-03-later`, { ...span, isSampled: true }],
    [`00-${span.traceId}-${span.spanId}-01-later`, undefined],
    [`ff-${span.traceId}-${span.spanId}-01`, undefined],
    [`00-${'0'.repeat(32)}-${span.spanId}-01`, undefined],
    [`00-${span.traceId}-${'0'.repeat(16)}-01`, undefined],
    [`00-${span.traceId.toUpperCase()}-${span.spanId}-01`, undefined],
    ['', undefined],
  ])('reads %s as Trace Context says', (traceparent, expected) => {
    expect(readTraceparent({ traceparent })).toEqual(expected);
    if (traceparent.startsWith('00') && expected !== undefined) {
      expect(formatTraceparent(expected)).toBe(traceparent);
    }
  });

  it('knows no span in bytes', () => {
    expect(readTraceparent({ traceparent: Uint8Array.of(1) })).toBeUndefined();
    expect(readTraceparent({})).toBeUndefined();
  });
});
