import type { ReadableStream } from 'node:stream/web';
import type { Connection } from '../quic/index.js';
import { IncomingBody, OutgoingBody, type Body } from './body.js';
import type { Exchange, ExchangeHandler } from './exchange.js';
import { Http3Connection, type Http3Options } from './http3-connection.js';
import { HTTP3_CODES, Http3Error } from './http3-error.js';
import { REQUESTS_RUNNING_MAX } from './limits.js';
import {
  checkTrailers,
  contentLength,
  decodeRequest,
  encodeResponse,
  type RequestHead,
  type ResponseHead,
} from './message.js';
import type { Field } from './qpack/static-table.js';

export interface Http3Request extends RequestHead {
  /** What nobody reads stays with the client. Cancel it when it is not wanted. */
  readonly body: ReadableStream<Uint8Array>;
  /** Aborted when the client gave up, or the connection is over. */
  readonly signal: AbortSignal;
  readonly connection: Connection;
}

export interface Http3Response extends ResponseHead {
  readonly body?: Body;
}

/** Answers a request; what it throws becomes status 500. */
export type Http3Handler = (request: Http3Request) => Http3Response | Promise<Http3Response>;

export interface Http3ServerOptions extends Omit<Http3Options, 'onRequest'> {
  readonly handler: Http3Handler;
  /**
   * Takes an extended CONNECT (RFC 9220): returns who handles the exchange from here, or undefined
   * to have it answered with 501.
   */
  readonly onConnect?: (head: RequestHead, exchange: Exchange) => ExchangeHandler | undefined;
}

/** Serves HTTP/3 on a connection that a client opened. Call it in `onConnection`. */
export function serveHttp3(quic: Connection, options: Http3ServerOptions): Http3Connection {
  const running: Running = { count: 0 };
  return new Http3Connection(quic, {
    ...options,
    onRequest: (exchange) => new ServerExchange(quic, exchange, options, running),
  });
}

/** Handlers that run for one connection. */
interface Running {
  count: number;
}

/** One request on the side of the server. */
class ServerExchange implements ExchangeHandler {
  readonly #quic: Connection;
  readonly #exchange: Exchange;
  readonly #options: Http3ServerOptions;
  readonly #running: Running;
  readonly #abort = new AbortController();
  readonly #outgoing: OutgoingBody;
  #incoming: IncomingBody | undefined;
  #taken: ExchangeHandler | undefined;

  constructor(quic: Connection, exchange: Exchange, options: Http3ServerOptions, running: Running) {
    this.#quic = quic;
    this.#exchange = exchange;
    this.#options = options;
    this.#running = running;
    this.#outgoing = new OutgoingBody(exchange);
  }

  onFields(fields: readonly Field[]): void {
    if (this.#taken !== undefined) {
      this.#taken.onFields(fields);
      return;
    }
    if (this.#incoming !== undefined) {
      checkTrailers(fields);
      return;
    }
    const head = decodeRequest(fields);
    if (head.method === 'CONNECT') {
      this.#onConnect(head);
      return;
    }
    if (this.#running.count >= REQUESTS_RUNNING_MAX) {
      throw new Http3Error('request-rejected', 'too many requests of this connection run already');
    }
    const incoming = new IncomingBody(this.#exchange, contentLength(head.fields));
    this.#incoming = incoming;
    void this.#answer({
      ...head,
      body: incoming.readable,
      signal: this.#abort.signal,
      connection: this.#quic,
    });
  }

  onBody(bytes: Uint8Array): void {
    if (this.#taken === undefined) this.#incoming?.push(bytes);
    else this.#taken.onBody(bytes);
  }

  onEnd(): void {
    if (this.#taken === undefined) this.#incoming?.end();
    else this.#taken.onEnd();
  }

  onDrained(): void {
    if (this.#taken === undefined) this.#outgoing.onDrained();
    else this.#taken.onDrained();
  }

  onStopped(code: number): void {
    this.#outgoing.stop();
    this.#abort.abort(new Http3Error('request-cancelled', `the client wants no answer: ${code}`));
    this.#taken?.onStopped(code);
  }

  onAborted(error: Http3Error): void {
    this.#outgoing.stop();
    this.#incoming?.fail(error);
    this.#abort.abort(error);
    this.#taken?.onAborted(error);
  }

  #onConnect(head: RequestHead): void {
    this.#taken = this.#options.onConnect?.(head, this.#exchange);
    if (this.#taken !== undefined) return;
    this.#exchange.sendFields(encodeResponse({ status: 501, fields: [] }), true);
    this.#exchange.stopReading();
  }

  async #answer(request: Http3Request): Promise<void> {
    let response: Http3Response;
    this.#running.count += 1;
    try {
      response = await this.#options.handler(request);
    } catch {
      // What went wrong is not for the client.
      response = { status: 500, fields: [] };
    } finally {
      this.#running.count -= 1;
    }
    if (this.#exchange.isOver) return;
    const { body } = response;
    const isEmpty = body === undefined || request.method === 'HEAD';
    this.#exchange.sendFields(encodeResponse(response), isEmpty);
    try {
      if (!isEmpty) await this.#outgoing.send(body);
    } catch {
      this.#exchange.abort(HTTP3_CODES['internal-error']);
    }
    // RFC 9114 4.1: what the client still sends is of no use.
    this.#incoming?.fail(new Http3Error('request-cancelled', 'the request has been answered'));
    this.#exchange.resume();
    this.#exchange.stopReading();
  }
}
