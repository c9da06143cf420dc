import { intercept, isAsyncIterable, type Interceptor } from './interceptors.js';
import { NO_METADATA } from './metadata.js';
import { checkTimeout } from './options.js';
import type { UnaryRequest } from './outgoing-call.js';
import type { OutgoingStream, StreamRequest } from './outgoing-stream.js';
import type { CallKind, CallOptions, Caller, MessageSource } from './rpc.js';
import { fromError, iterated } from './streams.js';

/** Begins calls, past all interceptors. */
export interface CallOpener {
  readonly peerId: string;
  openUnary(request: UnaryRequest): Promise<unknown>;
  /** Throws `RpcError`. */
  openStream(request: StreamRequest): OutgoingStream;
}

/** A call before it is begun. */
interface Draft {
  readonly method: string;
  readonly kind: CallKind;
  readonly request: unknown;
  readonly options: CallOptions;
}

/** The calls of a connection in the shapes that callers see, through the interceptors. */
export class Calls implements Caller {
  readonly #opener: CallOpener;
  readonly #interceptors: readonly Interceptor[];

  constructor(opener: CallOpener, interceptors: readonly Interceptor[]) {
    this.#opener = opener;
    this.#interceptors = interceptors;
  }

  call(method: string, payload: unknown, options: CallOptions): Promise<unknown> {
    checkTimeout(`the call of '${method}'`, options);
    if (this.#interceptors.length === 0)
      return this.#opener.openUnary({ method, payload, options });
    const draft: Draft = { method, kind: 'unary', request: payload, options };
    return this.#oneAnswer(draft, (changed) =>
      this.#opener.openUnary({ method, payload: changed.request, options: changed.options }),
    );
  }

  serverStream(
    method: string,
    payload: unknown,
    options: CallOptions,
  ): AsyncIterableIterator<unknown> {
    checkTimeout(`the call of '${method}'`, options);
    const kind = 'server-stream';
    return this.#manyAnswers({ method, kind, request: payload, options }, (changed) => {
      return { method, kind, payload: changed.request, options: changed.options };
    });
  }

  clientStream(method: string, messages: MessageSource, options: CallOptions): Promise<unknown> {
    checkTimeout(`the call of '${method}'`, options);
    const kind = 'client-stream';
    return this.#oneAnswer({ method, kind, request: messages, options }, async (changed) => {
      const source = changed.request as MessageSource;
      const request = { method, kind, messages: source, options: changed.options } as const;
      const stream = this.#opener.openStream(request);
      await stream.answers.next();
      return stream.answer;
    });
  }

  duplex(
    method: string,
    messages: MessageSource,
    options: CallOptions,
  ): AsyncIterableIterator<unknown> {
    checkTimeout(`the call of '${method}'`, options);
    const kind = 'duplex';
    return this.#manyAnswers({ method, kind, request: messages, options }, (changed) => {
      const source = changed.request as MessageSource;
      return { method, kind, messages: source, options: changed.options };
    });
  }

  async #oneAnswer(draft: Draft, last: (draft: Draft) => Promise<unknown>): Promise<unknown> {
    if (this.#interceptors.length === 0) return last(draft);
    const answer = this.#intercepted(draft, last);
    if (!isAsyncIterable(answer)) return answer;
    throw new TypeError('an interceptor answered a call of one answer with an iterable');
  }

  #manyAnswers(
    draft: Draft,
    requestOf: (draft: Draft) => StreamRequest,
  ): AsyncIterableIterator<unknown> {
    try {
      if (this.#interceptors.length === 0) {
        return this.#opener.openStream(requestOf(draft)).answers;
      }
      const answer = this.#intercepted(
        draft,
        (changed) => this.#opener.openStream(requestOf(changed)).answers,
      );
      if (isAsyncIterable(answer)) return iterated(answer);
      throw new TypeError('an interceptor answered a call of many answers with a promise');
    } catch (error) {
      return fromError(error);
    }
  }

  #intercepted(
    draft: Draft,
    last: (draft: Draft) => Promise<unknown> | AsyncIterable<unknown>,
  ): Promise<unknown> | AsyncIterable<unknown> {
    const { method, kind, request, options } = draft;
    const metadata = options.metadata ?? NO_METADATA;
    const { peerId } = this.#opener;
    const side = 'caller';
    return intercept(
      this.#interceptors,
      { side, method, kind, peerId, metadata, request, options },
      (changed) => {
        const sent = changed.options ?? options;
        const isPlain = changed.metadata === NO_METADATA;
        return last({
          ...draft,
          request: changed.request,
          options: isPlain ? sent : { ...sent, metadata: changed.metadata },
        });
      },
    );
  }
}
