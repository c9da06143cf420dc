import type { ReadableStream } from 'node:stream/web';
import { IncomingBody, OutgoingBody, type Body } from './body.js';
import type { Exchange, ExchangeHandler } from './exchange.js';
import type { Http3Connection } from './http3-connection.js';
import { HTTP3_CODES, Http3Error } from './http3-error.js';
import { INTERIM_RESPONSES_MAX } from './limits.js';
import {
  checkTrailers,
  contentLength,
  decodeResponse,
  encodeRequest,
  type RequestHead,
  type ResponseHead,
} from './message.js';
import type { Field } from './qpack/static-table.js';

export interface ReceivedResponse extends ResponseHead {
  /** What nobody reads stays with the server. Cancel it when it is not wanted. */
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * Makes a request. Rejects with `Http3Error`: `request-rejected` when the server takes no more
 * (nothing was done, try another connection), `request-cancelled`, `message-error`, ...
 */
export function requestHttp3(
  connection: Http3Connection,
  head: RequestHead,
  options: { readonly body?: Body; readonly signal?: AbortSignal } = {},
): Promise<ReceivedResponse> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const client = new ClientExchange(head, resolve, reject);
    const { body, signal } = options;
    const exchange = connection.request(encodeRequest(head), client, body === undefined);
    if (exchange === undefined) {
      reject(new Http3Error('request-rejected', 'the connection takes no more requests now'));
      return;
    }
    client.begin(exchange, body);
    signal?.addEventListener('abort', () => client.cancel(), { once: true });
  });
}

class ClientExchange implements ExchangeHandler {
  readonly #head: RequestHead;
  readonly #resolve: (response: ReceivedResponse) => void;
  readonly #reject: (error: Error) => void;
  #exchange: Exchange | undefined;
  #outgoing: OutgoingBody | undefined;
  #incoming: IncomingBody | undefined;
  #interimCount = 0;

  constructor(
    head: RequestHead,
    resolve: (response: ReceivedResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#head = head;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(exchange: Exchange, body: Body | undefined): void {
    this.#exchange = exchange;
    if (body === undefined) return;
    this.#outgoing = new OutgoingBody(exchange);
    this.#outgoing.send(body).catch(() => this.cancel());
  }

  cancel(): void {
    this.#exchange?.fail(new Http3Error('request-cancelled', 'the request was cancelled here'));
  }

  onFields(fields: readonly Field[]): void {
    if (this.#incoming !== undefined) {
      checkTrailers(fields);
      return;
    }
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const head = decodeResponse(fields);
    if (head.status < 200) {
      this.#interimCount += 1;
      if (this.#interimCount > INTERIM_RESPONSES_MAX) {
        throw new Http3Error(
          'excessive-load',
          `more than ${INTERIM_RESPONSES_MAX} interim answers`,
        );
      }
      exchange.expectHeadAgain();
      return;
    }
    // RFC 9110 8.6: an answer to HEAD, and 304, name the length of what they do not carry.
    const isBodiless = this.#head.method === 'HEAD' || head.status === 304;
    const length = contentLength(head.fields);
    this.#incoming = new IncomingBody(exchange, isBodiless ? 0 : length);
    this.#resolve({ ...head, body: this.#incoming.readable });
  }

  onBody(bytes: Uint8Array): void {
    this.#incoming?.push(bytes);
  }

  onEnd(): void {
    this.#incoming?.end();
  }

  onDrained(): void {
    this.#outgoing?.onDrained();
  }

  onStopped(code: number): void {
    this.#outgoing?.stop();
    // RFC 9114 4.1: with NO_ERROR the answer is worth reading.
    if (code !== HTTP3_CODES['no-error']) this.cancel();
  }

  onAborted(error: Http3Error): void {
    this.#outgoing?.stop();
    this.#incoming?.fail(error);
    this.#reject(error);
  }
}
