import type { Stream } from '../quic/stream.js';
import type { Dispatch } from './dispatch.js';
import { failedAnswer, type KeyedAnswer } from './idempotency.js';
import { IncomingContext, type CallFacts } from './incoming-context.js';
import { NO_METADATA, type Metadata } from './metadata.js';
import { RpcError, type Handler, type Method, type PeerConnection } from './rpc.js';

/** What the calls that come in on a connection share. */
export interface IncomingOwner {
  readonly peerId: string;
  readonly connection: PeerConnection;
  readonly dispatch: Dispatch;
  /** A handler of this connection begins and ends; it has a place of `dispatch` in between. */
  onHandlerBegin(): void;
  onHandlerEnd(): void;
  /** True when the peer reads too slowly for one more answer. */
  readonly isSendFull: boolean;
  /** Longest message that the peer takes. */
  readonly peerMessageBytesMax: number;
  awaitSendRoom(resume: () => void): void;
  onSendRoom(): void;
}

/** How an answer is written in a version of the wire. */
export interface AnswerWire {
  answer(payload: unknown, metadata: Metadata, bytesMax: number): Uint8Array;
  failure(error: RpcError, metadata: Metadata): Uint8Array;
}

/** A unary call that has come in whole, in any version. */
export interface UnaryCall {
  readonly method: string;
  readonly timeoutMs: number;
  readonly payload: unknown;
  /** How long it was on the wire; 0 for one that rode in its head. */
  readonly requestBytes: number;
  readonly facts?: CallFacts;
  readonly isIdempotent?: boolean;
}

/**
 * Runs a unary call: it is answered once, by the handler or by the deadline. A handler that does not
 * return a promise is answered in the same turn.
 */
export class UnaryRun {
  readonly #owner: IncomingOwner;
  readonly #stream: Stream;
  readonly #wire: AnswerWire;
  #context: IncomingContext | undefined;
  #timer: NodeJS.Timeout | undefined;
  #heldBytes = 0;
  #isOver = false;

  constructor(owner: IncomingOwner, stream: Stream, wire: AnswerWire) {
    this.#owner = owner;
    this.#stream = stream;
    this.#wire = wire;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  run(call: UnaryCall): void {
    const { method, timeoutMs, facts } = call;
    this.#context = new IncomingContext(this.#owner.connection, timeoutMs, facts);
    const refusal = this.#hold(call.requestBytes);
    if (refusal !== undefined) return this.answerFailure(refusal);
    const key = facts?.idempotencyKey;
    if (key === undefined) this.#start(call, this.#context);
    else {
      this.armDeadline(method, timeoutMs);
      void this.#runWithKey(call, key, this.#context).finally(() => this.#letGo());
    }
  }

  /** Ends the call if it has not been answered by then. */
  armDeadline(method: string, timeoutMs: number, onLate?: () => void): void {
    if (this.#timer !== undefined || this.#isOver) return;
    this.#timer = setTimeout(() => {
      this.#onDeadline(method, timeoutMs);
      onLate?.();
    }, timeoutMs);
  }

  answerFailure(error: RpcError): void {
    if (!this.#end()) return;
    this.#stream.write(this.#wire.failure(error, this.#trailer), true);
  }

  /** Nobody waits for the answer any more. */
  abandon(reason: RpcError): void {
    this.#context?.abort(reason);
    this.#end();
  }

  get #trailer(): Metadata {
    return this.#context?.trailer ?? NO_METADATA;
  }

  /** Takes a place for the handler, or answers why there is none. */
  #take(call: UnaryCall): Method | undefined {
    const { method, isIdempotent } = call;
    const taken = this.#owner.dispatch.take({
      peerId: this.#owner.peerId,
      method,
      kind: 'unary',
      isEarly: this.#stream.isEarly,
      isCallerIdempotent: isIdempotent === true,
    });
    if (!(taken instanceof RpcError)) {
      this.#owner.onHandlerBegin();
      return taken;
    }
    this.answerFailure(taken);
    return undefined;
  }

  #start(call: UnaryCall, context: IncomingContext): void {
    const { method, timeoutMs, payload } = call;
    const taken = this.#take(call);
    if (taken === undefined) return this.#letGo();
    let result: unknown;
    try {
      result = this.#invoke(taken, method, payload, context);
    } catch (error) {
      this.#onHandlerError(method, error);
      return;
    }
    if (!isThenable(result)) {
      this.#onHandlerResult(method, result);
      return;
    }
    this.armDeadline(method, timeoutMs);
    result.then(
      (value) => this.#onHandlerResult(method, value),
      (error: unknown) => this.#onHandlerError(method, error),
    );
  }

  #invoke(taken: Method, method: string, payload: unknown, context: IncomingContext): unknown {
    const handler = taken.handler as Handler;
    return this.#owner.dispatch.runOnce('unary', method, handler, payload, context);
  }

  /** Runs the call unless another with its key has; see idempotency.ts. */
  async #runWithKey(call: UnaryCall, key: string, context: IncomingContext): Promise<void> {
    const { peerId, dispatch } = this.#owner;
    const { method, payload } = call;
    while (!this.#isOver) {
      const claim = dispatch.answers.claim({ peerId, key, method, payload }, performance.now());
      if (claim.kind === 'answered') return this.#write(claim.frame);
      if (claim.kind === 'conflict') return this.answerFailure(claim.error);
      if (claim.kind === 'join') {
        const answer = await claim.answer;
        if (answer !== undefined) return this.#write(answer.frame);
        continue;
      }
      let answer: KeyedAnswer | undefined;
      try {
        answer = await this.#answerOf(call, context);
      } finally {
        claim.settle(answer, performance.now());
      }
      if (answer !== undefined) this.#write(answer.frame);
      return;
    }
  }

  /** The answer of the handler as bytes; undefined when it was not run, which has been answered. */
  async #answerOf(call: UnaryCall, context: IncomingContext): Promise<KeyedAnswer | undefined> {
    const { method, payload } = call;
    const taken = this.#take(call);
    if (taken === undefined) return undefined;
    try {
      const result = await this.#invoke(taken, method, payload, context);
      return { frame: this.#encode(method, result), isFinal: true, isOfItsCaller: false };
    } catch (error) {
      const { dispatch, peerId } = this.#owner;
      const failure = dispatch.failureOf(method, peerId, error);
      return failedAnswer(this.#wire.failure(failure, context.trailer), failure);
    } finally {
      this.#release();
    }
  }

  #onHandlerResult(method: string, result: unknown): void {
    this.#release();
    if (this.#isOver) return;
    if (this.#owner.isSendFull) {
      this.answerFailure(tooManyAnswers());
      return;
    }
    let frame: Uint8Array;
    try {
      frame = this.#encode(method, result);
    } catch (error) {
      this.answerFailure(error as RpcError);
      return;
    }
    this.#write(frame);
  }

  #encode(method: string, result: unknown): Uint8Array {
    try {
      return this.#wire.answer(result, this.#trailer, this.#owner.peerMessageBytesMax);
    } catch (error) {
      throw this.#owner.dispatch.unsendable(method, this.#owner.peerId, error);
    }
  }

  #onHandlerError(method: string, error: unknown): void {
    this.#release();
    const { dispatch, peerId } = this.#owner;
    this.answerFailure(dispatch.failureOf(method, peerId, error));
  }

  #write(frame: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#owner.isSendFull) {
      this.answerFailure(tooManyAnswers());
      return;
    }
    this.#end();
    this.#stream.write(frame, true);
  }

  #onDeadline(method: string, timeoutMs: number): void {
    const text = `the handler of '${method}' did not answer within ${timeoutMs} ms`;
    const error = new RpcError('deadline-exceeded', text);
    this.#context?.abort(error);
    this.answerFailure(error);
  }

  #hold(bytes: number): RpcError | undefined {
    const { dispatch, peerId } = this.#owner;
    const refusal = dispatch.requests.hold(peerId, bytes);
    if (refusal === undefined) this.#heldBytes = bytes;
    return refusal;
  }

  #letGo(): void {
    this.#owner.dispatch.requests.letGo(this.#owner.peerId, this.#heldBytes);
    this.#heldBytes = 0;
  }

  #release(): void {
    this.#letGo();
    this.#owner.dispatch.release(this.#owner.peerId);
    this.#owner.onHandlerEnd();
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    return true;
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}

/** What of a peer cannot be read is malformed, whatever was thrown. */
export function asRpcError(error: unknown): RpcError {
  return error instanceof RpcError
    ? error
    : new RpcError('malformed', 'the request cannot be read');
}

function tooManyAnswers(): RpcError {
  return new RpcError('overloaded', 'too many answers wait to be read', { reason: 'send-bytes' });
}
