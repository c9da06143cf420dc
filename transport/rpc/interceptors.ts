import type { Metadata } from './metadata.js';
import type { CallContext, CallKind, CallOptions } from './rpc.js';

/** A call on its way through the interceptors of one side. */
export interface InterceptedCall {
  /** `caller`: it goes out from here. `handler`: it came in and is about to be run. */
  readonly side: 'caller' | 'handler';
  readonly method: string;
  /** A `notification` has no answer; only those that came in are intercepted. */
  readonly kind: CallKind | 'notification';
  /** The other side, proven. */
  readonly peerId: string;
  /** What is sent, or was received. Hand on a copy with more to send more. */
  readonly metadata: Metadata;
  /** The payload; of client streams and duplex calls the messages, an iterable. */
  readonly request: unknown;
  /** Of a call that goes out. */
  readonly options?: CallOptions;
  /** Of a call that came in. */
  readonly context?: CallContext;
}

/** A promise of unary calls, client streams and notifications; an iterable of the others. */
export type CallAnswer = Promise<unknown> | AsyncIterable<unknown>;

export type Next = (call: InterceptedCall) => CallAnswer;

/**
 * Something around every call of an endpoint, on either side: the first of a list is the outermost.
 * It may look at the call, hand on a changed one, refuse it by throwing an `RpcError`, answer by
 * itself, and look at the answer. For an answer to come later, return a promise or an async
 * generator, as the kind of the call demands. `onAnswerEnd` waits for the end of either.
 */
export type Interceptor = (call: InterceptedCall, next: Next) => CallAnswer;

/** Sends a call through the interceptors to `last`. What one throws is an answer that fails. */
export function intercept(
  interceptors: readonly Interceptor[],
  call: InterceptedCall,
  last: Next,
): CallAnswer {
  const at = (index: number, current: InterceptedCall): CallAnswer => {
    const interceptor = interceptors[index];
    if (interceptor === undefined) return last(current);
    return interceptor(current, (changed) => at(index + 1, changed));
  };
  return at(0, call);
}

/**
 * Calls `onEnd` once when the answer is complete, has failed (with the error), or nobody wants the
 * rest of it, and returns the answer to hand on.
 */
export function onAnswerEnd(
  answer: CallAnswer,
  onEnd: (end: { readonly error?: unknown; readonly isAbandoned?: boolean }) => void,
): CallAnswer {
  if (!isAsyncIterable(answer)) {
    return answer.then(
      (value: unknown) => {
        onEnd({});
        return value;
      },
      (error: unknown) => {
        onEnd({ error });
        throw error;
      },
    );
  }
  return watch(answer[Symbol.asyncIterator](), onEnd);
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** An iterator that is stepped by hand: a generator would not start before the first step. */
function watch(
  iterator: AsyncIterator<unknown>,
  onEnd: (end: { readonly error?: unknown; readonly isAbandoned?: boolean }) => void,
): AsyncIterableIterator<unknown> {
  let isOver = false;
  const end = (how: { readonly error?: unknown; readonly isAbandoned?: boolean }): void => {
    if (isOver) return;
    isOver = true;
    onEnd(how);
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const result = await iterator.next();
        if (result.done === true) end({});
        return result;
      } catch (error) {
        end({ error });
        throw error;
      }
    },
    async return() {
      end({ isAbandoned: true });
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}
