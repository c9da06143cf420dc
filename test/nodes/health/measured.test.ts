import { describe, expect, it } from 'vitest';

import { RequestMeter } from '../../../nodes/health/request-meter.js';
import { measured } from '../../../nodes/health/measured.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import type { CallContext, Handler, RpcErrorCode } from '../../../transport/rpc/rpc.js';

const never = new AbortController().signal;

function contextWith(signal: AbortSignal = never, timeoutMs = 5_000): CallContext {
  return { signal, timeoutMs } as CallContext;
}

/** What the meter has after one call of this handler. */
async function after(
  handler: Handler,
  context = contextWith(),
  method = 'memory.get',
): Promise<{ requests: number; faults: number }> {
  const meter = new RequestMeter();
  const call = measured({ [method]: handler }, meter)[method];
  await Promise.resolve(call?.({}, context)).catch(() => undefined);
  const { requests, faults } = meter.window(60_000);
  return { requests, faults };
}

const failing = (error: unknown): Handler => {
  return () => {
    throw error;
  };
};

function aborted(code: RpcErrorCode): AbortSignal {
  return AbortSignal.abort(new RpcError(code, 'it is over'));
}

const answered = { requests: 1, faults: 0 };
const fault = { requests: 1, faults: 1 };
const nothing = { requests: 0, faults: 0 };

describe('a measured handler', () => {
  it('passes on answers and errors as they are', async () => {
    const error = new RpcError('refused', 'no');
    const handlers = measured(
      { 'memory.get': (payload) => ({ payload }), 'memory.edges': failing(error) },
      new RequestMeter(),
    );
    expect(await handlers['memory.get']?.(7, contextWith())).toEqual({ payload: 7 });
    await expect(handlers['memory.edges']?.(7, contextWith())).rejects.toBe(error);
  });

  it.each<[string, object, object]>([
    ['an error that is no refusal', new Error('cannot read'), fault],
    ['internal', new RpcError('internal', ''), fault],
    ['overloaded', new RpcError('overloaded', ''), fault],
    ['a store that is not open', new RpcError('refused', '', { reason: 'directory' }), fault],
    ['a mistake of the caller', new RpcError('malformed', ''), answered],
    ['a refusal', new RpcError('refused', '', { reason: 'not-found' }), answered],
    ['no leader', new RpcError('refused', '', { reason: 'no-leader' }), nothing],
    ['a node that stops', new RpcError('refused', '', { reason: 'stopping' }), nothing],
    ['a node that has not caught up', new RpcError('unavailable', ''), nothing],
  ])('blames the node or not: %s', async (_what, error, expected) => {
    expect(await after(failing(error))).toEqual(expected);
  });

  it('tells a deadline from a caller who gave up', async () => {
    const hanging = failing(new Error('aborted'));
    expect(await after(hanging, contextWith(aborted('deadline-exceeded')))).toEqual(fault);
    expect(await after(hanging, contextWith(aborted('cancelled')))).toEqual(nothing);
    expect(await after(hanging, contextWith(aborted('deadline-exceeded'), 20))).toEqual(nothing);
    expect(await after(hanging, contextWith(AbortSignal.abort()))).toEqual(nothing);
  });

  it('counts what clients ask for, and not what members tell one another', async () => {
    expect(await after(() => null)).toEqual(answered);
    expect(await after(() => null, contextWith(), 'raft.message')).toEqual(nothing);
    expect(await after(() => null, contextWith(), 'client.hello')).toEqual(nothing);
  });
});
