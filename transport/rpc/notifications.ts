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
  run(notification: Notification, isEarly: boolean): void {
    const { method, payload } = notification;
    const { dispatch, peerId, connection } = this.#owner;
    const kind = 'notification';
    // A notification says nothing of being sent twice: one of 0-RTT, which may be, is not run.
    const taken = dispatch.take({ peerId, method, kind, isEarly, isCallerIdempotent: false });
    if (taken instanceof RpcError) return;
    this.#owner.onHandlerBegin();
    // There is no caller who waits.
    const context = new IncomingContext(connection, TIMEOUT_MS_MAX);
    this.#contexts.add(context);
    const onError = (error: unknown): void => {
      this.#onEnd(context);
      dispatch.failureOf(method, peerId, error);
    };
    let result: unknown;
    try {
      result = dispatch.runOnce(kind, method, taken.handler as Handler, payload, context);
    } catch (error) {
      onError(error);
      return;
    }
    if (isThenable(result)) result.then(() => this.#onEnd(context), onError);
    else this.#onEnd(context);
  }

  /** The connection is over. */
  abort(error: RpcError): void {
    for (const context of this.#contexts) context.abort(error);
  }

  #onEnd(context: IncomingContext): void {
    this.#contexts.delete(context);
    this.#owner.dispatch.release(this.#owner.peerId);
    this.#owner.onHandlerEnd();
  }
}
