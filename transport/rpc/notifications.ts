import { IncomingContext } from './incoming-context.js';
import { TIMEOUT_MS_MAX } from './limits.js';
import { RpcError, type Handler } from './rpc.js';
import { isThenable, type IncomingOwner } from './unary-run.js';
import type { Notification } from './wire.js';

/** Notifications of a connection whose handlers run. */
export class Notifications {
  readonly #owner: IncomingOwner;
  readonly #contexts = new Set<IncomingContext>();

  constructor(owner: IncomingOwner) {
    this.#owner = owner;
  }

  /** Runs the handler of a notification; its result is dropped. */
  run(notification: Notification, requestBytes: number, isEarly: boolean): void {
    const { method, payload } = notification;
    const { dispatch, peerId, connection } = this.#owner;
    const kind = 'notification';
    // A notification says nothing of being sent twice: one of 0-RTT, which may be, is not run.
    const taken = dispatch.take({ peerId, method, kind, isEarly, isCallerIdempotent: false });
    if (taken instanceof RpcError) return;
    if (dispatch.requests.hold(peerId, requestBytes) !== undefined) {
      dispatch.release(peerId);
      return;
    }
    this.#owner.onHandlerBegin();
    // There is no caller who waits.
    const context = new IncomingContext(connection, TIMEOUT_MS_MAX);
    this.#contexts.add(context);
    const onError = (error: unknown): void => {
      this.#onEnd(context, requestBytes);
      dispatch.failureOf(method, peerId, error);
    };
    let result: unknown;
    try {
      result = dispatch.runOnce(kind, method, taken.handler as Handler, payload, context);
    } catch (error) {
      onError(error);
      return;
    }
    if (isThenable(result)) result.then(() => this.#onEnd(context, requestBytes), onError);
    else this.#onEnd(context, requestBytes);
  }

  /** The connection is over. */
  abort(error: RpcError): void {
    for (const context of this.#contexts) context.abort(error);
  }

  #onEnd(context: IncomingContext, requestBytes: number): void {
    const { dispatch, peerId } = this.#owner;
    this.#contexts.delete(context);
    dispatch.requests.letGo(peerId, requestBytes);
    dispatch.release(peerId);
    this.#owner.onHandlerEnd();
  }
}
