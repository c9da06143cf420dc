import type {
  CallContext,
  CallKind,
  CallOptions,
  Caller,
  MessageSource,
  Method,
  Methods,
} from './rpc.js';
import { badOption } from './options.js';
import { RpcError } from './rpc.js';
import { iterated } from './streams.js';

/**
 * Makes a typed value of what a peer sent, or throws. A function, or anything with a `parse` such as a
 * schema of zod. What it throws must be fit for the peer's eyes: it is told.
 */
export type Parser<Value> =
  ((value: unknown) => Value) | { readonly parse: (value: unknown) => Value };

/** One method of a service: its kind, and what travels each way. */
export interface MethodShape<Kind extends CallKind, Request, Answer> {
  readonly kind: Kind;
  readonly request: Parser<Request>;
  readonly answer: Parser<Answer>;
  /** Calls may be run more than once: they may be retried, and ride in 0-RTT. */
  readonly isIdempotent: boolean;
}

export interface MethodOptions {
  readonly idempotent?: boolean;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- every shape is one of these
type AnyShape = MethodShape<CallKind, any, any>;
type Shapes = Readonly<Record<string, AnyShape>>;

/** A named group of methods, written once and used by both sides. */
export interface Service<Members extends Shapes> {
  readonly name: string;
  readonly methods: Members;
}

/** One message each way. */
export function unary<Request, Answer>(
  request: Parser<Request>,
  answer: Parser<Answer>,
  options: MethodOptions = {},
): MethodShape<'unary', Request, Answer> {
  return { kind: 'unary', request, answer, isIdempotent: options.idempotent === true };
}

/** One message there, any number back. */
export function serverStreaming<Request, Answer>(
  request: Parser<Request>,
  answer: Parser<Answer>,
  options: MethodOptions = {},
): MethodShape<'server-stream', Request, Answer> {
  return { kind: 'server-stream', request, answer, isIdempotent: options.idempotent === true };
}

/** Any number of messages there, one back. */
export function clientStreaming<Request, Answer>(
  request: Parser<Request>,
  answer: Parser<Answer>,
): MethodShape<'client-stream', Request, Answer> {
  return { kind: 'client-stream', request, answer, isIdempotent: false };
}

/** Any number of messages both ways. */
export function duplexStreaming<Request, Answer>(
  request: Parser<Request>,
  answer: Parser<Answer>,
): MethodShape<'duplex', Request, Answer> {
  return { kind: 'duplex', request, answer, isIdempotent: false };
}

/** A service; on the wire its methods are named `SERVICE.METHOD`. */
export function defineService<Members extends Shapes>(
  name: string,
  methods: Members,
): Service<Members> {
  return { name, methods };
}

type Source<Value> = AsyncIterable<Value> | Iterable<Value>;

type HandlerOf<Shape> =
  Shape extends MethodShape<infer Kind, infer Request, infer Answer>
    ? Kind extends 'unary'
      ? (request: Request, context: CallContext) => Promise<Answer> | Answer
      : Kind extends 'server-stream'
        ? (request: Request, context: CallContext) => Source<Answer>
        : Kind extends 'client-stream'
          ? (
              messages: AsyncIterableIterator<Request>,
              context: CallContext,
            ) => Promise<Answer> | Answer
          : (messages: AsyncIterableIterator<Request>, context: CallContext) => Source<Answer>
    : never;

type CallOf<Shape> =
  Shape extends MethodShape<infer Kind, infer Request, infer Answer>
    ? Kind extends 'unary'
      ? (request: Request, options: CallOptions) => Promise<Answer>
      : Kind extends 'server-stream'
        ? (request: Request, options: CallOptions) => AsyncIterableIterator<Answer>
        : Kind extends 'client-stream'
          ? (messages: Source<Request>, options: CallOptions) => Promise<Answer>
          : (messages: Source<Request>, options: CallOptions) => AsyncIterableIterator<Answer>
    : never;

/** What the answering side of a service writes. */
export type Implementation<Members extends Shapes> = {
  readonly [Name in keyof Members]: HandlerOf<Members[Name]>;
};

/** What the calling side of a service uses. */
export type Client<Members extends Shapes> = {
  readonly [Name in keyof Members]: CallOf<Members[Name]>;
};

/**
 * The methods of a service for `ListenOptions.methods`: requests are parsed before a handler runs.
 * Throws `RpcError` with reason `bad-option` when a method has no handler.
 */
export function serviceHandlers<Members extends Shapes>(
  service: Service<Members>,
  implementation: Implementation<Members>,
): Methods {
  const methods: Record<string, Method> = {};
  for (const [name, shape] of Object.entries(service.methods)) {
    const wireName = `${service.name}.${name}`;
    const handler: unknown = (implementation as Partial<Implementation<Members>>)[
      name as keyof Members
    ];
    if (typeof handler !== 'function') throw badOption(`${wireName} has no handler`);
    methods[wireName] = methodOf(wireName, shape, (handler as AnyHandler).bind(implementation));
  }
  return methods;
}

/** A service of a peer: answers are parsed before the caller sees them. */
export function serviceClient<Members extends Shapes>(
  service: Service<Members>,
  caller: Caller,
): Client<Members> {
  const calls: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(service.methods)) {
    calls[name] = callOf(`${service.name}.${name}`, shape, caller);
  }
  return calls as Client<Members>;
}

type AnyHandler = (request: unknown, context: CallContext) => unknown;

function methodOf(name: string, shape: AnyShape, handler: AnyHandler): Method {
  const { kind, isIdempotent } = shape;
  const parse = parserOf(shape.request, `the request for '${name}' is not what it takes`);
  const parsed: AnyHandler = (request, context) => handler(parse(request), context);
  const parsedEach: AnyHandler = (messages, context) =>
    handler(mapped(messages as AsyncIterable<unknown>, parse), context);
  switch (kind) {
    case 'unary':
      return { kind, isIdempotent, handler: parsed };
    case 'server-stream':
      return { kind, isIdempotent, handler: parsed as (request: unknown) => MessageSource };
    case 'client-stream':
      return { kind, isIdempotent, handler: parsedEach };
    case 'duplex':
      return { kind, isIdempotent, handler: parsedEach as (messages: unknown) => MessageSource };
  }
}

function callOf(name: string, shape: AnyShape, caller: Caller): unknown {
  const parse = parserOf(shape.answer, `the answer to '${name}' is not what it should be`);
  const adapt = (options: CallOptions): CallOptions =>
    shape.isIdempotent ? { idempotent: true, ...options } : options;
  switch (shape.kind) {
    case 'unary':
      return async (request: unknown, options: CallOptions) =>
        parse(await caller.call(name, request, adapt(options)));
    case 'server-stream':
      return (request: unknown, options: CallOptions) =>
        mapped(caller.serverStream(name, request, adapt(options)), parse);
    case 'client-stream':
      return async (messages: MessageSource, options: CallOptions) =>
        parse(await caller.clientStream(name, messages, options));
    case 'duplex':
      return (messages: MessageSource, options: CallOptions) =>
        mapped(caller.duplex(name, messages, options), parse);
  }
}

function parserOf(parser: Parser<unknown>, what: string): (value: unknown) => unknown {
  const parse = typeof parser === 'function' ? parser : (value: unknown) => parser.parse(value);
  return (value) => {
    try {
      return parse(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new RpcError('malformed', `${what}: ${why.slice(0, PARSE_ERROR_CHARACTERS_MAX)}`, {
        cause,
      });
    }
  };
}

/** Of what a parser says, as much travels. */
const PARSE_ERROR_CHARACTERS_MAX = 1_000;

/** Each message parsed; one that does not parse ends the iteration, and the call with it. */
function mapped(
  messages: AsyncIterable<unknown>,
  parse: (value: unknown) => unknown,
): AsyncIterableIterator<unknown> {
  const iterator = iterated(messages);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const result = await iterator.next();
      if (result.done === true) return result;
      try {
        return { done: false, value: parse(result.value) };
      } catch (error) {
        await iterator.return?.();
        throw error;
      }
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}
