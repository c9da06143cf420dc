import { MESSAGES_PER_TURN_MAX } from './limits.js';
import type { MessageSource } from './rpc.js';

/** Where the messages of a source go. */
export interface OutflowSink {
  /** Sends a message. False: wait until `resume` is called. What it throws ends the flow. */
  send(payload: unknown): boolean;
  onSourceEnd(): void;
  /** The source, or `send`, threw. */
  onSourceError(error: unknown): void;
}

/**
 * Takes messages out of a source one at a time, no faster than they can be sent: the source of a slow
 * reader simply is not asked for more. `stop` ends it from outside, which the source learns by
 * `return` of its iterator.
 */
export class Outflow {
  readonly #sink: OutflowSink;
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>;
  #isOver = false;
  #isAsking = false;
  #isBlocked = false;

  /** Throws `TypeError` when `source` cannot be iterated over. */
  constructor(source: MessageSource, sink: OutflowSink) {
    this.#sink = sink;
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  start(): void {
    this.#run();
  }

  /** There is room again. */
  resume(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#run();
  }

  /**
   * Takes no more, and lets the source clear up: a source that waits for something hears it when that
   * has come (it has its own signal for more). `onCleared` is called when it is done.
   */
  stop(onCleared: () => void = () => undefined): void {
    if (this.#isOver) {
      onCleared();
      return;
    }
    this.#isOver = true;
    // What a source throws while it clears up concerns nobody any more.
    try {
      const result: unknown = this.#iterator.return?.();
      if (result instanceof Promise) result.then(onCleared, onCleared);
      else onCleared();
    } catch {
      onCleared();
    }
  }

  #run(): void {
    for (let left = MESSAGES_PER_TURN_MAX; left > 0; left -= 1) {
      if (this.#isOver || this.#isBlocked || this.#isAsking) return;
      let result: IteratorResult<unknown> | Promise<IteratorResult<unknown>>;
      try {
        result = this.#iterator.next();
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (isPromiseLike(result)) {
        this.#await(result);
        return;
      }
      this.#take(result);
    }
    if (this.#isOver || this.#isBlocked) return;
    this.#isAsking = true;
    setImmediate(() => {
      this.#isAsking = false;
      this.#run();
    });
  }

  #await(result: PromiseLike<IteratorResult<unknown>>): void {
    this.#isAsking = true;
    result.then(
      (settled) => {
        this.#isAsking = false;
        this.#take(settled);
        this.#run();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #take(result: IteratorResult<unknown>): void {
    if (this.#isOver) return;
    if (result.done === true) {
      this.#isOver = true;
      this.#sink.onSourceEnd();
      return;
    }
    try {
      this.#isBlocked = !this.#sink.send(result.value);
    } catch (error) {
      this.stop();
      this.#sink.onSourceError(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onSourceError(error);
  }
}

function isPromiseLike(
  value: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>,
): value is PromiseLike<IteratorResult<unknown>> {
  return 'then' in value && typeof value.then === 'function';
}
