import { offAbort, onAbort } from './abort-listeners.js';
import {
  LANE_METHOD,
  LANE_REASON,
  LANE_VERSION,
  callMessage,
  cancelMessage,
  readAnswer,
  type LaneAnswer,
} from './lane-wire.js';
import { LANE_CALLS_MAX, TIMEOUT_MS_MAX } from './limits.js';
import { PushSource } from './push-source.js';
import { RpcError, type CallOptions, type Caller } from './rpc.js';

/** A lane is opened again when its call has lasted so long. */
const DAY: CallOptions = { timeoutMs: TIMEOUT_MS_MAX };

interface OpenCall {
  readonly method: string;
  readonly payload: unknown;
  readonly options: CallOptions;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
  /** Stops its timer and listener. */
  clear(): void;
}

/**
 * Many small unary calls of one connection on one stream. A stream a call costs quiche 0.18 a packet
 * each way, since it puts one stream into a packet; on a lane the calls of a turn, and their answers,
 * share packets. What is lost on the way holds up all calls of the lane: large messages have streams
 * of their own.
 *
 *   open --refused by a peer that knows no lanes--> unsupported   each call has its own stream
 *     '--- ended: deadline of a day, connection lost --> over     open another one
 */
export class Lane {
  readonly #caller: Caller;
  readonly #calls = new Map<number, OpenCall>();
  readonly #requests = new PushSource<unknown>();
  #nextId = 0;
  #state: 'open' | 'unsupported' | 'over' = 'open';

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#requests.push(LANE_VERSION);
    void this.#read();
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** As `call` of the connection: metadata, keys and urgency do not travel on a lane. */
  call(method: string, payload: unknown, options: CallOptions): Promise<unknown> {
    if (this.#state !== 'open' || this.#calls.size >= LANE_CALLS_MAX) {
      return this.#caller.call(method, payload, options);
    }
    const { timeoutMs, signal } = options;
    if (signal?.aborted === true) {
      const cause: unknown = signal.reason;
      const text = `'${method}' was cancelled before it was sent`;
      return Promise.reject(new RpcError('cancelled', text, { cause }));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const text = `'${method}' was not answered within ${Math.round(timeoutMs)} ms`;
        this.#giveUp(id, new RpcError('deadline-exceeded', text));
      }, timeoutMs);
      const onCancel = (): void => {
        const cause: unknown = signal?.reason;
        this.#giveUp(id, new RpcError('cancelled', `'${method}' was cancelled`, { cause }));
      };
      if (signal !== undefined) onAbort(signal, onCancel);
      const clear = (): void => {
        clearTimeout(timer);
        if (signal !== undefined) offAbort(signal, onCancel);
      };
      this.#calls.set(id, { method, payload, options, resolve, reject, clear });
      this.#requests.push(callMessage({ id, method, payload, timeoutMs }));
    });
  }

  async #read(): Promise<void> {
    try {
      const answers = this.#caller.duplex(LANE_METHOD, this.#requests, DAY);
      for await (const message of answers) this.#onAnswer(readAnswer(message));
      this.#end(new RpcError('unavailable', 'the peer ended the lane'));
    } catch (error) {
      this.#end(error);
    }
  }

  #onAnswer(answer: LaneAnswer): void {
    const call = this.#take(answer.id);
    // Nobody waits any more: it was late, or cancelled.
    if (call === undefined) return;
    if (!('error' in answer)) call.resolve(answer.payload);
    else if (answer.error.reason === LANE_REASON) this.#callAlone(call);
    else call.reject(answer.error);
  }

  #giveUp(id: number, error: RpcError): void {
    this.#take(id)?.reject(error);
    this.#requests.push(cancelMessage(id));
  }

  #take(id: number): OpenCall | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.clear();
    return call;
  }

  #end(error: unknown): void {
    const isUnknown = error instanceof RpcError && isUnsupported(error);
    this.#state = isUnknown ? 'unsupported' : 'over';
    this.#requests.end();
    const failure =
      error instanceof RpcError && error.code === 'unavailable'
        ? error
        : new RpcError('unavailable', 'the lane of the call ended', { cause: error });
    for (const id of this.#calls.keys()) {
      const call = this.#take(id);
      if (call === undefined) continue;
      // A peer that knows no lanes has run none of its calls.
      if (isUnknown) this.#callAlone(call);
      else call.reject(failure);
    }
  }

  /** On a stream of its own. */
  #callAlone({ method, payload, options, resolve }: OpenCall): void {
    resolve(this.#caller.call(method, payload, options));
  }
}

function isUnsupported({ code, reason }: RpcError): boolean {
  return code === 'unknown-method' || (code === 'unavailable' && reason === 'version');
}
