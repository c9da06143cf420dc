import { Admission, type LoadLimits } from './admission.js';
import { IdempotentAnswers } from './idempotency.js';
import type { IncomingContext } from './incoming-context.js';
import { intercept, isAsyncIterable, type Interceptor } from './interceptors.js';
import { RequestBytes } from './request-bytes.js';
import {
  RpcError,
  type CallKind,
  type Handler,
  type MessageSource,
  type Method,
  type Methods,
} from './rpc.js';
import { RESERVED_PREFIX } from './wire.js';

/** A cheap call that every endpoint answers, to see whether it is alive. */
export const PING_METHOD = '$ping';

const PING: Method = { kind: 'unary', isIdempotent: true, handler: () => null };

export interface DispatchOptions {
  readonly methods: Methods;
  readonly interceptors?: readonly Interceptor[];
  readonly load?: LoadLimits;
  readonly onHandlerError?: (method: string, peerId: string, error: unknown) => void;
}

/** What came in, as far as it decides whether it is run. */
export interface Arrival {
  readonly peerId: string;
  readonly method: string;
  readonly kind: CallKind | 'notification';
  /** It came in 0-RTT: it may be a replay of something recorded. */
  readonly isEarly: boolean;
  readonly isCallerIdempotent: boolean;
}

/** Decides which handler runs for what comes in, for all connections of an endpoint. */
export class Dispatch {
  readonly answers = new IdempotentAnswers();
  readonly requests: RequestBytes;
  isClosing = false;

  readonly #methods: ReadonlyMap<string, Method>;
  readonly #interceptors: readonly Interceptor[];
  readonly #admission: Admission;
  readonly #onHandlerError: NonNullable<DispatchOptions['onHandlerError']>;

  constructor(options: DispatchOptions) {
    this.#methods = new Map(Object.entries(options.methods));
    this.#interceptors = options.interceptors ?? [];
    this.#admission = new Admission(options.load);
    this.requests = new RequestBytes(options.load);
    this.#onHandlerError = options.onHandlerError ?? warnOnce();
  }

  /**
   * The method to run, or why it is not run now. One that is returned counts as running until
   * `release`.
   */
  take(arrival: Arrival): Method | RpcError {
    if (this.isClosing) return new RpcError('unavailable', 'the peer is shutting down');
    const method = this.#find(arrival);
    if (method instanceof RpcError) return method;
    if (arrival.isEarly && !(arrival.isCallerIdempotent && method.isIdempotent === true)) {
      const text = `'${arrival.method}' may not be run before the handshake is over`;
      return new RpcError('too-early', text);
    }
    return this.#admission.enter(arrival.peerId, now) ?? method;
  }

  /** A handler that `take` returned has come to its end. */
  release(peerId: string): void {
    this.#admission.leave(peerId);
  }

  /** Runs the handler of a unary call or a notification, through the interceptors. */
  runOnce(
    kind: 'unary' | 'notification',
    method: string,
    handler: Handler,
    payload: unknown,
    context: IncomingContext,
  ): unknown {
    if (this.#interceptors.length === 0) return handler(payload, context);
    const arrival = { kind, method, peerId: context.connection.peerId };
    return this.#through(arrival, payload, context, async (request) => handler(request, context));
  }

  /** Runs the handler of a client stream. */
  runClientStream(
    arrival: Pick<Arrival, 'method' | 'peerId'>,
    method: Method & { readonly kind: 'client-stream' },
    messages: AsyncIterableIterator<unknown>,
    context: IncomingContext,
  ): unknown {
    const { kind, handler } = method;
    if (this.#interceptors.length === 0) return handler(messages, context);
    return this.#through({ ...arrival, kind }, messages, context, async (request) =>
      handler(request as AsyncIterableIterator<unknown>, context),
    );
  }

  /** Runs the handler of a call that answers with many messages. Throws what it throws. */
  runStream(
    arrival: Pick<Arrival, 'method' | 'peerId'>,
    method: Method & { readonly kind: 'server-stream' | 'duplex' },
    request: unknown,
    context: IncomingContext,
  ): MessageSource {
    const { kind } = method;
    const handler = method.handler as (request: unknown, context: IncomingContext) => MessageSource;
    if (this.#interceptors.length === 0) return handler(request, context);
    return this.#through({ ...arrival, kind }, request, context, (changed) =>
      asAsyncIterable(handler(changed, context)),
    ) as AsyncIterable<unknown>;
  }

  /** What a caller is told of something that a handler threw. */
  failureOf(method: string, peerId: string, error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    this.#onHandlerError(method, peerId, error);
    // What a handler throws may hold paths, queries or secrets: the peer is told that it failed, no
    // more.
    return new RpcError('internal', `the handler of '${method}' failed`);
  }

  /** The same for an answer that cannot be sent. */
  unsendable(method: string, peerId: string, error: unknown): RpcError {
    this.#onHandlerError(method, peerId, error);
    if (error instanceof RpcError && error.reason === 'message-too-long') {
      const text = `the answer is too large: ${error.message} (by the handler of '${method}')`;
      return new RpcError('internal', text, { reason: error.reason });
    }
    return new RpcError('internal', `the answer of the handler of '${method}' cannot be sent`);
  }

  #find(arrival: Arrival): Method | RpcError {
    const { method: name, kind } = arrival;
    if (name === PING_METHOD && kind === 'unary') return PING;
    const method = this.#methods.get(name);
    if (method === undefined || name.startsWith(RESERVED_PREFIX)) {
      return new RpcError('unknown-method', `the peer has no method '${name}'`);
    }
    if (method.kind !== (kind === 'notification' ? 'unary' : kind)) {
      const text = `'${name}' is of the kind ${method.kind} and was called as ${kind}`;
      return new RpcError('unknown-method', text, { reason: 'kind' });
    }
    return method;
  }

  #through(
    arrival: Pick<Arrival, 'method' | 'peerId' | 'kind'>,
    request: unknown,
    context: IncomingContext,
    run: (request: unknown) => Promise<unknown> | AsyncIterable<unknown>,
  ): Promise<unknown> | AsyncIterable<unknown> {
    const { method, kind, peerId } = arrival;
    const { metadata } = context;
    return intercept(
      this.#interceptors,
      { side: 'handler', method, kind, peerId, metadata, request, context },
      (call) => {
        context.metadata = call.metadata;
        return run(call.request);
      },
    );
  }
}

/** Tells of the first error of each method, for whoever has not asked to hear of all. */
function warnOnce(): NonNullable<DispatchOptions['onHandlerError']> {
  // Only methods that there are come here.
  const warned = new Set<string>();
  return (method, _peerId, error) => {
    if (warned.has(method)) return;
    warned.add(method);
    const isError = error instanceof Error;
    const text = `the handler of '${method}' failed: ${isError ? error.message : String(error)}`;
    process.emitWarning(`${text} (told once; onHandlerError of listenRpc hears of each)`, {
      code: 'AGENTIC_FLOW_HANDLER',
      ...(isError && error.stack !== undefined ? { detail: error.stack } : {}),
    });
  };
}

const now = (): number => performance.now();

/** What a handler of many messages returned, for interceptors that await. */
function asAsyncIterable(source: MessageSource): AsyncIterable<unknown> {
  return isAsyncIterable(source) ? source : fromIterable(source);
}

async function* fromIterable(source: Iterable<unknown>): AsyncGenerator<unknown> {
  yield* source;
}
