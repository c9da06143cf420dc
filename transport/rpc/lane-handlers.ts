import { onAbort } from './abort-listeners.js';
import { malformed } from './codec.js';
import { IncomingContext } from './incoming-context.js';
import {
  LANE_METHOD,
  LANE_REASON,
  LANE_VERSION,
  answerMessage,
  failureMessage,
  readRequest,
  type LaneCall,
} from './lane-wire.js';
import { LANE_CALLS_MAX } from './limits.js';
import { PushSource } from './push-source.js';
import {
  RpcError,
  type CallContext,
  type Handlers,
  type Methods,
  type PeerConnection,
} from './rpc.js';
import { asRpcError, isThenable } from './unary-run.js';

/** Told of what a handler threw that is no `RpcError`; the caller only hears `internal`. */
type OnHandlerError = (method: string, peerId: string, error: unknown) => void;

/**
 * The peer's side of lanes (lane.ts): runs the calls of each with the handlers that are given, which
 * should be those of small messages. One lane a connection. The calls of a lane count as one for the
 * admission of the endpoint, and have `LANE_CALLS_MAX` for themselves.
 */
export class LaneHandlers {
  readonly methods: Methods;
  readonly #handlers: ReadonlyMap<string, Handlers[string]>;
  readonly #onError: OnHandlerError;
  readonly #runs = new Map<PeerConnection, LaneRun>();
  #isClosing = false;

  constructor(handlers: Handlers, onError: OnHandlerError = () => undefined) {
    this.#handlers = new Map(Object.entries(handlers));
    this.#onError = onError;
    this.methods = {
      [LANE_METHOD]: {
        kind: 'duplex',
        handler: (messages, context) => this.#open(messages, context),
      },
    };
  }

  /** Ends each lane with the last call that runs on it, and takes no more. */
  close(): void {
    this.#isClosing = true;
    for (const run of this.#runs.values()) run.retire();
  }

  #open(messages: AsyncIterable<unknown>, context: CallContext): PushSource<unknown> {
    const { connection } = context;
    if (this.#isClosing) throw new RpcError('unavailable', 'the peer is shutting down');
    if (this.#runs.has(connection)) {
      throw new RpcError('overloaded', 'the connection has a lane already', { reason: 'lanes' });
    }
    const run = new LaneRun(this.#handlers, this.#onError, context, () => {
      if (this.#runs.get(connection) === run) this.#runs.delete(connection);
    });
    this.#runs.set(connection, run);
    void run.read(messages);
    return run.answers;
  }
}

class LaneRun {
  /** At most one waits for each call that came in, and these are bounded. */
  readonly answers: PushSource<unknown>;
  readonly #handlers: ReadonlyMap<string, Handlers[string]>;
  readonly #onError: OnHandlerError;
  readonly #connection: PeerConnection;
  readonly #calls = new Map<number, IncomingContext>();
  readonly #onOver: () => void;
  #isRetiring = false;

  constructor(
    handlers: ReadonlyMap<string, Handlers[string]>,
    onError: OnHandlerError,
    context: CallContext,
    onOver: () => void,
  ) {
    this.#handlers = handlers;
    this.#onError = onError;
    this.#connection = context.connection;
    this.#onOver = onOver;
    this.answers = new PushSource(() => this.#abort());
    onAbort(context.signal, () => this.#abort());
  }

  async read(messages: AsyncIterable<unknown>): Promise<void> {
    try {
      let isFirst = true;
      for await (const message of messages) {
        if (isFirst) checkVersion(message);
        else this.#onMessage(message);
        isFirst = false;
      }
      this.retire();
    } catch (error) {
      // What cannot be read ends the lane.
      this.#abort(asRpcError(error));
    }
  }

  retire(): void {
    this.#isRetiring = true;
    if (this.#calls.size > 0) return;
    this.answers.end();
    this.#onOver();
  }

  #onMessage(message: unknown): void {
    const request = readRequest(message);
    if ('cancelled' in request) {
      const reason = new RpcError('cancelled', 'the caller cancelled');
      this.#calls.get(request.cancelled)?.abort(reason);
      return;
    }
    const { id, method } = request;
    if (this.#calls.has(id)) throw malformed('a call of a lane has the id of another');
    const handler = this.#handlers.get(method);
    if (this.#isRetiring) this.#refuse(id, 'unavailable', 'the peer is shutting down');
    else if (handler === undefined) {
      this.#refuse(id, 'unknown-method', `the peer has no method '${method}' on lanes`);
    } else if (this.#calls.size + this.answers.size >= LANE_CALLS_MAX) {
      this.#refuse(id, 'overloaded', `${LANE_CALLS_MAX} calls of the lane are not over`);
    } else this.#run(handler, request);
  }

  #run(handler: Handlers[string], { id, method, payload, timeoutMs }: LaneCall): void {
    const context = new IncomingContext(this.#connection, timeoutMs);
    this.#calls.set(id, context);
    let result: unknown;
    try {
      result = handler(payload, context);
    } catch (error) {
      this.#fail(id, method, error);
      return;
    }
    if (!isThenable(result)) {
      this.#answer(id, result);
      return;
    }
    // The caller has its own deadline; this one is for a handler that would go on without it.
    const timer = setTimeout(() => {
      const text = `the handler of '${method}' did not answer within ${timeoutMs} ms`;
      context.abort(new RpcError('deadline-exceeded', text));
    }, timeoutMs);
    result.then(
      (value) => {
        clearTimeout(timer);
        this.#answer(id, value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        this.#fail(id, method, error);
      },
    );
  }

  #answer(id: number, payload: unknown): void {
    this.answers.push(answerMessage(id, payload));
    this.#onCallOver(id);
  }

  #fail(id: number, method: string, error: unknown): void {
    if (!(error instanceof RpcError)) this.#onError(method, this.#connection.peerId, error);
    const failure =
      error instanceof RpcError
        ? error
        : new RpcError('internal', `the handler of '${method}' failed`);
    this.answers.push(failureMessage(id, failure));
    this.#onCallOver(id);
  }

  #refuse(id: number, code: 'unavailable' | 'unknown-method' | 'overloaded', text: string): void {
    if (this.answers.size >= 2 * LANE_CALLS_MAX) {
      throw new RpcError('overloaded', 'the answers of the lane are not read');
    }
    const options = code === 'unavailable' ? {} : { reason: LANE_REASON };
    this.answers.push(failureMessage(id, new RpcError(code, text, options)));
  }

  #onCallOver(id: number): void {
    this.#calls.delete(id);
    if (this.#isRetiring) this.retire();
  }

  /** The caller is gone, or sent what ends the lane. */
  #abort(error?: RpcError): void {
    const reason = new RpcError('cancelled', 'the lane of the call has ended');
    for (const context of this.#calls.values()) context.abort(reason);
    this.#isRetiring = true;
    this.answers.end(error);
    this.#onOver();
  }
}

function checkVersion(message: unknown): void {
  if (message !== LANE_VERSION) {
    throw malformed(`a lane has version ${String(message)}; only ${LANE_VERSION} is known`);
  }
}
