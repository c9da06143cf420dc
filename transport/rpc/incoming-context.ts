import type { CallContext, RpcConnection, RpcError } from './rpc.js';

/**
 * Context of one call or notification; the signal is made when a handler asks for it, since most
 * never do.
 */
export class IncomingContext implements CallContext {
  readonly connection: RpcConnection;
  readonly timeoutMs: number;
  #controller: AbortController | undefined;
  #abortedBy: RpcError | undefined;

  constructor(connection: RpcConnection, timeoutMs: number) {
    this.connection = connection;
    this.timeoutMs = timeoutMs;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedBy !== undefined) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  abort(reason: RpcError): void {
    if (this.#abortedBy !== undefined) return;
    this.#abortedBy = reason;
    this.#controller?.abort(reason);
  }
}
